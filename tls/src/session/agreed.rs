use rustls::pki_types::ServerName;
use rustls::{ClientConfig, CommonState, HandshakeKind};

use crate::TlsInfo;
use crate::record::HEADER;
use crate::witness::Notes;

/// What a handshake that is over has agreed on.
pub(super) fn agreed(common: &CommonState, notes: &Notes) -> Option<TlsInfo> {
    let kind = common.handshake_kind();
    // A server that accepts ECH goes on with the inner hello, which has a random of its own.
    let ech_accepted = match (notes.sent_random, notes.client_random) {
        (Some(sent), Some(counts)) => sent != counts,
        _ => false,
    };
    Some(TlsInfo {
        version: common.protocol_version()?,
        cipher_suite: common.negotiated_cipher_suite()?.suite(),
        key_exchange: common
            .negotiated_key_exchange_group()
            .map(|group| group.name()),
        alpn_protocol: common.alpn_protocol().map(Into::into),
        server_name: notes.server_name.clone(),
        peer_certificates: common.peer_certificates().unwrap_or_default().into(),
        peer_signature: notes.peer_signature,
        ocsp_response: notes.ocsp_response.clone(),
        resumed: kind == Some(HandshakeKind::Resumed),
        hello_retried: kind == Some(HandshakeKind::FullWithHelloRetryRequest),
        ech_accepted,
    })
}

/// The name that a client with this configuration asks for. An address is not asked for (RFC 6066 3).
pub(super) fn asked_for(config: &ClientConfig, name: &ServerName<'_>) -> Option<Box<str>> {
    match name {
        ServerName::DnsName(name) if config.enable_sni => {
            Some(name.as_ref().to_ascii_lowercase().into())
        }
        _ => None,
    }
}

/// The random in the ClientHello that `records` begin with (RFC 8446 4.1.2), however small they are.
pub(super) fn hello_random(records: &[u8]) -> Option<[u8; 32]> {
    /// The header of the message, and the version in it.
    const BEFORE: usize = 4 + 2;
    let mut message = Vec::with_capacity(BEFORE + 32);
    let mut rest = records;
    while message.len() < BEFORE + 32 {
        let (header, body) = rest.split_first_chunk::<HEADER>()?;
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        message.extend_from_slice(body.get(..length)?);
        rest = &body[length..];
    }
    message[BEFORE..].first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_random_is_found_in_small_records() {
        let message: Vec<u8> = (0..60).collect();
        for size in [1, 5, 27, 60] {
            let mut records = Vec::new();
            for piece in message.chunks(size) {
                records.extend([22, 3, 1, 0, piece.len() as u8]);
                records.extend(piece);
            }
            let random = hello_random(&records).map(Vec::from);
            assert_eq!(random.as_deref(), Some(&message[6..38]), "{size}");
        }
        for cut in [0, 4, 5, 42] {
            let mut record = vec![22, 3, 1, 0, 38];
            record.resize(cut, 0);
            assert_eq!(hello_random(&record), None);
        }
    }
}
