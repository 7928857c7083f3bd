use std::fmt;

use rustls::AlertDescription;

/// The peer's words, in ours. The name of the alert is kept as the RFCs write it, for those who
/// search for it.
pub(super) fn alert_received(alert: AlertDescription, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    use AlertDescription as Alert;
    let meaning = match alert {
        Alert::CloseNotify => "the peer closed during the handshake",
        Alert::UserCanceled => "the peer gave the handshake up",
        Alert::UnknownCA => "the peer does not trust our certificate",
        Alert::BadCertificate => "the peer finds our certificate invalid",
        Alert::CertificateExpired => "the peer finds our certificate expired",
        Alert::CertificateRevoked => "the peer finds our certificate revoked",
        Alert::CertificateUnknown => "the peer does not accept our certificate",
        Alert::UnsupportedCertificate => "the peer cannot use this kind of certificate",
        Alert::CertificateRequired => "the peer wants a certificate from us",
        Alert::AccessDenied => "the peer does not let us in",
        Alert::NoApplicationProtocol => {
            "the peer speaks none of the protocols that we offer (ALPN)"
        }
        Alert::UnrecognisedName => "the peer does not serve the name that we asked for (SNI)",
        Alert::ProtocolVersion => "the peer supports none of our TLS versions",
        Alert::HandshakeFailure => {
            "the peer supports none of our cipher suites, groups or signatures"
        }
        Alert::InsufficientSecurity => "the peer wants stronger cipher suites",
        Alert::DecryptError | Alert::BadRecordMac => "what we sent did not arrive as we sent it",
        Alert::InternalError => "the peer had a fault of its own",
        _ => "the peer gave up",
    };
    write!(f, "{meaning}: alert {}", name(alert))
}

/// As the RFCs write it.
pub(super) fn name(alert: AlertDescription) -> String {
    use AlertDescription as Alert;
    match alert {
        Alert::Unknown(number) => number.to_string(),
        Alert::UnrecognisedName => "unrecognized_name".to_owned(),
        Alert::UnknownPSKIdentity => "unknown_psk_identity".to_owned(),
        Alert::EncryptedClientHelloRequired => "ech_required".to_owned(),
        alert => snake_case(&format!("{alert:?}")),
    }
}

/// `UnknownCA` as the RFC writes it: `unknown_ca`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    let mut lower = false;
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && lower {
            snake.push('_');
        }
        lower = letter.is_ascii_lowercase();
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use rustls::AlertDescription;

    use crate::TlsError;

    #[test]
    fn alerts_are_named_as_in_the_rfc() {
        for (alert, words) in [
            (
                AlertDescription::UnknownCA,
                "the peer does not trust our certificate: alert unknown_ca",
            ),
            (
                AlertDescription::CertificateRequired,
                "the peer wants a certificate from us: alert certificate_required",
            ),
            (
                AlertDescription::UnrecognisedName,
                "the peer does not serve the name that we asked for (SNI): alert unrecognized_name",
            ),
            (
                AlertDescription::UnknownPSKIdentity,
                "the peer gave up: alert unknown_psk_identity",
            ),
            (
                AlertDescription::EncryptedClientHelloRequired,
                "the peer gave up: alert ech_required",
            ),
            (
                AlertDescription::Unknown(200),
                "the peer gave up: alert 200",
            ),
        ] {
            assert_eq!(TlsError::PeerAlert(alert).to_string(), words);
        }
    }
}
