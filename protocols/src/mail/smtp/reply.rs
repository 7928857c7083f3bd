use std::fmt;
use std::sync::Arc;

use crate::mail::MailError;
use crate::mail::error::excerpt;

/// The answer of a server to a command: a code, and text for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    text: Arc<str>,
}

impl Reply {
    /// The code, 200 to 599. 2xx is yes, 4xx no for now, 5xx no.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The text of all its lines, with `\n` between them.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The enhanced status code (RFC 2034) that the text begins with: `(5, 1, 1)` for an unknown mailbox.
    pub fn enhanced_code(&self) -> Option<(u8, u16, u16)> {
        let word = self.text.split_ascii_whitespace().next()?;
        let mut parts = word.split('.');
        let class = parts.next()?.parse().ok()?;
        let codes = (
            class,
            parts.next()?.parse().ok()?,
            parts.next()?.parse().ok()?,
        );
        (parts.next().is_none() && matches!(class, 2 | 4 | 5)).then_some(codes)
    }

    /// Whether the server has done what it was asked.
    pub fn is_positive(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// Whether it refuses only for now, so that it may be asked again later.
    pub fn is_temporary(&self) -> bool {
        (400..500).contains(&self.code)
    }

    /// Whether it refuses.
    pub(super) fn is_negative(&self) -> bool {
        self.code >= 400
    }

    /// This reply as the reason why a command failed.
    pub(super) fn as_error(&self, command: &'static str) -> MailError {
        let words = excerpt(self.to_string().as_bytes());
        if self.is_negative() {
            MailError::Refused { command, words }
        } else {
            MailError::Unexpected { command, words }
        }
    }
}

/// On one line: `550 5.1.1 no such user`.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        for line in self.text.lines() {
            write!(f, " {line}")?;
        }
        Ok(())
    }
}

/// Makes replies of lines.
#[derive(Default)]
pub(super) struct ReplyParser {
    lines: usize,
    code: u16,
    text: String,
}

/// How many lines a reply may have, and how many bytes they may have together.
const MOST_LINES: usize = 200;
const MOST_BYTES: usize = 64 * 1024;

impl ReplyParser {
    /// Takes a line. Returns the reply if this is its last one. `command`, for an error: what is answered.
    pub(super) fn line(
        &mut self,
        line: &[u8],
        command: &'static str,
    ) -> Result<Option<Reply>, MailError> {
        let unexpected = || MailError::Unexpected {
            command,
            words: excerpt(line),
        };
        let (code, is_last, text) = parts(line).ok_or_else(unexpected)?;
        if self.lines > 0 && code != self.code {
            return Err(unexpected());
        }
        if self.lines == MOST_LINES || self.text.len() + text.len() > MOST_BYTES {
            return Err(MailError::TooLong(MOST_BYTES as u64));
        }
        if self.lines > 0 {
            self.text.push('\n');
        }
        self.lines += 1;
        self.code = code;
        self.text.push_str(&String::from_utf8_lossy(text));
        if !is_last {
            return Ok(None);
        }
        let complete = std::mem::take(self);
        Ok(Some(Reply {
            code,
            text: complete.text.into(),
        }))
    }
}

/// The code of a line, whether it is the last one of its reply, and its text.
fn parts(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let (digits, rest) = line.split_at_checked(3)?;
    let code = str::from_utf8(digits).ok()?.parse().ok()?;
    if !digits.iter().all(u8::is_ascii_digit) || !(200..600).contains(&code) {
        return None;
    }
    match rest {
        [] => Some((code, true, b"")),
        [b' ', text @ ..] => Some((code, true, text)),
        [b'-', text @ ..] => Some((code, false, text)),
        _ => None,
    }
}
