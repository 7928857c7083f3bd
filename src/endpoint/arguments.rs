use std::collections::VecDeque;
use std::rc::Rc;

use super::{EndpointError, Mistake};

/// An endpoint's string, split at its colons.
pub(super) struct Arguments {
    text: Rc<str>,
    list: VecDeque<Argument>,
}

#[derive(Default)]
struct Argument {
    name: Option<String>,
    value: String,
    /// The byte at which it starts: that of the name, if it has one.
    start: usize,
    /// The byte at which its value starts.
    at: usize,
}

/// The value of one argument, with its position.
#[derive(Clone, Debug)]
pub struct Value {
    text: Rc<str>,
    value: String,
    at: usize,
}

/// A position in a string: that of a kind, for mistakes that concern no single argument.
#[derive(Clone, Debug)]
pub struct Position {
    text: Rc<str>,
    at: usize,
}

impl Arguments {
    pub(super) fn parse(text: &str) -> Result<Self, EndpointError> {
        let mut list = VecDeque::new();
        let mut now = Argument::default();
        let mut characters = text.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                ':' => {
                    let next = Argument {
                        start: at + 1,
                        at: at + 1,
                        ..Argument::default()
                    };
                    list.push_back(std::mem::replace(&mut now, next));
                }
                // Only the first one ends a name. A kind has no name.
                '=' if now.name.is_none() && !list.is_empty() => {
                    now.name = Some(std::mem::take(&mut now.value));
                    now.at = at + 1;
                }
                '\\' => match characters.next() {
                    Some((_, escaped @ (':' | '=' | '\\'))) => now.value.push(escaped),
                    _ => return Err(EndpointError::new(text, at, Mistake::Escape)),
                },
                _ => now.value.push(character),
            }
        }
        list.push_back(now);
        Ok(Arguments {
            text: text.into(),
            list,
        })
    }

    /// Takes the next argument: the kind of an endpoint.
    pub(super) fn take_kind(&mut self) -> Result<(String, Position), EndpointError> {
        let at = self.list.front().map_or(self.text.len(), |next| next.start);
        let position = Position {
            text: self.text.clone(),
            at,
        };
        match self.list.pop_front() {
            Some(Argument {
                name: None, value, ..
            }) => Ok((value, position)),
            Some(Argument {
                name: Some(name), ..
            }) => Err(position.mistake(Mistake::UnknownName {
                given: name,
                known: Vec::new(),
            })),
            None => Err(position.mistake(Mistake::NothingBelow)),
        }
    }

    /// The first value without a name that has not been taken.
    pub(super) fn first_unnamed(&self) -> Option<&str> {
        let unnamed = self.list.iter().find(|argument| argument.name.is_none());
        unnamed.map(|argument| argument.value.as_str())
    }

    /// Takes the arguments with one of these names; with `up_to_unnamed`, only those before the first
    /// argument without a name.
    pub(super) fn take_named(
        &mut self,
        names: &[&'static str],
        up_to_unnamed: bool,
    ) -> Result<Vec<Option<Value>>, EndpointError> {
        let mut values = vec![None; names.len()];
        let mut index = 0;
        while let Some(argument) = self.list.get(index) {
            let known = argument.name.as_ref();
            let known = known.and_then(|name| names.iter().position(|known| known == name));
            match known {
                Some(known) => {
                    if let Some(argument) = self.list.remove(index) {
                        self.set(&mut values, known, names[known], argument)?;
                    }
                }
                None if up_to_unnamed && argument.name.is_none() => break,
                None => index += 1,
            }
        }
        Ok(values)
    }

    /// Takes all arguments that are left, by their names or in order.
    pub(super) fn take_all(
        &mut self,
        names: &[&'static str],
    ) -> Result<Vec<Option<Value>>, EndpointError> {
        let mut values = vec![None; names.len()];
        let mut places = 0..names.len();
        while let Some(argument) = self.list.pop_front() {
            let mistake = |mistake| EndpointError::new(&self.text, argument.start, mistake);
            let index = match &argument.name {
                Some(name) => names
                    .iter()
                    .position(|known| known == name)
                    .ok_or_else(|| {
                        mistake(Mistake::UnknownName {
                            given: name.clone(),
                            known: names.iter().map(|&name| name.into()).collect(),
                        })
                    })?,
                None => places
                    .next()
                    .ok_or_else(|| mistake(Mistake::TooMany(argument.value.clone())))?,
            };
            self.set(&mut values, index, names[index], argument)?;
        }
        Ok(values)
    }

    fn set(
        &self,
        values: &mut [Option<Value>],
        index: usize,
        name: &'static str,
        argument: Argument,
    ) -> Result<(), EndpointError> {
        if values[index].is_some() {
            // What looks like one more argument is usually the rest of a value with a colon in it.
            let mistake = match argument.name {
                Some(_) => Mistake::Twice(name),
                None => Mistake::TooMany(argument.value),
            };
            return Err(EndpointError::new(&self.text, argument.start, mistake));
        }
        values[index] = Some(Value {
            text: self.text.clone(),
            value: argument.value,
            at: argument.at,
        });
        Ok(())
    }
}

impl Value {
    /// The value, without its backslashes.
    pub fn text(&self) -> &str {
        &self.value
    }

    /// Converts the value. If `read` returns `None`, the mistake says that the value is not `wanted`,
    /// for example "a port, a number from 0 to 65535".
    pub fn read<T>(
        &self,
        wanted: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, EndpointError> {
        read(&self.value).ok_or_else(|| {
            let given = self.value.clone();
            let in_front_of_a_colon = self.text[self.at..].starts_with(':');
            self.mistake(if given.is_empty() && in_front_of_a_colon {
                Mistake::DoubleColon { wanted }
            } else {
                Mistake::Value { given, wanted }
            })
        })
    }

    /// The position of the value.
    pub(super) fn position(&self) -> Position {
        Position {
            text: self.text.clone(),
            at: self.at,
        }
    }

    /// An error about this value.
    pub fn mistake(&self, mistake: Mistake) -> EndpointError {
        EndpointError::new(&self.text, self.at, mistake)
    }
}

impl Position {
    /// An error about an argument that is missing. Its position is the end of the string.
    pub fn missing(&self, name: &'static str) -> EndpointError {
        EndpointError::new(&self.text, self.text.len(), Mistake::Missing(name))
    }

    /// An error about this endpoint or layer as a whole.
    pub fn mistake(&self, mistake: Mistake) -> EndpointError {
        EndpointError::new(&self.text, self.at, mistake)
    }

    /// A name of this endpoint or layer, which it has in each process that reads the same string.
    pub(super) fn name(&self) -> String {
        match self.at {
            0 => self.text.to_string(),
            at => format!("{} from character {at} on", self.text),
        }
    }
}

/// Escapes a value for an endpoint's string: puts a backslash before each `:`, `=` and backslash.
///
/// ```
/// # use retwist::endpoint::quote;
/// let interface = quote("fe80::1");
/// assert_eq!(format!("tcp6:8007:interface={interface}"), r"tcp6:8007:interface=fe80\:\:1");
/// ```
#[doc(alias = "quoteStringArgument")]
pub fn quote(value: &str) -> String {
    let mut quoted = String::with_capacity(value.len());
    for character in value.chars() {
        if matches!(character, ':' | '=' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted
}
