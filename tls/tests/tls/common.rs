//! Protocols that note what they hear, certificates made on the spot, and a peer that is not ours.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use retwist_reactor::{Protocol, ProtocolHandle, Reason, TransportRef, error_chain};
use retwist_tls::{ClientOptions, Identity, ServerOptions, TlsRole, TrustRoots};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// Nothing, a header's worth and less, in the middle of records, and all at once.
pub(crate) const CUTS: [usize; 7] = [1, 2, 3, 7, 64, 1000, usize::MAX];

/// What a protocol is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard<'a> {
    Made,
    Switched,
    Handshake,
    Data(&'a [u8]),
    ReadLost,
    WriteLost,
}

/// A protocol that writes down what it is told, and then does what the test wants.
pub(crate) struct Tape {
    notes: Rc<Notes>,
    react: React,
}

type React = Box<dyn FnMut(Heard<'_>, &TransportRef)>;

#[derive(Default)]
pub(crate) struct Notes {
    log: RefCell<Vec<String>>,
    transport: RefCell<Option<TransportRef>>,
    /// The end of input does not close.
    pub(crate) stays: Cell<bool>,
    /// Each line comes by itself, and what no longer belongs to this protocol is given back.
    pub(crate) by_lines: Cell<bool>,
    pub(crate) reason: RefCell<Option<Reason>>,
}

pub(crate) fn tape(
    react: impl FnMut(Heard<'_>, &TransportRef) + 'static,
) -> (ProtocolHandle<Tape>, Rc<Notes>) {
    let notes = Rc::<Notes>::default();
    let tape = Tape {
        notes: notes.clone(),
        react: Box::new(react),
    };
    (ProtocolHandle::new(tape), notes)
}

pub(crate) fn quiet() -> (ProtocolHandle<Tape>, Rc<Notes>) {
    tape(|_, _| ())
}

pub(crate) fn by_lines(
    react: impl FnMut(Heard<'_>, &TransportRef) + 'static,
) -> (ProtocolHandle<Tape>, Rc<Notes>) {
    let (tape, notes) = tape(react);
    notes.by_lines.set(true);
    (tape, notes)
}

/// Echoes.
pub(crate) fn echo() -> (ProtocolHandle<Tape>, Rc<Notes>) {
    tape(|heard, transport| {
        if let Heard::Data(data) = heard {
            transport.write(data);
        }
    })
}

impl Notes {
    /// All that was heard; neighbouring data is one entry, however it was cut.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    pub(crate) fn transport(&self) -> TransportRef {
        self.transport.borrow().clone().expect("connected before")
    }

    pub(crate) fn reason(&self) -> String {
        self.reason
            .borrow()
            .as_ref()
            .map_or_else(String::new, |reason| error_chain(reason))
    }

    fn note(&self, heard: Heard<'_>, transport: &TransportRef) {
        *self.transport.borrow_mut() = Some(transport.clone());
        let mut log = self.log.borrow_mut();
        match heard {
            Heard::Made => log.push("made".into()),
            Heard::Switched => log.push("switched".into()),
            Heard::Handshake => log.push("handshake".into()),
            Heard::ReadLost => log.push("read lost".into()),
            Heard::WriteLost => log.push("write lost".into()),
            Heard::Data(data) => {
                let data = String::from_utf8_lossy(data);
                match log.last_mut().filter(|last| last.starts_with("data ")) {
                    Some(last) => last.push_str(&data),
                    None => log.push(format!("data {data}")),
                }
            }
        }
    }
}

impl Tape {
    fn hear(&mut self, heard: Heard<'_>, transport: &TransportRef) {
        self.notes.note(heard, transport);
        (self.react)(heard, transport);
    }
}

impl Protocol for Tape {
    fn connection_made(&mut self, transport: &TransportRef) {
        self.hear(Heard::Made, transport);
    }

    fn data_received(&mut self, transport: &TransportRef, mut data: &[u8]) {
        while self.notes.by_lines.get()
            && let Some(end) = data.iter().position(|byte| *byte == b'\n')
        {
            let (line, rest) = data.split_at(end + 1);
            self.hear(Heard::Data(line), transport);
            data = rest;
            if !transport.is_reading() {
                return transport.unread(data);
            }
        }
        if !data.is_empty() {
            self.hear(Heard::Data(data), transport);
        }
    }

    fn transport_switched(&mut self, transport: &TransportRef) {
        self.hear(Heard::Switched, transport);
    }

    fn handshake_completed(&mut self, transport: &TransportRef) {
        self.hear(Heard::Handshake, transport);
    }

    fn read_connection_lost(&mut self, transport: &TransportRef) {
        self.hear(Heard::ReadLost, transport);
        if !self.notes.stays.get() {
            transport.lose_connection();
        }
    }

    fn write_connection_lost(&mut self, transport: &TransportRef) {
        self.hear(Heard::WriteLost, transport);
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.notes.log.borrow_mut().push(format!("lost: {reason}"));
        *self.notes.reason.borrow_mut() = Some(reason.clone());
    }
}

/// Who certifies the certificates of a test.
pub(crate) struct Authority {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// The one that both sides trust, where the test is not about trust.
pub(crate) static AUTHORITY: LazyLock<Authority> = LazyLock::new(Authority::new);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("authority {}", COUNT.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Authority {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    /// A certificate for these names and its key, in PEM.
    pub(crate) fn certify(&self, names: &[&str]) -> (String, String) {
        self.certify_with(names, |_| ())
    }

    pub(crate) fn certify_with(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> (String, String) {
        let names: Vec<String> = names.iter().map(|&name| name.into()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        (
            params.signed_by(&key, &self.issuer).unwrap().pem(),
            key.serialize_pem(),
        )
    }

    pub(crate) fn identity(&self, names: &[&str]) -> Identity {
        let (chain, key) = self.certify(names);
        Identity::from_pem(chain, key).unwrap()
    }

    pub(crate) fn roots(&self) -> TrustRoots {
        TrustRoots::from_pem(&self.pem).unwrap()
    }
}

pub(crate) fn server_config() -> Arc<ServerConfig> {
    static CONFIG: LazyLock<Arc<ServerConfig>> = LazyLock::new(|| {
        ServerOptions::new(AUTHORITY.identity(&["localhost"]))
            .build()
            .unwrap()
    });
    CONFIG.clone()
}

pub(crate) fn client_config() -> Arc<ClientConfig> {
    static CONFIG: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
        ClientOptions::new(AUTHORITY.roots())
            .no_resumption()
            .build()
            .unwrap()
    });
    CONFIG.clone()
}

pub(crate) fn server() -> TlsRole {
    TlsRole::server(server_config())
}

pub(crate) fn client() -> TlsRole {
    TlsRole::client(client_config(), "localhost").unwrap()
}

/// A client of TLS 1.2.
pub(crate) fn old_client() -> TlsRole {
    TlsRole::client(old_config(), "localhost").unwrap()
}

/// A client of TLS 1.2 that resumes its sessions.
pub(crate) fn old_client_that_resumes() -> TlsRole {
    let mut config = old_config();
    config.resumption = rustls::client::Resumption::default();
    TlsRole::client(config, "localhost").unwrap()
}

fn old_config() -> ClientConfig {
    let authority = CertificateDer::from_pem_slice(AUTHORITY.pem.as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority).unwrap();
    let mut config = ClientConfig::builder_with_provider(retwist_tls::crypto_provider())
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    config
}

/// A peer with rustls's other interface, that does only what it is told.
pub(crate) struct Other {
    connection: rustls::Connection,
    pub(crate) received: Vec<u8>,
    pub(crate) closed: bool,
    pub(crate) error: Option<rustls::Error>,
    pub(crate) lost: Option<Reason>,
    pub(crate) input_ended: bool,
    pub(crate) wire_bytes: usize,
    transport: Option<TransportRef>,
}

impl Other {
    pub(crate) fn client() -> ProtocolHandle<Self> {
        let name = "localhost".try_into().unwrap();
        Self::new(
            rustls::ClientConnection::new(client_config(), name)
                .unwrap()
                .into(),
        )
    }

    /// A client of TLS 1.2.
    pub(crate) fn old_client() -> ProtocolHandle<Self> {
        let name = "localhost".try_into().unwrap();
        let connection = rustls::ClientConnection::new(old_config().into(), name);
        Self::new(connection.unwrap().into())
    }

    pub(crate) fn is_client(&self) -> bool {
        matches!(self.connection, rustls::Connection::Client(_))
    }

    /// What rustls itself exports.
    pub(crate) fn export(&self, label: &[u8], context: Option<&[u8]>) -> Vec<u8> {
        let output = vec![0; 100];
        let exported = match &self.connection {
            rustls::Connection::Client(client) => {
                client.export_keying_material(output, label, context)
            }
            rustls::Connection::Server(server) => {
                server.export_keying_material(output, label, context)
            }
        };
        exported.unwrap()
    }

    pub(crate) fn server() -> ProtocolHandle<Self> {
        Self::new(
            rustls::ServerConnection::new(server_config())
                .unwrap()
                .into(),
        )
    }

    fn new(connection: rustls::Connection) -> ProtocolHandle<Self> {
        ProtocolHandle::new(Other {
            connection,
            received: Vec::new(),
            closed: false,
            error: None,
            lost: None,
            input_ended: false,
            wire_bytes: 0,
            transport: None,
        })
    }

    pub(crate) fn write(&mut self, data: &[u8]) {
        std::io::Write::write_all(&mut self.connection.writer(), data).unwrap();
        self.send();
    }

    pub(crate) fn close_notify(&mut self) {
        self.connection.send_close_notify();
        self.send();
    }

    /// New keys, and the wish that the other side takes new ones, too.
    pub(crate) fn update_keys(&mut self) {
        self.connection.refresh_traffic_keys().unwrap();
        self.send();
    }

    /// The transport below: for bytes in clear.
    pub(crate) fn wire(&self) -> TransportRef {
        self.transport.clone().unwrap()
    }

    /// What would be sent.
    pub(crate) fn take_records(&mut self) -> Vec<u8> {
        let mut records = Vec::new();
        while self.connection.wants_write() {
            self.connection.write_tls(&mut records).unwrap();
        }
        records
    }

    fn send(&mut self) {
        let records = self.take_records();
        self.wire().write(&records);
    }
}

impl Protocol for Other {
    fn connection_made(&mut self, transport: &TransportRef) {
        self.transport = Some(transport.clone());
        self.send();
    }

    fn data_received(&mut self, _: &TransportRef, mut data: &[u8]) {
        self.wire_bytes += data.len();
        while !data.is_empty() && self.error.is_none() && !self.closed {
            self.connection.read_tls(&mut data).unwrap();
            match self.connection.process_new_packets() {
                Ok(state) => {
                    let mut plaintext = vec![0; state.plaintext_bytes_to_read()];
                    std::io::Read::read_exact(&mut self.connection.reader(), &mut plaintext)
                        .unwrap();
                    self.received.extend(plaintext);
                    self.closed = state.peer_has_closed();
                }
                Err(error) => self.error = Some(error),
            }
        }
        self.send();
    }

    fn read_connection_lost(&mut self, _: &TransportRef) {
        self.input_ended = true;
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.lost = Some(reason.clone());
    }
}
