/// A part of a response: what RFC 9051 calls an atom, a string, or a list in parentheses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// An atom, NIL among them, with the brackets behind it.
    Atom(String),
    /// A quoted string or a literal.
    String(Vec<u8>),
    List(Vec<Value>),
}

/// How deep lists may lie in each other. No response that is used here has more than three.
const DEPTH: usize = 16;

impl Value {
    pub(super) fn number<T: std::str::FromStr>(&self) -> Option<T> {
        match self {
            Value::Atom(atom) => atom.parse().ok(),
            _ => None,
        }
    }

    /// The text of an atom or a string.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Value::Atom(atom) => Some(atom.clone()),
            Value::String(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            Value::List(_) => None,
        }
    }

    pub(super) fn list(&self) -> Option<&[Value]> {
        match self {
            Value::List(values) => Some(values),
            _ => None,
        }
    }

    pub(super) fn is_atom(&self, name: &str) -> bool {
        matches!(self, Value::Atom(atom) if atom.eq_ignore_ascii_case(name))
    }
}

/// The values in a text, in which each `{n}` stands for the next of `literals`. `None` if it is malformed.
pub(super) fn parse(text: &[u8], literals: Vec<Vec<u8>>) -> Option<Vec<Value>> {
    let mut parser = Parser {
        rest: text,
        literals: literals.into_iter(),
    };
    let values = parser.list(0)?;
    parser.rest.is_empty().then_some(values)
}

struct Parser<'a> {
    rest: &'a [u8],
    literals: std::vec::IntoIter<Vec<u8>>,
}

impl Parser<'_> {
    /// Values up to a closing parenthesis, or to the end.
    fn list(&mut self, depth: usize) -> Option<Vec<Value>> {
        let mut values = Vec::new();
        loop {
            match *self.rest {
                [] | [b')', ..] => return Some(values),
                [b' ', ref rest @ ..] => self.rest = rest,
                [b'(', ref rest @ ..] if depth < DEPTH => {
                    self.rest = rest;
                    values.push(Value::List(self.list(depth + 1)?));
                    self.rest = self.rest.strip_prefix(b")")?;
                }
                [b'(', ..] => return None,
                [b'"', ref rest @ ..] => {
                    self.rest = rest;
                    values.push(Value::String(self.quoted()?));
                }
                [b'{', ref rest @ ..] => {
                    let end = rest.iter().position(|byte| *byte == b'}')?;
                    self.rest = &rest[end + 1..];
                    values.push(Value::String(self.literals.next()?));
                }
                _ => values.push(Value::Atom(self.atom())),
            }
        }
    }

    fn quoted(&mut self) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        loop {
            match *self.rest {
                [b'"', ref rest @ ..] => {
                    self.rest = rest;
                    return Some(text);
                }
                [b'\\', byte, ref rest @ ..] | [byte, ref rest @ ..] => {
                    text.push(byte);
                    self.rest = rest;
                }
                [] => return None,
            }
        }
    }

    /// An atom ends at a space or a parenthesis, but not within brackets: `BODY[HEADER.FIELDS (TO)]`.
    fn atom(&mut self) -> String {
        let mut in_brackets = false;
        let end = self.rest.iter().position(|byte| {
            match byte {
                b'[' => in_brackets = true,
                b']' => in_brackets = false,
                _ => {}
            }
            !in_brackets && matches!(byte, b' ' | b'(' | b')')
        });
        let (atom, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        String::from_utf8_lossy(atom).into_owned()
    }
}
