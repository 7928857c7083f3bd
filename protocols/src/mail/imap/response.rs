use super::values::{Value, parse};
use crate::mail::MailError;
use crate::mail::error::excerpt;

/// What a server says, as a whole: a line, with the literals in it.
#[derive(Debug)]
pub(super) enum Response {
    /// `+`: the server waits for more of the command.
    Continue(String),
    /// How a command has ended, or a remark.
    Status(Status),
    /// `*`: a fact.
    Data(Vec<Value>),
}

/// `a1 OK [CODE] text`.
#[derive(Debug)]
pub(super) struct Status {
    /// The command that it ends; `None` for a remark.
    pub(super) tag: Option<String>,
    pub(super) kind: StatusKind,
    /// What stands in brackets before the text.
    pub(super) code: Option<String>,
    /// All behind the tag.
    pub(super) words: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StatusKind {
    Ok,
    No,
    Bad,
    Bye,
    Preauth,
}

impl Status {
    fn of(line: &str) -> Option<Status> {
        let (tag, words) = line.split_once(' ')?;
        let (kind, text) = words.split_once(' ').unwrap_or((words, ""));
        let kind = match kind.to_ascii_uppercase().as_str() {
            "OK" => StatusKind::Ok,
            "NO" => StatusKind::No,
            "BAD" => StatusKind::Bad,
            "BYE" => StatusKind::Bye,
            "PREAUTH" => StatusKind::Preauth,
            _ => return None,
        };
        let code = text.strip_prefix('[').and_then(|text| text.split_once(']'));
        Some(Status {
            tag: (tag != "*").then(|| tag.to_owned()),
            kind,
            code: code.map(|(code, _)| code.to_owned()),
            words: words.to_owned(),
        })
    }

    /// The words of the code behind this name: of `UIDNEXT 5` the word `5`.
    pub(super) fn code(&self, name: &str) -> Option<impl Iterator<Item = &str>> {
        let mut words = self.code.as_ref()?.split_ascii_whitespace();
        words.next()?.eq_ignore_ascii_case(name).then_some(words)
    }
}

/// Makes responses of lines and literals.
#[derive(Default)]
pub(super) struct Assembler {
    text: Vec<u8>,
    literals: Vec<Vec<u8>>,
    bytes: usize,
}

/// What a line is.
pub(super) enum Step {
    Complete(Response),
    /// It ends where a literal of this many bytes begins.
    Literal(u64),
}

/// How many bytes a response may have, with all literals but a message.
pub(super) const RESPONSE_LIMIT: usize = 1 << 20;

impl Assembler {
    pub(super) fn line(&mut self, line: &[u8], command: &'static str) -> Result<Step, MailError> {
        if self.text.is_empty() {
            let text = String::from_utf8_lossy(line);
            if let Some(rest) = text.strip_prefix('+') {
                return Ok(Step::Complete(Response::Continue(rest.trim().to_owned())));
            }
            // The text of a status may end like a literal.
            if let Some(status) = Status::of(&text) {
                return Ok(Step::Complete(Response::Status(status)));
            }
        }
        self.bytes += line.len();
        if self.bytes > RESPONSE_LIMIT {
            return Err(too_long());
        }
        self.text.extend_from_slice(line);
        if let Some(size) = literal_size(line) {
            return Ok(Step::Literal(size));
        }
        let whole = std::mem::take(self);
        let data = whole.text.strip_prefix(b"* ");
        let values = data.and_then(|data| parse(data, whole.literals));
        match values {
            Some(values) => Ok(Step::Complete(Response::Data(values))),
            None => Err(MailError::Unexpected {
                command,
                words: excerpt(&whole.text),
            }),
        }
    }

    /// Makes room for a literal of this many bytes, which comes next.
    pub(super) fn begin_literal(&mut self, size: u64) -> Result<usize, MailError> {
        let size = usize::try_from(size).ok();
        let size = size.filter(|size| self.bytes.saturating_add(*size) <= RESPONSE_LIMIT);
        let size = size.ok_or_else(too_long)?;
        self.bytes += size;
        self.literals.push(Vec::new());
        Ok(size)
    }

    /// A literal that goes elsewhere.
    pub(super) fn skip_literal(&mut self) {
        self.literals.push(Vec::new());
    }

    /// More of the literal that has begun.
    pub(super) fn literal(&mut self, bytes: &[u8]) {
        if let Some(literal) = self.literals.last_mut() {
            literal.extend_from_slice(bytes);
        }
    }

    /// Whether the literal that begins here is the text of a message.
    pub(super) fn is_at_message(&self) -> bool {
        let text = String::from_utf8_lossy(&self.text).to_ascii_uppercase();
        let mut words = text.split_ascii_whitespace();
        words.next() == Some("*")
            && words.next().is_some_and(|word| word.parse::<u32>().is_ok())
            && words.next() == Some("FETCH")
            && words
                .rev()
                .nth(1)
                .is_some_and(|word| word.ends_with("BODY[]"))
    }
}

fn too_long() -> MailError {
    MailError::TooLong(RESPONSE_LIMIT as u64)
}

/// The size in the `{size}` that a line ends with. One that no number holds is the largest.
fn literal_size(line: &[u8]) -> Option<u64> {
    let line = line.strip_suffix(b"}")?;
    let line = line.strip_suffix(b"+").unwrap_or(line);
    let start = line.iter().rposition(|byte| !byte.is_ascii_digit())?;
    let digits = &line[start + 1..];
    if line[start] != b'{' || digits.is_empty() {
        return None;
    }
    let digits = str::from_utf8(digits).ok()?;
    Some(digits.parse().unwrap_or(u64::MAX))
}
