use crate::records::HEADER;

/// What the first bytes from a client are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Hello {
    /// A ClientHello, so far.
    Incomplete,
    /// A whole ClientHello, with the server name (SNI) that it asks for.
    Complete(Option<Box<str>>),
    /// Something else. rustls has the words for it, and the alert.
    Foreign,
}

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const HOST_NAME: u8 = 0;

/// Reads the ClientHello (RFC 8446 4.1.2) that a connection begins with, however it is cut into
/// records.
#[derive(Default)]
pub(crate) struct HelloReader {
    /// The message, where it takes several records.
    message: Vec<u8>,
    /// How much of the input is in it, so that no record is read twice.
    seen: usize,
}

impl HelloReader {
    /// Reads on. `input` is all that has come so far.
    pub(crate) fn read(&mut self, input: &[u8]) -> Hello {
        loop {
            let rest = input.get(self.seen..).unwrap_or_default();
            match rest.first() {
                None => return Hello::Incomplete,
                Some(&HANDSHAKE) => {}
                Some(_) => return Hello::Foreign,
            }
            let Some(&[_, major, _, high, low]) = rest.first_chunk::<HEADER>() else {
                return Hello::Incomplete;
            };
            let length = usize::from(u16::from_be_bytes([high, low]));
            if major != 3 || length == 0 || length > 1 << 14 {
                return Hello::Foreign;
            }
            let Some(fragment) = rest.get(HEADER..HEADER + length) else {
                return Hello::Incomplete;
            };
            // The usual hello, in one record, is read where it is.
            let whole = match self.message.is_empty() {
                true => body(fragment),
                false => {
                    self.message.extend_from_slice(fragment);
                    body(&self.message)
                }
            };
            match whole {
                Body::Whole(hello) => return Hello::Complete(server_name(hello)),
                Body::Foreign => return Hello::Foreign,
                Body::Partial if self.message.is_empty() => {
                    self.message.extend_from_slice(fragment)
                }
                Body::Partial => {}
            }
            self.seen += HEADER + length;
        }
    }
}

enum Body<'a> {
    Whole(&'a [u8]),
    Partial,
    Foreign,
}

fn body(message: &[u8]) -> Body<'_> {
    match message {
        [CLIENT_HELLO, high, middle, low, rest @ ..] => {
            let length = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
            rest.get(..length).map_or(Body::Partial, Body::Whole)
        }
        [CLIENT_HELLO, ..] | [] => Body::Partial,
        _ => Body::Foreign,
    }
}

/// The host name in a ClientHello; none in one that names none, or that rustls will refuse.
fn server_name(hello: &[u8]) -> Option<Box<str>> {
    let mut reader = Reader(hello.get(34..)?);
    let _session_id = reader.counted8()?;
    let _cipher_suites = reader.counted16()?;
    let _compression = reader.counted8()?;
    let mut extensions = Reader(reader.counted16()?);
    loop {
        let kind = extensions.u16()?;
        let extension = extensions.counted16()?;
        if kind == SERVER_NAME {
            let mut names = Reader(Reader(extension).counted16()?);
            let kind = names.u8()?;
            let name = names.counted16()?;
            let name = (kind == HOST_NAME).then(|| str::from_utf8(name).ok())??;
            return Some(name.to_ascii_lowercase().into());
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)
            .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
    }

    fn counted8(&mut self) -> Option<&'a [u8]> {
        let count = self.u8()?;
        self.take(count.into())
    }

    fn counted16(&mut self) -> Option<&'a [u8]> {
        let count = self.u16()?;
        self.take(count.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8]) -> Hello {
        HelloReader::default().read(input)
    }

    /// A ClientHello for `name`, as one handshake message.
    fn hello(name: &[u8]) -> Vec<u8> {
        let count = |bytes: &[u8]| (bytes.len() as u16).to_be_bytes();
        let mut entry = vec![HOST_NAME];
        entry.extend(count(name));
        entry.extend(name);
        let mut names = count(&entry).to_vec();
        names.extend(entry);
        let mut extensions = vec![0xff, 0x01, 0, 1, 0, 0, 0];
        extensions.extend(count(&names));
        extensions.extend(names);
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([0, 0, 2, 0x13, 1, 1, 0]);
        body.extend(count(&extensions));
        body.extend(extensions);
        let mut message = vec![CLIENT_HELLO, 0];
        message.extend(count(&body));
        message.extend(body);
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

    #[test]
    fn the_name_is_found_however_the_hello_is_cut() {
        let message = hello(b"Mail.Example.ORG");
        for size in [1, 2, 3, 7, 50, message.len()] {
            let records = records(&message, size);
            let mut reader = HelloReader::default();
            for end in 0..records.len() {
                assert_eq!(
                    reader.read(&records[..end]),
                    Hello::Incomplete,
                    "{size} {end}"
                );
            }
            let name = Hello::Complete(Some("mail.example.org".into()));
            assert_eq!(reader.read(&records), name, "{size}");
            assert_eq!(read(&[&records[..], b"more"].concat()), name);
        }
    }

    #[test]
    fn what_is_no_hello_is_foreign_at_once() {
        for input in [
            &b"E"[..],
            b"\x16\x02\x00\x00\x01",
            b"\x16\x03\x01\x00\x00",
            b"\x16\x03\x01\x00\x01\x02",
        ] {
            assert_eq!(read(input), Hello::Foreign, "{input:?}");
        }
    }

    #[test]
    fn a_broken_hello_has_no_name_and_harms_nobody() {
        let message = hello(b"example.org");
        for cut in 4..message.len() {
            let mut short = message[..cut].to_vec();
            short[2..4].copy_from_slice(&((cut - 4) as u16).to_be_bytes());
            assert!(matches!(
                read(&records(&short, 1 << 14)),
                Hello::Complete(_)
            ));
        }
        assert_eq!(read(&records(&hello(b"\xff"), 999)), Hello::Complete(None));
    }
}
