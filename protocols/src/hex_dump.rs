use std::fmt::{self, Write};

/// Prints bytes as a dump, sixteen on a line: offset, hexadecimal, text. No newline at the end.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use retwist::protocols::HexDump;
///
/// assert_eq!(
///     HexDump(b"GET / HTTP/1.1\r\n\r\n").to_string(),
///     "0000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 31 0d 0a  GET / HTTP/1.1..\n\
///      0010  0d 0a                                             .."
/// );
/// ```
#[derive(Clone, Copy, Debug)]
pub struct HexDump<'a>(pub &'a [u8]);

impl fmt::Display for HexDump<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, row) in self.0.chunks(16).enumerate() {
            if number > 0 {
                f.write_char('\n')?;
            }
            write!(f, "{:04x} ", number * 16)?;
            for column in 0..16 {
                if column % 8 == 0 {
                    f.write_char(' ')?;
                }
                match row.get(column) {
                    Some(byte) => write!(f, "{byte:02x} ")?,
                    None => f.write_str("   ")?,
                }
            }
            f.write_char(' ')?;
            for &byte in row {
                f.write_char(match byte {
                    b' '..=b'~' => char::from(byte),
                    _ => '.',
                })?;
            }
        }
        Ok(())
    }
}
