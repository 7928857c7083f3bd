//! Configurations: from files and bytes, with errors that name the file; by name; changed while
//! serving.

use std::fs;
use std::path::PathBuf;

use retwist_reactor::testing::Pair;
use retwist_reactor::{Layer, error_chain};
use retwist_tls::{
    ClientOptions, ConfigError, Identities, Identity, Resumption, ServerOptions, TlsRole,
    TlsTransport, TrustRoots,
};

use crate::common::{AUTHORITY, Authority, client_config, quiet, tape};

/// A directory of the test's own, gone at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("retwist-tls-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The serial number of the certificate that a client of `name` gets from this server, as bytes.
fn shown(role: &TlsRole, name: &str) -> Result<Vec<u8>, String> {
    let config = ClientOptions::new(AUTHORITY.roots())
        .no_resumption()
        .build()
        .unwrap();
    let (a, notes) = quiet();
    let dial = TlsRole::client(config, name).unwrap();
    let pair = Pair::new(
        TlsTransport::new(dial, a).as_protocol(),
        TlsTransport::new(role.clone(), quiet().0).as_protocol(),
    );
    pair.run();
    match notes.log().first().map(String::as_str) {
        Some("made") => {
            let info = TlsTransport::of(&notes.transport()).unwrap();
            Ok(info.peer_certificates[0].to_vec())
        }
        _ => Err(notes.reason()),
    }
}

#[test]
fn chain_and_key_in_one_file_or_two() {
    let files = Scratch::new("files");
    let (chain, key) = AUTHORITY.certify(&["localhost"]);
    let both = files.put("both.pem", format!("{key}{chain}"));
    let (chain, key) = (files.put("chain.pem", chain), files.put("key.pem", key));
    let identities = [
        Identity::from_pem_file(&both).unwrap(),
        Identity::from_pem_files(&chain, &key).unwrap(),
        Identity::from_pem(fs::read(&both).unwrap(), fs::read(&both).unwrap()).unwrap(),
    ];
    for identity in identities {
        let expected = identity.certificates()[0].to_vec();
        let role = TlsRole::server(ServerOptions::new(identity).build().unwrap());
        assert_eq!(shown(&role, "localhost"), Ok(expected));
    }
}

#[test]
fn errors_name_the_file_and_say_why() {
    let files = Scratch::new("errors");
    let (chain, key) = AUTHORITY.certify(&["localhost"]);
    let (_, other_key) = AUTHORITY.certify(&["localhost"]);
    let chain = files.put("chain.pem", chain);
    let key = files.put("key.pem", key);
    let other_key = files.put("other-key.pem", other_key);
    let empty = files.put("empty.pem", "no certificate\n");
    let broken = files.put(
        "broken.pem",
        "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
    );
    let cut_off = files.put("cut-off.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n");
    let encrypted = files.put(
        "encrypted.pem",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let encrypted_too = files.put(
        "encrypted-too.pem",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n\
         -----END RSA PRIVATE KEY-----\n",
    );
    let missing = files.0.join("missing.pem");
    let cases = [
        (
            Identity::from_pem_files(&cut_off, &key),
            "is cut off: the section CERTIFICATE has no end",
            "cut-off.pem",
        ),
        (
            Identity::from_pem_files(&chain, &encrypted),
            "is encrypted",
            "encrypted.pem",
        ),
        (
            Identity::from_pem_files(&chain, &encrypted_too),
            "is encrypted",
            "encrypted-too.pem",
        ),
        (
            Identity::from_pem_files(&missing, &key),
            "cannot read",
            "missing.pem",
        ),
        (
            Identity::from_pem_files(&empty, &key),
            "holds no certificate",
            "empty.pem",
        ),
        (
            Identity::from_pem_files(&broken, &key),
            "is not valid PEM",
            "broken.pem",
        ),
        (
            Identity::from_pem_files(&chain, &empty),
            "holds no private key",
            "empty.pem",
        ),
        (
            Identity::from_pem_file(&chain),
            "holds no private key",
            "chain.pem",
        ),
        (
            Identity::from_pem_files(&chain, &other_key),
            "does not belong to the certificate",
            "other-key.pem",
        ),
        (
            Identity::from_pem("", ""),
            "the PEM given holds no certificate",
            "",
        ),
    ];
    for (result, words, file) in cases {
        let error = chain_of(result.unwrap_err());
        assert!(error.contains(words) && error.contains(file), "{error}");
    }
    for (result, words) in [
        (TrustRoots::from_pem_file(&empty), "holds no certificate"),
        (TrustRoots::from_pem_file(&missing), "missing.pem"),
        (TrustRoots::from_der([]), "no authority to trust"),
    ] {
        let error = chain_of(result.unwrap_err());
        assert!(error.contains(words), "{error}");
    }
}

fn chain_of(error: ConfigError) -> String {
    error_chain(&error)
}

#[test]
fn an_identity_for_each_name() {
    let [default, mail, wild] = [
        &["localhost"][..],
        &["mail.example.org"],
        &["*.example.org"],
    ]
    .map(|names| AUTHORITY.identity(names));
    let [shows_default, shows_mail, shows_wild] =
        [&default, &mail, &wild].map(|identity| Ok(identity.certificates()[0].to_vec()));
    let identities = Identities::new(default);
    identities.set("Mail.Example.ORG", mail);
    identities.set("*.example.org", wild);
    let role = TlsRole::server(ServerOptions::choosing(identities.clone()).build().unwrap());
    assert_eq!(shown(&role, "mail.example.org"), shows_mail);
    assert_eq!(shown(&role, "MAIL.example.org"), shows_mail);
    assert_eq!(shown(&role, "www.example.org"), shows_wild);
    assert_eq!(shown(&role, "localhost"), shows_default);
    assert!(
        shown(&role, "deep.www.example.org")
            .unwrap_err()
            .contains("another name")
    );
    identities.remove("mail.example.org");
    assert_eq!(shown(&role, "mail.example.org"), shows_wild);

    let strict = Identities::strict();
    strict.set("localhost", AUTHORITY.identity(&["localhost"]));
    let role = TlsRole::server(ServerOptions::choosing(strict).build().unwrap());
    assert!(shown(&role, "localhost").is_ok());
    let (a, a_notes) = quiet();
    let (b, b_notes) = quiet();
    let dial = TlsRole::client(client_config(), "example.org").unwrap();
    let pair = Pair::new(
        TlsTransport::new(dial, a).as_protocol(),
        TlsTransport::new(role, b).as_protocol(),
    );
    pair.run();
    let refused = a_notes.reason();
    assert!(refused.ends_with("alert access_denied"), "{refused}");
    assert_eq!(
        b_notes.reason(),
        "we have no certificate for the name that the client asked for (SNI)"
    );
}

#[test]
fn certificates_are_renewed_while_serving() {
    let files = Scratch::new("renewed");
    let (chain, key) = AUTHORITY.certify(&["localhost"]);
    let path = files.put("server.pem", format!("{chain}{key}"));
    let identities = Identities::new(Identity::from_pem_file(&path).unwrap());
    let role = TlsRole::server(ServerOptions::choosing(identities.clone()).build().unwrap());
    let before = shown(&role, "localhost").unwrap();

    // One connection lives through it.
    let config = ClientOptions::new(AUTHORITY.roots()).build().unwrap();
    let (a, live) = quiet();
    let (b, _) = tape(|heard, transport| {
        if let crate::common::Heard::Data(data) = heard {
            transport.write(data);
        }
    });
    let dial = TlsRole::client(config, "localhost").unwrap();
    let pair = Pair::new(
        TlsTransport::new(dial, a).as_protocol(),
        TlsTransport::new(role.clone(), b).as_protocol(),
    );
    pair.run();

    files.put("server.pem", "half a file");
    let error = chain_of(identities.reload().unwrap_err());
    assert!(error.contains("server.pem"), "{error}");
    assert_eq!(
        shown(&role, "localhost").unwrap(),
        before,
        "the old one goes on"
    );

    let (chain, key) = AUTHORITY.certify(&["localhost"]);
    files.put("server.pem", format!("{chain}{key}"));
    identities.reload().unwrap();
    assert_ne!(shown(&role, "localhost").unwrap(), before);

    live.transport().write(b"still here");
    pair.run();
    assert_eq!(live.log().last().unwrap(), "data still here");
}

#[test]
fn roots_can_be_joined() {
    let other = Authority::new();
    let role = TlsRole::server(
        ServerOptions::new(AUTHORITY.identity(&["localhost"]))
            .build()
            .unwrap(),
    );
    for (roots, good) in [
        (other.roots(), false),
        (other.roots().and(AUTHORITY.roots()), true),
    ] {
        let config = ClientOptions::new(roots).build().unwrap();
        let (a, notes) = quiet();
        let dial = TlsRole::client(config, "localhost").unwrap();
        let pair = Pair::new(
            TlsTransport::new(dial, a).as_protocol(),
            TlsTransport::new(role.clone(), quiet().0).as_protocol(),
        );
        pair.run();
        assert_eq!(notes.log()[0] == "made", good);
    }
}

#[test]
fn the_post_quantum_exchange_is_preferred_where_there_is_one() {
    let role = TlsRole::server(
        ServerOptions::new(AUTHORITY.identity(&["localhost"]))
            .build()
            .unwrap(),
    );
    let (a, notes) = quiet();
    let dial = TlsRole::client(
        ClientOptions::new(AUTHORITY.roots()).build().unwrap(),
        "localhost",
    )
    .unwrap();
    let pair = Pair::new(
        TlsTransport::new(dial, a).as_protocol(),
        TlsTransport::new(role, quiet().0).as_protocol(),
    );
    pair.run();
    let info = TlsTransport::of(&notes.transport()).unwrap();
    let expected = if cfg!(feature = "aws-lc-rs") {
        rustls::NamedGroup::X25519MLKEM768
    } else {
        rustls::NamedGroup::X25519
    };
    assert_eq!(info.key_exchange, Some(expected));
    assert!(info.to_string().starts_with("TLSv1_3, TLS13_"), "{info}");
}

#[test]
fn settings_that_cannot_be_are_refused_before_a_connection() {
    let client = || ClientOptions::new(AUTHORITY.roots());
    let server = || ServerOptions::new(AUTHORITY.identity(&["localhost"]));
    let long = "x".repeat(256);
    for names in [[""], [long.as_str()]] {
        let refused = [
            client().alpn(names).build().map(drop),
            server().alpn(names).build().map(drop),
        ];
        for refused in refused {
            let error = chain_of(refused.unwrap_err());
            assert!(error.contains("1 to 255 bytes"), "{error}");
        }
    }
    for (options, words) in [
        (
            server().resumption(Resumption::Memory(usize::MAX)),
            "sessions are too many to remember",
        ),
        (server().tickets(usize::MAX), "tickets are too many"),
        (
            server().resumption(Resumption::None).tickets(1),
            "has no effect with Resumption::None",
        ),
    ] {
        let error = chain_of(options.build().unwrap_err());
        assert!(error.contains(words), "{error}");
    }
    // Configurations of rustls's own.
    let mut config = (*client_config()).clone();
    config.alpn_protocols = vec![Vec::new()];
    let error = TlsRole::client(config, "localhost").unwrap_err();
    assert!(error.to_string().contains("1 to 255 bytes"), "{error}");
    let mut config = (*client_config()).clone();
    config.enable_early_data = true;
    let error = TlsRole::client(config, "localhost").unwrap_err();
    assert!(error.to_string().contains("enable_early_data"), "{error}");
}

#[test]
fn settings_of_rustls_that_would_have_no_effect_are_refused() {
    type Change = fn(&mut rustls::ServerConfig);
    let changes: [(Change, &str); 4] = [
        (|config| config.max_early_data_size = 1, "early data"),
        (
            |config| config.send_half_rtt_data = true,
            "send_half_rtt_data",
        ),
        (
            |config| config.alpn_protocols = vec![vec![b'x'; 256]],
            "1 to 255 bytes",
        ),
        (
            |config| config.max_fragment_size = Some(1),
            "supplied max_fragment_size",
        ),
    ];
    for (change, words) in changes {
        let options = ServerOptions::new(AUTHORITY.identity(&["localhost"]));
        let mut config = (*options.build().unwrap()).clone();
        change(&mut config);
        let chosen = config.clone();
        for role in [
            TlsRole::server(config),
            TlsRole::server_choosing(move |_| Some(chosen.clone().into())),
        ] {
            let reason = shown(&role, "localhost").unwrap_err();
            let (b, notes) = quiet();
            let pair = Pair::new(
                TlsTransport::new(crate::common::client(), quiet().0).as_protocol(),
                TlsTransport::new(role, b).as_protocol(),
            );
            pair.run();
            assert!(
                notes.reason().to_lowercase().contains(words),
                "{} {reason}",
                notes.reason()
            );
            assert_eq!(notes.log().len(), 1, "connection_lost alone");
        }
    }
}

#[test]
fn a_dot_at_the_end_is_no_part_of_a_name() {
    let identities = Identities::strict();
    identities.set("LocalHost.", AUTHORITY.identity(&["localhost"]));
    let role = TlsRole::server(ServerOptions::choosing(identities.clone()).build().unwrap());
    assert!(shown(&role, "localhost").is_ok());
    identities.remove("localhost.");
    assert!(shown(&role, "localhost").is_err());
}
