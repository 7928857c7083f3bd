use crate::record::HEADER;

/// What the first bytes from a client are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Hello {
    /// The beginning of a ClientHello.
    Incomplete,
    /// A whole ClientHello: the handshake message, without the headers of its records.
    Complete(Vec<u8>),
    /// A ClientHello that announces a body of more than [`HELLO_LIMIT`] bytes.
    TooLarge,
    /// Something else. rustls has the words for it, and the alert.
    Foreign,
}

/// The largest body of a ClientHello, as in rustls.
pub(crate) const HELLO_LIMIT: usize = 0xffff;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const WARNING: u8 = 1;
/// What the header of a handshake message takes: its kind, and the size of its body.
const MESSAGE_HEADER: usize = 4;

/// Finds the ClientHello (RFC 8446 4.1.2) that a connection begins with, however it is cut into
/// records. What the message says is for rustls to read.
///
/// A client may send warnings first: this reader passes over as many as rustls does, which sees
/// them afterwards and counts them itself.
#[derive(Default)]
pub(crate) struct HelloReader {
    /// What came of the message so far, from whole records.
    message: Vec<u8>,
    /// How much of the input is in it, so that no record is read twice.
    seen: usize,
    warnings: usize,
}

const MAX_WARNINGS: usize = 4;

impl HelloReader {
    /// Reads on. `input` is all that has come so far.
    pub(crate) fn read(&mut self, input: &[u8]) -> Hello {
        loop {
            let rest = input.get(self.seen..).unwrap_or_default();
            let Some(&[kind, major, _, high, low]) = rest.first_chunk::<HEADER>() else {
                return match rest.first() {
                    None | Some(&HANDSHAKE | &ALERT) => Hello::Incomplete,
                    Some(_) => Hello::Foreign,
                };
            };
            let length = usize::from(u16::from_be_bytes([high, low]));
            if major != 3 || length == 0 || length > 1 << 14 {
                return Hello::Foreign;
            }
            let here = &rest[HEADER..rest.len().min(HEADER + length)];
            match kind {
                HANDSHAKE => {
                    let size = match announced(&self.message, here) {
                        Announced::Body(size) if size > HELLO_LIMIT => return Hello::TooLarge,
                        _ if here.len() < length => return Hello::Incomplete,
                        Announced::Body(size) => MESSAGE_HEADER + size,
                        Announced::Unknown => usize::MAX,
                        // rustls judges whole records alone.
                        Announced::Other => return Hello::Foreign,
                    };
                    self.message.extend_from_slice(here);
                    if self.message.len() >= size {
                        self.message.truncate(size);
                        return Hello::Complete(std::mem::take(&mut self.message));
                    }
                }
                ALERT if length == 2 && self.message.is_empty() => match here {
                    [] | [_] => return Hello::Incomplete,
                    [WARNING, 1..=255] if self.warnings < MAX_WARNINGS => self.warnings += 1,
                    _ => return Hello::Foreign,
                },
                _ => return Hello::Foreign,
            }
            self.seen += HEADER + length;
        }
    }
}

/// What the header of a handshake message says.
enum Announced {
    /// A ClientHello, whose body has this size.
    Body(usize),
    /// The header is not whole.
    Unknown,
    /// This is not a ClientHello.
    Other,
}

/// Reads the header of the message that these bytes, and then those, begin.
fn announced(these: &[u8], those: &[u8]) -> Announced {
    let mut bytes = these.iter().chain(those);
    match (bytes.next(), [bytes.next(), bytes.next(), bytes.next()]) {
        (Some(&CLIENT_HELLO), [Some(&high), Some(&middle), Some(&low)]) => {
            Announced::Body(u32::from_be_bytes([0, high, middle, low]) as usize)
        }
        (Some(&CLIENT_HELLO) | None, _) => Announced::Unknown,
        _ => Announced::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8]) -> Hello {
        HelloReader::default().read(input)
    }

    fn hello(body: usize) -> Vec<u8> {
        let mut message = (body as u32).to_be_bytes().to_vec();
        message[0] = CLIENT_HELLO;
        message.extend((0..body).map(|n| n as u8));
        message
    }

    fn records(message: &[u8], size: usize) -> Vec<u8> {
        let mut records = Vec::new();
        for piece in message.chunks(size) {
            records.extend([HANDSHAKE, 3, 1]);
            records.extend((piece.len() as u16).to_be_bytes());
            records.extend(piece);
        }
        records
    }

    const USER_CANCELED: &[u8] = &[ALERT, 3, 1, 0, 2, 1, 90];

    #[test]
    fn a_hello_is_found_however_it_is_cut() {
        let message = hello(100);
        for size in [1, 2, 3, 7, 50, message.len()] {
            for warnings in [0, 1, MAX_WARNINGS] {
                let input = [USER_CANCELED.repeat(warnings), records(&message, size)].concat();
                let mut reader = HelloReader::default();
                for end in 0..input.len() {
                    let so_far = reader.read(&input[..end]);
                    assert_eq!(so_far, Hello::Incomplete, "{size} {end}");
                }
                let complete = Hello::Complete(message.clone());
                assert_eq!(reader.read(&input), complete, "{size}");
                assert_eq!(read(&[&input[..], b"more"].concat()), complete);
            }
        }
    }

    #[test]
    fn what_is_not_a_hello_is_foreign_at_once() {
        for input in [
            &b"E"[..],
            b"\x16\x02\x00\x00\x01",
            b"\x16\x03\x01\x00\x00",
            b"\x16\x03\x01\x00\x01\x02",
            // Fatal, close_notify, one byte too many, and in the middle of a message.
            b"\x15\x03\x01\x00\x02\x02\x28",
            b"\x15\x03\x01\x00\x02\x01\x00",
            b"\x15\x03\x01\x00\x03",
            b"\x16\x03\x01\x00\x01\x01\x15\x03\x01\x00\x02\x01\x5a",
            &USER_CANCELED.repeat(MAX_WARNINGS + 1),
        ] {
            assert_eq!(read(input), Hello::Foreign, "{input:?}");
        }
    }

    #[test]
    fn a_hello_is_too_large_as_soon_as_it_says_so() {
        for (announces, expected) in [
            ([1, 0, 0xff, 0xff], Hello::Incomplete),
            ([1, 1, 0, 0], Hello::TooLarge),
        ] {
            let input = [&[HANDSHAKE, 3, 1, 0x40, 0][..], &announces].concat();
            assert_eq!(read(&input[..input.len() - 1]), Hello::Incomplete);
            assert_eq!(read(&input), expected);
        }
    }
}
