//! Sessions of TLS that began with one version are resumed by the next.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use retwist::tls::rustls::crypto::CryptoProvider;
use retwist::tls::rustls::pki_types::CertificateDer;
use retwist::tls::rustls::pki_types::pem::PemObject;
use retwist::tls::rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned,
    SupportedProtocolVersion, version,
};
use retwist::tls::{ClientOptions, TrustRoots};

use crate::load;
use crate::service::{self, PATIENCE, Service};

/// A client that keeps its sessions.
struct Client {
    config: Arc<ClientConfig>,
    address: SocketAddr,
    /// What comes before TLS: a line, and one that answers it.
    before: Option<&'static str>,
}

impl Client {
    fn of(
        authority: &Path,
        version: &'static SupportedProtocolVersion,
        address: SocketAddr,
        before: Option<&'static str>,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(authority).unwrap())
            .unwrap();
        let provider: Arc<CryptoProvider> = retwist::tls::crypto_provider();
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Client {
            config: config.into(),
            address,
            before,
        }
    }

    /// Whether its session was resumed.
    fn visit(&self) -> bool {
        let mut socket = TcpStream::connect(self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        if let Some(line) = self.before {
            socket.write_all(line.as_bytes()).unwrap();
            let mut answer = String::new();
            BufReader::with_capacity(1, &socket)
                .read_line(&mut answer)
                .unwrap();
        }
        let name = "localhost".try_into().unwrap();
        let session = ClientConnection::new(self.config.clone(), name).unwrap();
        let mut stream = StreamOwned::new(session, socket);
        // The tickets are there with the answer.
        stream.write_all(b"here\r\n").unwrap();
        let mut heard = [0; 1];
        stream.read_exact(&mut heard).unwrap();
        stream.conn.handshake_kind() == Some(HandshakeKind::Resumed)
    }
}

/// The arguments of a server, with what its certificate is in.
fn resumes(name: &str, example: &str, arguments: &[&str], before: Option<&'static str>) {
    let folder = service::scratch(name);
    let authority = folder.join("authority.pem");
    let (certificate, key) = load::certificate(&folder, &authority);
    let arguments: Vec<_> = arguments
        .iter()
        .map(|text| text.replace("CERT", &certificate).replace("KEY", &key))
        .collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let mut service = Service::start(example, &arguments);
    let clients = [&version::TLS13, &version::TLS12]
        .map(|version| Client::of(&authority, version, service.address(), before));
    for client in &clients {
        assert!(!client.visit());
        assert!(client.visit(), "in the same process");
    }
    for _ in 0..2 {
        let before = service.pid();
        service.restart();
        service::wait_for_end(before);
        for client in &clients {
            assert!(client.visit(), "in the next one");
        }
    }
    service.stop();
}

#[test]
fn an_endpoint_resumes_them() {
    let endpoint = "tls:0:interface=127.0.0.1:privateKey=KEY:certKey=CERT";
    resumes("sessions-endpoint", "echo", &[endpoint], None);
}

#[test]
fn an_endpoint_of_workers_resumes_them() {
    let endpoint = "tls:0:interface=127.0.0.1:privateKey=KEY:certKey=CERT:resumption=tickets";
    let arguments = [endpoint, "--workers", "2"];
    resumes("sessions-workers", "echo", &arguments, None);
}

#[test]
fn tls_echo_resumes_them() {
    let arguments = [
        "tcp:0:interface=127.0.0.1",
        "--cert",
        "CERT",
        "--key",
        "KEY",
    ];
    resumes("sessions-tls-echo", "tls_echo", &arguments, None);
}

#[test]
fn starttls_resumes_them() {
    let serve = ["--serve", "tcp:0:interface=127.0.0.1"];
    let arguments = [&serve[..], &["--cert", "CERT", "--key", "KEY"]].concat();
    resumes("sessions-starttls", "starttls", &arguments, Some("TLS\r\n"));
}

/// The busy client resumes its sessions all the time, so that each handshake needs keys of the one or the other.
#[test]
fn none_is_cut_while_they_are_resumed() {
    let folder = service::scratch("sessions-load");
    let authority = folder.join("authority.pem");
    let (certificate, key) = load::certificate(&folder, &authority);
    let endpoint = format!("tls:0:interface=127.0.0.1:privateKey={key}:certKey={certificate}");
    let mut service = Service::start("echo", &[&endpoint]);
    let roots = TrustRoots::from_pem_file(&authority).unwrap();
    let config = ClientOptions::new(roots).build().unwrap();
    let mut load = load::Load::of(load::Tls::with(service.address(), config));
    load.begin(5);
    for _ in 0..2 {
        let before = service.pid();
        service.restart();
        service::wait_for_end(before);
    }
    load.end().assert_whole();
    service.stop();
}
