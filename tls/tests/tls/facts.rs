//! What a protocol learns of the handshake: `TlsInfo`, on both sides.

use std::rc::Rc;
use std::sync::Arc;

use retwist_reactor::Layer;
use retwist_reactor::testing::Pair;
use retwist_tls::{
    ClientCertificates, ClientOptions, ServerOptions, TlsInfo, TlsRole, TlsTransport,
    crypto_provider,
};
use rustls::crypto::CryptoProvider;
use rustls::{NamedGroup, ServerConfig, SignatureScheme};

use crate::common::{AUTHORITY, CUTS, client, old_client, quiet, server};

/// What the client and the server have agreed on.
fn agreed(client: &TlsRole, server: &TlsRole, cut: usize) -> [Rc<TlsInfo>; 2] {
    let (a, a_notes) = quiet();
    let (b, b_notes) = quiet();
    let pair = Pair::new(
        TlsTransport::new(client.clone(), a).as_protocol(),
        TlsTransport::new(server.clone(), b).as_protocol(),
    )
    .cut(cut);
    pair.run();
    [a_notes, b_notes].map(|notes| {
        assert_eq!(notes.log(), ["made", "handshake"], "{}", notes.reason());
        TlsTransport::of(&notes.transport()).unwrap()
    })
}

/// A client that resumes, and has a certificate to show.
fn known_client() -> TlsRole {
    let identity = AUTHORITY.identity(&["a client"]);
    let options = ClientOptions::new(AUTHORITY.roots()).identity(identity);
    TlsRole::client(options.build().unwrap(), "LocalHost").unwrap()
}

fn asking_server() -> ServerOptions {
    let identity = AUTHORITY.identity(&["localhost"]).ocsp_response(*b"good");
    let clients = ClientCertificates::Optional(AUTHORITY.roots());
    ServerOptions::new(identity).client_certificates(clients)
}

#[test]
fn what_the_peer_has_shown_and_signed_with() {
    let ecdsa = Some(SignatureScheme::ECDSA_NISTP256_SHA256);
    for cut in CUTS {
        let (dial, serve) = (
            known_client(),
            TlsRole::server(asking_server().build().unwrap()),
        );
        let [of_client, of_server] = agreed(&dial, &serve, cut);
        for info in [&of_client, &of_server] {
            assert_eq!(info.peer_signature, ecdsa, "{info}");
            assert_eq!(info.peer_certificates.len(), 1);
            assert_eq!(info.server_name.as_deref(), Some("localhost"));
            assert!(!info.resumed && !info.hello_retried && !info.ech_accepted);
            assert!(
                info.to_string()
                    .contains("peer signs ECDSA_NISTP256_SHA256")
            );
        }
        assert_eq!(of_client.ocsp_response.as_deref(), Some(&b"good"[..]));
        assert_eq!(of_server.ocsp_response, None, "clients staple none");

        // The certificates are remembered. What was said in that handshake is not.
        for info in agreed(&dial, &serve, cut) {
            assert!(info.resumed, "{info}");
            assert_eq!(info.peer_certificates.len(), 1);
            assert_eq!((info.peer_signature, &info.ocsp_response), (None, &None));
        }
    }
}

#[test]
fn what_the_peer_has_shown_in_tls_1_2() {
    let mut config = ClientOptions::new(AUTHORITY.roots()).build().unwrap();
    let config = Arc::make_mut(&mut config);
    let serve = TlsRole::server(asking_server().build().unwrap());
    let [of_client, of_server] = agreed(&old_client(), &serve, 64);
    // A configuration of rustls's own has a verifier that says nothing.
    assert_eq!(of_client.peer_signature, None);
    assert_eq!(of_client.ocsp_response, None);
    assert_eq!(of_client.version, rustls::ProtocolVersion::TLSv1_2);
    assert_eq!(
        of_server.peer_signature, None,
        "it has shown no certificate"
    );

    // Its server has one of ours.
    let only_1_2 = ServerConfig::builder_with_provider(crypto_provider())
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(retwist_tls::Identities::new(
            AUTHORITY.identity(&["localhost"]).ocsp_response(*b"good"),
        ));
    config.resumption = rustls::client::Resumption::disabled();
    let dial = TlsRole::client(config.clone(), "localhost").unwrap();
    let [of_client, _] = agreed(&dial, &TlsRole::server(only_1_2), 7);
    let ecdsa = Some(SignatureScheme::ECDSA_NISTP256_SHA256);
    assert_eq!(of_client.peer_signature, ecdsa);
    assert_eq!(of_client.ocsp_response.as_deref(), Some(&b"good"[..]));
}

#[test]
fn an_empty_response_is_none() {
    let identity = AUTHORITY.identity(&["localhost"]).ocsp_response([]);
    let serve = TlsRole::server(ServerOptions::new(identity).build().unwrap());
    let [of_client, _] = agreed(&client(), &serve, usize::MAX);
    assert_eq!(of_client.ocsp_response, None);
}

#[test]
fn a_second_hello_is_told() {
    // A client of ours has P-384, and sends no share of it before it is asked.
    let mut provider: CryptoProvider = (*crypto_provider()).clone();
    provider
        .kx_groups
        .retain(|group| group.name() == NamedGroup::secp384r1);
    let serve = ServerConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(retwist_tls::Identities::new(
            AUTHORITY.identity(&["localhost"]),
        ));
    let serve = TlsRole::server(serve);
    for cut in CUTS {
        for info in agreed(&client(), &serve, cut) {
            assert!(info.hello_retried && !info.resumed && !info.ech_accepted);
            assert_eq!(info.key_exchange, Some(NamedGroup::secp384r1));
            assert!(info.to_string().ends_with("after HelloRetryRequest"));
        }
    }
    for info in agreed(&client(), &server(), usize::MAX) {
        assert!(!info.hello_retried);
    }
}

#[test]
fn a_client_that_asks_for_no_name_is_told_so() {
    let mut config = (*ClientOptions::new(AUTHORITY.roots()).build().unwrap()).clone();
    config.enable_sni = false;
    let quiet = TlsRole::client(config, "localhost").unwrap();
    for info in agreed(&quiet, &server(), 1000) {
        assert_eq!(info.server_name, None);
    }
}

/// HPKE, which ECH is made of, comes with aws-lc-rs.
#[cfg(feature = "aws-lc-rs")]
#[test]
fn grease_is_not_taken_for_ech() {
    use rustls::client::{EchGreaseConfig, EchMode};
    use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_128;
    use rustls::crypto::hpke::Hpke;
    use rustls::pki_types::{CertificateDer, pem::PemObject};

    let (public, _) = DH_KEM_X25519_HKDF_SHA256_AES_128
        .generate_key_pair()
        .unwrap();
    let grease = EchGreaseConfig::new(DH_KEM_X25519_HKDF_SHA256_AES_128, public);
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(AUTHORITY.pem.as_bytes()).unwrap())
        .unwrap();
    let config = rustls::ClientConfig::builder_with_provider(crypto_provider())
        .with_ech(EchMode::Grease(grease))
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let dial = TlsRole::client(config, "localhost").unwrap();
    for info in agreed(&dial, &server(), 64) {
        assert!(!info.ech_accepted);
    }
}
