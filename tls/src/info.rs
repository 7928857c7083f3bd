use std::fmt;

use rustls::pki_types::CertificateDer;
use rustls::{CipherSuite, NamedGroup, ProtocolVersion};

/// What a handshake has agreed on: [`TlsTransport::of`](crate::TlsTransport::of).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsInfo {
    /// The version of TLS.
    pub version: ProtocolVersion,
    /// The cipher suite.
    pub cipher_suite: CipherSuite,
    /// The group of the key exchange; none where none took place (a session of TLS 1.2 that was
    /// resumed).
    pub key_exchange: Option<NamedGroup>,
    /// The application protocol (ALPN), if one was agreed on.
    #[doc(alias = "negotiatedProtocol")]
    pub alpn_protocol: Option<Box<[u8]>>,
    /// The name that the client asked for (SNI), in lower case; `None` if it asked for none or for an
    /// address.
    pub server_name: Option<Box<str>>,
    /// The peer's certificate and those that certify it, in that order; empty if it showed none.
    #[doc(alias = "getPeerCertificate")]
    pub peer_certificates: Box<[CertificateDer<'static>]>,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
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
        if self.resumed {
            f.write_str(", resumed")?;
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
