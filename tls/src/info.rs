use std::fmt;

use rustls::pki_types::CertificateDer;
use rustls::{CipherSuite, NamedGroup, ProtocolVersion, SignatureScheme};

/// The result of a handshake: [`TlsTransport::of`](crate::TlsTransport::of).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsInfo {
    /// The version of TLS.
    pub version: ProtocolVersion,
    /// The cipher suite.
    pub cipher_suite: CipherSuite,
    /// The group of the key exchange; `None` if no exchange took place (a session of TLS 1.2 that was
    /// resumed).
    pub key_exchange: Option<NamedGroup>,
    /// The application protocol (ALPN), if one was agreed on.
    #[doc(alias = "negotiatedProtocol")]
    pub alpn_protocol: Option<Box<[u8]>>,
    /// The name that the client asked for (SNI), in lower case; `None` if it asked for none or for an
    /// address.
    pub server_name: Option<Box<str>>,
    /// The peer's certificate and those that certify it, in that order; empty if it showed none. A
    /// resumed session has those of the handshake that it began with.
    #[doc(alias = "getPeerCertificate")]
    pub peer_certificates: Box<[CertificateDer<'static>]>,
    /// How the peer has signed the handshake (`CertificateVerify` in RFC 8446 4.4.3). `None` if it has
    /// not: it showed no certificate, or the session is resumed. rustls tells only the verifier, so
    /// this is also `None` with a configuration of rustls's own: [`ClientOptions`](crate::ClientOptions) and
    /// [`ServerOptions`](crate::ServerOptions) have a verifier that takes a note.
    pub peer_signature: Option<SignatureScheme>,
    /// The OCSP response that the server has stapled to its certificate, in DER (RFC 6066 8). It is
    /// not verified. `None` at a server, if there is none, if the session is resumed, and, as with
    /// [`peer_signature`](Self::peer_signature), with a configuration of rustls's own.
    pub ocsp_response: Option<Box<[u8]>>,
    /// Whether an earlier session was resumed.
    #[doc(alias = "session_reused")]
    pub resumed: bool,
    /// Whether the server has asked for a second ClientHello (HelloRetryRequest, RFC 8446 4.1.4), which
    /// costs a round trip. rustls tells so of full handshakes only: false if `resumed`.
    pub hello_retried: bool,
    /// Whether the server has accepted Encrypted ClientHello (RFC 9849), which a [`ClientConfig`](rustls::ClientConfig)
    /// can ask for. False at a server: rustls's has no ECH. A handshake in which the server refuses
    /// what was offered fails.
    pub ech_accepted: bool,
}

impl TlsInfo {
    /// Whether `name` is the application protocol that was agreed on.
    pub fn speaks(&self, name: impl AsRef<[u8]>) -> bool {
        self.alpn_protocol.as_deref() == Some(name.as_ref())
    }
}

/// One line for people: `TLSv1_3, TLS13_AES_256_GCM_SHA384, X25519, ALPN h2, resumed`.
impl fmt::Display for TlsInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {:?}", self.version, self.cipher_suite)?;
        if let Some(group) = self.key_exchange {
            write!(f, ", {group:?}")?;
        }
        if let Some(name) = &self.alpn_protocol {
            write!(f, ", ALPN {}", name.escape_ascii())?;
        }
        if let Some(name) = &self.server_name {
            write!(f, ", for {name}")?;
        }
        if let Some(scheme) = self.peer_signature {
            write!(f, ", peer signs {scheme:?}")?;
        }
        for (is_so, words) in [
            (self.ocsp_response.is_some(), ", OCSP response"),
            (self.ech_accepted, ", ECH"),
            (self.hello_retried, ", after HelloRetryRequest"),
            (self.resumed, ", resumed"),
        ] {
            if is_so {
                f.write_str(words)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for TlsInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "TlsInfo({self}, {} certificates of the peer)",
            self.peer_certificates.len()
        )
    }
}
