//! How a command is put together from lines and literals.
//!
//! What is evil here: a literal announces any length, up to 2^63 and beyond; lines with literals between them never end; a
//! message comes at a byte a second. So a length is compared with a limit before anything is kept, a command has a limit over
//! all its pieces, and the text of a message is not kept at all but handed on (`append.rs`).

/// What the pieces of a command may have together, but for the text of a message.
const COMMAND_LIMIT: usize = 64 << 10;

/// A command that is not complete yet.
#[derive(Default)]
pub(crate) struct Input {
    /// Its lines, with their ends, and its literals.
    pub(crate) command: Vec<u8>,
    /// How many bytes of a literal are still to come.
    missing: usize,
}

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// The last of a command.
    Last,
    /// A literal follows.
    Literal(Announced),
    /// The command is too large or its literal cannot be; the client may go on after the line.
    Refused(&'static str),
    /// The same, but the client sends on without waiting for an answer: only the end of the connection helps.
    Fatal(&'static str),
}

/// The announcement of a literal: `{123}` or `{123+}` (LITERAL+, RFC 7888).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Announced {
    pub(crate) length: u64,
    /// The client does not wait for `+`.
    pub(crate) is_sent: bool,
    /// How long the announcement is in the line.
    written: usize,
}

impl Input {
    /// Takes a line, without its end.
    pub(crate) fn line(&mut self, line: &[u8]) -> Line {
        let announced = Announced::find(line);
        if self.command.len() + line.len() > COMMAND_LIMIT {
            return match announced {
                Some(Ok(Announced { is_sent: true, .. })) => Line::Fatal("the command is too long"),
                _ => Line::Refused("the command is too long"),
            };
        }
        self.command.extend_from_slice(line);
        self.command.extend_from_slice(b"\r\n");
        match announced {
            None => Line::Last,
            Some(Ok(announced)) => Line::Literal(announced),
            Some(Err(true)) => Line::Fatal("the literal is too long"),
            Some(Err(false)) => Line::Refused("the literal is too long"),
        }
    }

    /// Whether an ordinary literal of this length fits.
    pub(crate) fn fits(&self, length: u64) -> bool {
        let room = COMMAND_LIMIT.saturating_sub(self.command.len());
        usize::try_from(length).is_ok_and(|length| length <= room)
    }

    /// An ordinary literal begins.
    pub(crate) fn expect(&mut self, length: u64) {
        self.missing = usize::try_from(length).unwrap_or(COMMAND_LIMIT);
    }

    /// Takes bytes of a literal. Returns how many belong to it, and whether it is complete.
    pub(crate) fn literal(&mut self, data: &[u8]) -> (usize, bool) {
        let used = data.len().min(self.missing);
        self.command.extend_from_slice(&data[..used]);
        self.missing -= used;
        (used, self.missing == 0)
    }

    /// The command so far with a literal of one byte in place of the one that is announced at its end: what the parser takes
    /// for a command if nothing but that literal is missing.
    pub(crate) fn with_stand_in(&self, announced: Announced) -> Vec<u8> {
        let end = self.command.len() - announced.written - 2;
        [&self.command[..end], b"{1}\r\nx\r\n"].concat()
    }

    /// The tag, as far as it can be one. For answers to what is not a command.
    pub(crate) fn tag(&self) -> String {
        let end = self.command.iter().position(|byte| !is_tag(*byte));
        let tag = &self.command[..end.unwrap_or(0)];
        if tag.is_empty() || tag.len() > 100 {
            return "*".into();
        }
        String::from_utf8_lossy(tag).into_owned()
    }
}

impl Announced {
    /// The announcement at the end of a line. An error says that the length cannot be, and whether the client waits for no
    /// answer.
    fn find(line: &[u8]) -> Option<Result<Announced, bool>> {
        let inner = line.strip_suffix(b"}")?;
        let at = inner.iter().rposition(|byte| *byte == b'{')?;
        let (digits, is_sent) = match inner[at + 1..].strip_suffix(b"+") {
            Some(digits) => (digits, true),
            None => (&inner[at + 1..], false),
        };
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let length = std::str::from_utf8(digits).ok()?.parse::<u64>();
        let written = line.len() - at;
        Some(match length {
            // RFC 3501 has numbers of 32 bits, and the parser too.
            Ok(length) if length <= u64::from(u32::MAX) => Ok(Announced {
                length,
                is_sent,
                written,
            }),
            _ => Err(is_sent),
        })
    }
}

/// RFC 3501 9: `tag`.
fn is_tag(byte: u8) -> bool {
    byte.is_ascii_graphic() && !br#"(){%*"\]+"#.contains(&byte)
}
