use crate::record::HEADER;
use crate::witness::ServerHello;

const HANDSHAKE: u8 = 22;
const SERVER_HELLO: u8 = 2;
const EXTENDED_MASTER_SECRET: u16 = 23;
/// A larger one is passed over: that of TLS 1.2 has a few short extensions.
const LARGEST: usize = 1 << 10;

/// Reads the ServerHello (RFC 5246 7.4.1.3) that `records` begin with, once it is whole.
///
/// rustls keeps none of it that its unbuffered connections tell. What it says is for rustls to judge,
/// which is shown the same bytes.
pub(super) fn server_hello(records: &[u8]) -> Option<ServerHello> {
    let mut message = Vec::new();
    let mut rest = records;
    let size = loop {
        let (&[kind, _, _, high, low], body) = rest.split_first_chunk::<HEADER>()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if kind != HANDSHAKE {
            return None;
        }
        message.extend_from_slice(body.get(..length)?);
        rest = &body[length..];
        let Some(&[kind, high, middle, low]) = message.first_chunk() else {
            continue;
        };
        let size = 4 + u32::from_be_bytes([0, high, middle, low]) as usize;
        if kind != SERVER_HELLO || size > LARGEST {
            return None;
        }
        if message.len() >= size {
            break size;
        }
    };
    read(&message[4..size])
}

fn read(message: &[u8]) -> Option<ServerHello> {
    let (_version, rest) = message.split_first_chunk::<2>()?;
    let (&random, rest) = rest.split_first_chunk::<32>()?;
    let (&session, rest) = rest.split_first()?;
    let (_suite_and_compression, rest) =
        rest.get(usize::from(session)..)?.split_first_chunk::<3>()?;
    let mut extended_master_secret = false;
    // Without extensions nothing follows.
    let mut extensions = rest.get(2..).unwrap_or_default();
    while let Some((&[kind_high, kind_low, high, low], body)) = extensions.split_first_chunk() {
        let kind = u16::from_be_bytes([kind_high, kind_low]);
        extended_master_secret |= kind == EXTENDED_MASTER_SECRET;
        extensions = body.get(usize::from(u16::from_be_bytes([high, low]))..)?;
    }
    Some(ServerHello {
        random,
        extended_master_secret,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(extensions: &[u8]) -> Vec<u8> {
        let mut message = vec![SERVER_HELLO, 0, 0, 0, 3, 3];
        message.extend(0..32);
        message.extend([1, 9, 0xc0, 0x2b, 0]);
        if !extensions.is_empty() {
            message.extend((extensions.len() as u16).to_be_bytes());
            message.extend(extensions);
        }
        message[3] = (message.len() - 4) as u8;
        message
    }

    fn records(message: &[u8], size: usize) -> Vec<u8> {
        let pieces = message.chunks(size);
        pieces
            .flat_map(|piece| [&[22, 3, 3, 0, piece.len() as u8], piece].concat())
            .collect()
    }

    #[test]
    fn it_is_read_however_it_is_cut() {
        for (extensions, extended) in [
            (&b""[..], false),
            (b"\x00\x17\x00\x00", true),
            (b"\xff\x01\x00\x01\x00\x00\x17\x00\x00", true),
            (b"\xff\x01\x00\x01\x00", false),
        ] {
            let message = [hello(extensions), vec![11, 0, 0, 4]].concat();
            for size in [1, 2, 7, message.len()] {
                let records = records(&message, size);
                let read = server_hello(&records).unwrap();
                assert_eq!(read.extended_master_secret, extended);
                assert_eq!(read.random[..3], [0, 1, 2]);
                for cut in 0..records.len() {
                    let _ = server_hello(&records[..cut]);
                }
            }
        }
    }

    #[test]
    fn what_is_none_is_passed_over() {
        for input in [
            &b""[..],
            b"\x15\x03\x03\x00\x02\x02\x28",
            b"\x16\x03\x03\x00\x04\x0b\x00\x00\x00",
            b"\x16\x03\x03\x00\x04\x02\xff\xff\xff",
            b"\x16\x03\x03\x00\x05\x02\x00\x00\x01\x03",
            b"\x17\x03\x03\x00\x01\x00",
        ] {
            assert!(server_hello(input).is_none(), "{input:?}");
        }
    }
}
