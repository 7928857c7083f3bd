//! Mistakes with keys, certificates and what is trusted.

use retwist::error_chain;
use retwist::tls::{ClientOptions, ConfigError, Identity, ServerOptions, TlsRole, TrustRoots};

use crate::Mistake;
use crate::scratch::{Authority, Scratch, VALID};

pub(crate) fn mistakes() -> Vec<Mistake> {
    let files = Scratch::new("files");
    let authority = Authority::new("ours");
    let (made, other) = (
        authority.certify("localhost", VALID),
        authority.certify("localhost", VALID),
    );
    let both = made.certificate.clone() + &made.key;
    let identity = |name: &str, text: &str| {
        let error = Identity::from_pem_file(files.write(name, text)).err();
        error_chain(&error.expect("a mistake"))
    };
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let alpn = |names: &[&str]| -> ConfigError {
        let identity = Identity::from_pem(&made.certificate, &made.key).expect("an identity");
        let built = ServerOptions::new(identity).alpn(names).build();
        built.expect_err("a mistake")
    };
    let roots = TrustRoots::from_pem(&authority.certificate).expect("an authority");
    let client = ClientOptions::new(roots).build().expect("a client");
    vec![
        (
            "the file of the key does not exist",
            error_chain(&Identity::from_pem_file(files.path("none.pem")).expect_err("a mistake")),
        ),
        (
            "the file has the certificate alone",
            identity("cert.pem", &made.certificate),
        ),
        ("the file has the key alone", identity("key.pem", &made.key)),
        (
            "the key is that of another certificate",
            identity("mixed.pem", &(made.certificate.clone() + &other.key)),
        ),
        (
            "the key is encrypted",
            identity("encrypted.pem", &(made.certificate.clone() + encrypted)),
        ),
        (
            "the file is cut off",
            identity("cut.pem", &both[..both.len() - 40]),
        ),
        (
            "the file is DER and not PEM",
            identity("der.pem", "\u{30}\u{1}\u{2}"),
        ),
        (
            "the file of authorities is empty",
            error_chain(&TrustRoots::from_pem("").expect_err("a mistake")),
        ),
        ("a name in ALPN is empty", error_chain(&alpn(&[""]))),
        (
            "a client is made for `https://example.org`",
            error_chain(&TlsRole::client(client, "https://example.org").expect_err("a mistake")),
        ),
    ]
}
