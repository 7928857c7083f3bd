//! The text of a message, as it comes after DATA: it ends at a line with nothing but a dot, and a
//! line that begins with a dot has one more than was meant (RFC 5321 4.5.2).

/// How far the bytes so far have got towards the end: `CR LF . CR LF`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// The beginning of a line.
    #[default]
    Start,
    /// Behind a dot that begins a line. It is not passed on.
    Dot,
    /// Behind that dot and a CR.
    DotReturn,
    /// Behind a CR that may end a line.
    Return,
    Middle,
}

/// Takes the text apart, however it is cut.
///
/// Only CR LF ends a line. A server that takes a lone LF or CR for one sees the end of a message
/// where others do not, and what follows as commands: smuggled mail.
#[derive(Debug, Default)]
pub(crate) struct Body {
    at: At,
}

impl Body {
    /// Passes on the text in `bytes`, and says how many bytes belong to it if the end is among
    /// them.
    pub(crate) fn feed(&mut self, bytes: &[u8], text: &mut Vec<u8>) -> Option<usize> {
        for (index, &byte) in bytes.iter().enumerate() {
            self.at = match (self.at, byte) {
                (At::Start, b'.') => At::Dot,
                (At::Dot, b'\r') => At::DotReturn,
                (At::DotReturn, b'\n') => return Some(index + 1),
                (At::DotReturn, _) => {
                    // No end after all: the dot stood there for nothing, and the CR was text.
                    text.push(b'\r');
                    after(byte, text)
                }
                (At::Return, b'\n') => {
                    text.push(byte);
                    At::Start
                }
                _ => after(byte, text),
            };
        }
        None
    }
}

/// A byte of text that ends nothing.
fn after(byte: u8, text: &mut Vec<u8>) -> At {
    text.push(byte);
    match byte {
        b'\r' => At::Return,
        _ => At::Middle,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut_into(bytes: &[u8], size: usize) -> (Vec<u8>, Option<usize>) {
        let (mut body, mut text) = (Body::default(), Vec::new());
        for (index, piece) in bytes.chunks(size).enumerate() {
            if let Some(used) = body.feed(piece, &mut text) {
                return (text, Some(index * size + used));
            }
        }
        (text, None)
    }

    #[test]
    fn text_and_end_at_every_cut() {
        for (bytes, text, used) in [
            ("hello\r\n.\r\nQUIT\r\n", "hello\r\n", Some(10)),
            (".\r\n", "", Some(3)),
            ("..\r\n...a\r\n.\r\n", ".\r\n..a\r\n", Some(13)),
            (".a\r\nb.\r\n.\r\n", "a\r\nb.\r\n", Some(11)),
            ("a\n.\nb\r.\r\r\n.\r\n", "a\n.\nb\r.\r\r\n", Some(13)),
            ("a\n.\r\nb\r\n.\n.\r\n", "a\n.\r\nb\r\n\n.\r\n", None),
            (".\rx\r\n.\r\r\n.\r\n", "\rx\r\n\r\r\n", Some(12)),
        ] {
            for size in 1..=bytes.len() {
                let expected = (text.as_bytes().to_vec(), used);
                assert_eq!(
                    cut_into(bytes.as_bytes(), size),
                    expected,
                    "{bytes:?} in {size}s"
                );
            }
        }
    }
}
