//! Certificates that cannot be used, in words that say why and what to do.

use std::sync::Arc;

use rcgen::{CertificateParams, IsCa, KeyPair, SanType};
use retwist_reactor::testing::Pair;
use retwist_reactor::{Layer, error_chain};
use retwist_tls::{
    ClientOptions, ConfigError, Identity, ServerOptions, TlsRole, TlsTransport, TrustRoots,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use crate::common::{AUTHORITY, client, quiet};

/// A certificate of X.509 v1 and its key, as `openssl x509 -req -signkey` makes it.
const VERSION_1: &str = include_str!("../old/version_1.pem");
/// An RSA key of 1024 bits.
const SHORT: &str = include_str!("../old/short.key");

/// Why a client that trusts `roots` does not accept what the server shows.
fn refusal(client: TlsRole, server: ServerOptions) -> String {
    let (a, notes) = quiet();
    let server = TlsRole::server(server.build().unwrap());
    let pair = Pair::new(
        TlsTransport::new(client, a).as_protocol(),
        TlsTransport::new(server, quiet().0).as_protocol(),
    );
    pair.run();
    assert_eq!(notes.log().len(), 1, "{:?}", notes.log());
    notes.reason()
}

fn client_of(roots: &str, name: &str) -> TlsRole {
    let roots = TrustRoots::from_pem(roots).unwrap();
    TlsRole::client(ClientOptions::new(roots).build().unwrap(), name).unwrap()
}

#[test]
fn an_old_certificate_is_not_blamed_on_its_key() {
    let error = Identity::from_pem(VERSION_1, VERSION_1).unwrap_err();
    assert!(matches!(error, ConfigError::Certificate(..)), "{error:?}");
    let words = error_chain(&error);
    assert!(words.contains("an old version of X.509"), "{words}");
    assert!(words.contains("issued anew as v3"), "{words}");
    assert!(!words.contains("Other("), "{words}");

    let folder = std::env::temp_dir().join(format!("retwist-tls-old-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let [certificate, key] = ["old.crt", "old.key"].map(|name| folder.join(name));
    std::fs::write(&certificate, VERSION_1).unwrap();
    std::fs::write(&key, VERSION_1).unwrap();
    let words = error_chain(&Identity::from_pem_files(certificate, key).unwrap_err());
    assert!(
        words.contains("old.crt"),
        "it names the certificate: {words}"
    );
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn an_old_certificate_of_the_peer_is_named_so() {
    let chain = vec![CertificateDer::from_pem_slice(VERSION_1.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(VERSION_1.as_bytes()).unwrap();
    let key = retwist_tls::crypto_provider()
        .key_provider
        .load_private_key(key)
        .unwrap();
    let shown = SingleCertAndKey::from(CertifiedKey::new(chain, key));
    let words = refusal(client(), ServerOptions::choosing(Arc::new(shown)));
    assert!(words.contains("an old version of X.509"), "{words}");
}

#[test]
fn a_key_that_is_too_short_is_told_what_it_could_be() {
    let (certificate, _) = AUTHORITY.certify(&["localhost"]);
    let words = error_chain(&Identity::from_pem(certificate, SHORT).unwrap_err());
    assert!(words.contains("RSA of at least 2048 bits"), "{words}");
}

/// As `openssl req -x509` makes it.
#[test]
fn the_certificate_of_an_authority_is_no_servers_own() {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".into()]).unwrap();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let made = params.self_signed(&key).unwrap().pem();
    let identity = Identity::from_pem(&made, key.serialize_pem()).unwrap();
    let words = refusal(client_of(&made, "localhost"), ServerOptions::new(identity));
    assert!(
        words.contains("the certificate of an authority as its own"),
        "{words}"
    );
    assert!(
        words.contains("basicConstraints=critical,CA:FALSE"),
        "{words}"
    );
    assert!(!words.contains("Other("), "{words}");
}

#[test]
fn the_names_of_a_certificate_are_names() {
    for (names, expected, words) in [
        (
            vec!["example.org"],
            "localhost",
            "it is for example.org, not for localhost",
        ),
        (
            vec!["*.example.org", "10.1.2.3", "2001:db8::7"],
            "127.0.0.1",
            "it is for *.example.org, 10.1.2.3, 2001:db8::7, not for 127.0.0.1",
        ),
        (
            vec![],
            "localhost",
            "names no host, so it cannot be for localhost",
        ),
    ] {
        let identity = AUTHORITY.identity(&names);
        let reason = refusal(
            client_of(&AUTHORITY.pem, expected),
            ServerOptions::new(identity),
        );
        assert!(reason.contains(words), "{reason}");
    }
    let many: Vec<_> = (0..100).map(|n| format!("n{n}.example.org")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    let reason = refusal(client(), ServerOptions::new(AUTHORITY.identity(&many)));
    assert!(
        reason.ends_with("n9.example.org and 90 more, not for localhost"),
        "{reason}"
    );
}

#[test]
fn other_kinds_of_names_are_named_as_well() {
    let (chain, key) = AUTHORITY.certify_with(&["a.example.org"], |params| {
        let uri = "spiffe://example.org/a".try_into().unwrap();
        params.subject_alt_names.push(SanType::URI(uri));
    });
    let identity = Identity::from_pem(chain, key).unwrap();
    let reason = refusal(client(), ServerOptions::new(identity));
    assert!(reason.contains("a.example.org, "), "{reason}");
    assert!(reason.contains("spiffe://example.org/a"), "{reason}");
}
