mod alert;
mod certificate;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError, InvalidMessage, PeerIncompatible};

use self::alert::alert_received;
use self::certificate::bad_certificate;
use crate::config::protocol_name;

/// The reason why TLS could not be started, or ended other than by close_notify.
///
/// As the reason of a lost connection it is found with
/// [`Reason::downcast_ref`](retwist_reactor::Reason::downcast_ref).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// [`start_tls`](crate::start_tls) was given a transport that has gone, is being closed, has
    /// not begun yet, or serves another protocol by now.
    NotConnected,
    /// [`stop_tls`](crate::stop_tls) was given a transport without TLS, or one that is being
    /// closed or has not begun yet.
    NotTls,
    /// This is neither the name of a host nor an address.
    InvalidName(Box<str>),
    /// The configuration offers an application protocol (ALPN) of this name, which is malformed.
    InvalidProtocolName(Box<[u8]>),
    /// The handshake was not over after this time.
    HandshakeTimeout(Duration),
    /// The peer sent more than this many bytes of a handshake message, and it was not whole yet.
    HandshakeTooLarge(usize),
    /// The transport below was closed during the handshake.
    ClosedInHandshake,
    /// The callback that chooses a configuration had none for this ClientHello.
    Refused,
    /// The configuration sends or accepts early data, which an attacker can replay. This crate
    /// supports neither.
    EarlyData,
    /// The configuration has a setting of this name, which would have no effect here.
    Ignored(&'static str),
    /// What was asked for cannot be had of this connection, for this reason.
    Unavailable(&'static str),
    /// What came is not TLS: clear text, or another protocol.
    NotTlsPeer(InvalidMessage),
    /// The peer ended the connection with this alert.
    PeerAlert(AlertDescription),
    /// We do not trust the peer's certificate.
    BadCertificate(CertificateError),
    /// The peer ended its side without close_notify: what came last may have been cut off, by
    /// any host on the way.
    Truncated,
    /// [`stop_tls`](crate::stop_tls) has waited for the peer's close_notify for this long.
    NoCloseNotify(Duration),
    /// Any other fault of the peer or of the configuration.
    Protocol(rustls::Error),
}

impl TlsError {
    /// One word for counts and labels, which stays the same when the message does not.
    ///
    /// `certificate` (of the peer; also if one is missing), `peer_alert`, `closed` (in the handshake),
    /// `timeout`, `not_tls`, `refused`, `too_large`, `truncated`, `configuration`, `misuse`, `protocol`
    /// (all other faults of the peer).
    pub fn kind(&self) -> &'static str {
        match self {
            TlsError::BadCertificate(_)
            | TlsError::Protocol(rustls::Error::NoCertificatesPresented) => "certificate",
            TlsError::PeerAlert(_) => "peer_alert",
            TlsError::ClosedInHandshake => "closed",
            TlsError::HandshakeTimeout(_) | TlsError::NoCloseNotify(_) => "timeout",
            TlsError::NotTlsPeer(_) => "not_tls",
            TlsError::Refused => "refused",
            TlsError::HandshakeTooLarge(_) => "too_large",
            TlsError::Truncated => "truncated",
            TlsError::EarlyData
            | TlsError::Ignored(_)
            | TlsError::InvalidName(_)
            | TlsError::InvalidProtocolName(_) => "configuration",
            TlsError::NotConnected | TlsError::NotTls | TlsError::Unavailable(_) => "misuse",
            TlsError::Protocol(_) => "protocol",
        }
    }

    /// The name of the peer's alert, as the RFCs write it: `unknown_ca`. `None` if it is not about one.
    pub fn alert_name(&self) -> Option<String> {
        match self {
            TlsError::PeerAlert(alert) => Some(alert::name(*alert)),
            _ => None,
        }
    }
}

impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        use InvalidMessage::{InvalidContentType, UnknownProtocolVersion};
        match error {
            rustls::Error::AlertReceived(alert) => TlsError::PeerAlert(alert),
            rustls::Error::InvalidCertificate(error) => TlsError::BadCertificate(error),
            rustls::Error::InvalidMessage(
                error @ (InvalidContentType | UnknownProtocolVersion),
            ) => TlsError::NotTlsPeer(error),
            error => TlsError::Protocol(error),
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsError::NotConnected => f.write_str(
                "TLS cannot be started: the transport has gone, is being closed, has not begun yet, or serves another \
                 protocol; use the one that the last callback handed over",
            ),
            TlsError::NotTls => {
                f.write_str("TLS cannot be stopped: there is none on this transport, it has not begun yet, or it is being closed")
            }
            TlsError::InvalidName(name) => write!(f, "{name:?} is neither a host name nor an IP address"),
            TlsError::InvalidProtocolName(name) => protocol_name(name, f),
            TlsError::HandshakeTimeout(limit) => {
                write!(f, "the TLS handshake was not over after {} s", limit.as_secs_f64())
            }
            TlsError::HandshakeTooLarge(limit) => {
                write!(f, "the peer's TLS handshake message is larger than {limit} bytes")
            }
            TlsError::ClosedInHandshake => {
                f.write_str("the peer closed the connection during the TLS handshake")
            }
            TlsError::Refused => f.write_str("there is no configuration for what the client asked for"),
            TlsError::EarlyData => f.write_str(
                "early data is not supported, since an attacker can replay it; leave max_early_data_size of the ServerConfig at 0 \
                 and enable_early_data of the ClientConfig at false",
            ),
            TlsError::Ignored(setting) => write!(
                f,
                "the configuration sets {setting}, which has no effect here: leave it at its default"
            ),
            TlsError::Unavailable(why) => f.write_str(why),
            TlsError::NotTlsPeer(_) => f.write_str("the peer does not speak TLS here"),
            TlsError::PeerAlert(alert) => alert_received(*alert, f),
            TlsError::BadCertificate(error) => bad_certificate(error, f),
            TlsError::Truncated => f.write_str(
                "the peer ended the connection without close_notify; what it sent last may have been cut off",
            ),
            TlsError::NoCloseNotify(limit) => write!(
                f,
                "the peer did not answer close_notify for {} s, so TLS could not be stopped",
                limit.as_secs_f64()
            ),
            TlsError::Protocol(error) => protocol(error, f),
        }
    }
}

impl Error for TlsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // Its own words are said already.
            TlsError::Protocol(error) => error.source(),
            _ => None,
        }
    }
}

fn protocol(error: &rustls::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match error {
        rustls::Error::NoApplicationProtocol => {
            f.write_str("the peer offers none of the protocols that we speak (ALPN)")
        }
        // What rustls says when the resolver of certificates has none.
        rustls::Error::General(why) if why == "no server certificate chain resolved" => {
            f.write_str("we have no certificate for the name that the client asked for (SNI)")
        }
        rustls::Error::NoCertificatesPresented => {
            f.write_str("the peer showed no certificate, and one is required")
        }
        rustls::Error::PeerIncompatible(error) => incompatible(error, f),
        rustls::Error::DecryptError => f.write_str("a record was damaged or forged on its way"),
        error => write!(f, "TLS failed: {error}"),
    }
}

fn incompatible(error: &PeerIncompatible, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    use PeerIncompatible as Lacks;
    match error {
        Lacks::Tls12NotOffered
        | Lacks::Tls12NotOfferedOrEnabled
        | Lacks::SupportedVersionsExtensionRequired
        | Lacks::ServerDoesNotSupportTls12Or13
        | Lacks::ServerTlsVersionIsDisabledByOurConfig => {
            f.write_str("the peer supports none of our TLS versions")
        }
        Lacks::NoCipherSuitesInCommon => f.write_str("the peer supports none of our cipher suites"),
        Lacks::NoKxGroupsInCommon | Lacks::NamedGroupsExtensionRequired => {
            f.write_str("the peer supports none of our groups for the key exchange")
        }
        Lacks::NoSignatureSchemesInCommon
        | Lacks::NoCertificateRequestSignatureSchemesInCommon
        | Lacks::SignatureAlgorithmsExtensionRequired => {
            f.write_str("the peer accepts none of the signatures that our certificate can make")
        }
        error => write!(f, "TLS failed: the peer is incompatible: {error:?}"),
    }
}

#[cfg(test)]
mod tests {
    use retwist_reactor::{Reason, error_chain};

    use super::*;

    #[test]
    fn what_a_peer_lacks_is_said_in_words() {
        use PeerIncompatible as Lacks;
        for (lacks, words) in [
            (Lacks::Tls12NotOfferedOrEnabled, "none of our TLS versions"),
            (Lacks::NoCipherSuitesInCommon, "none of our cipher suites"),
            (Lacks::NoKxGroupsInCommon, "none of our groups"),
            (Lacks::NoSignatureSchemesInCommon, "none of the signatures"),
            (
                Lacks::UncompressedEcPointsRequired,
                "TLS failed: the peer is incompatible",
            ),
        ] {
            let error = Reason::failed(TlsError::from(rustls::Error::from(lacks)));
            assert!(
                error_chain(&error).contains(words),
                "{}",
                error_chain(&error)
            );
        }
    }

    #[test]
    fn what_rustls_says_is_said_once() {
        let error = rustls::Error::General("something odd".into());
        let error = Reason::failed(TlsError::from(error));
        assert_eq!(
            error_chain(&error),
            "TLS failed: unexpected error: something odd"
        );
    }
}
