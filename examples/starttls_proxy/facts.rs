//! What a server behind the proxy is told about the client and its TLS: a PROXY header of version 2.

use retwist::TransportRef;
use retwist::protocols::{ProxyHeader, Tlv};
use retwist::tls::rustls::ProtocolVersion;
use retwist::tls::{TlsInfo, TlsTransport};

/// Bits of the field `client` (PROXY protocol, section 2.2.6).
const CLIENT_SSL: u8 = 0x01;
const CLIENT_CERTIFICATE: u8 = 0x02 | 0x04;

/// The TLVs inside that of TLS.
const VERSION: u8 = 0x21;
const CIPHER: u8 = 0x23;
const CLIENT_CERTIFICATE_DER: u8 = 0x28;

/// The header for the connection to the server, on behalf of a client.
pub(crate) fn header(client: &TransportRef) -> ProxyHeader {
    let mut header = ProxyHeader::on_behalf_of(client);
    let Some(info) = TlsTransport::of(client) else {
        return header;
    };
    if let Some(name) = &info.alpn_protocol {
        header = header.tlv(Tlv::ALPN, name.to_vec());
    }
    if let Some(name) = &info.server_name {
        header = header.tlv(Tlv::AUTHORITY, name.as_bytes());
    }
    header.tlv(Tlv::SSL, tls(&info))
}

fn tls(info: &TlsInfo) -> Vec<u8> {
    let certificate = info.peer_certificates.first();
    let client = if certificate.is_some() {
        CLIENT_SSL | CLIENT_CERTIFICATE
    } else {
        CLIENT_SSL
    };
    // Zero: the client has shown a certificate, and it was verified.
    let verify = u32::from(certificate.is_none());
    let mut value = vec![client];
    value.extend(verify.to_be_bytes());
    put(VERSION, version(info.version).as_bytes(), &mut value);
    // The names of RFC 8446, which OpenSSL has too.
    let cipher = format!("{:?}", info.cipher_suite).replace("TLS13_", "TLS_");
    put(CIPHER, cipher.as_bytes(), &mut value);
    if let Some(certificate) = certificate {
        put(CLIENT_CERTIFICATE_DER, certificate, &mut value);
    }
    value
}

/// As HAProxy writes it.
fn version(version: ProtocolVersion) -> &'static str {
    if version == ProtocolVersion::TLSv1_3 {
        "TLSv1.3"
    } else {
        "TLSv1.2"
    }
}

/// A value that is too long for its place is left out.
fn put(kind: u8, value: &[u8], out: &mut Vec<u8>) {
    if let Ok(length) = u16::try_from(value.len()) {
        out.push(kind);
        out.extend(length.to_be_bytes());
        out.extend_from_slice(value);
    }
}
