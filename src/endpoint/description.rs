use super::{EndpointError, Mistake};

/// An endpoint's string, taken apart: its kind, and its arguments, of which those that are
/// understood are taken.
pub(super) struct Description<'a> {
    text: &'a str,
    pub(super) kind: String,
    arguments: Vec<Argument>,
}

#[derive(Default)]
struct Argument {
    name: Option<String>,
    value: String,
    /// Where it starts: the name, if it has one.
    start: usize,
    /// Where its value starts.
    at: usize,
}

/// One argument's value, and where it stands.
pub(super) struct Value<'a> {
    text: &'a str,
    pub(super) value: String,
    at: usize,
}

impl<'a> Description<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, EndpointError> {
        let mut arguments = Vec::new();
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
                    arguments.push(std::mem::replace(&mut now, next));
                }
                // Only the first one ends a name. The kind has none.
                '=' if now.name.is_none() && !arguments.is_empty() => {
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
        arguments.push(now);
        let kind = arguments.remove(0).value;
        Ok(Description {
            text,
            kind,
            arguments,
        })
    }

    /// Takes the values of the arguments that the kind has, in the order of their places.
    pub(super) fn arguments<const N: usize>(
        self,
        names: [&'static str; N],
    ) -> Result<[Option<Value<'a>>; N], EndpointError> {
        let text = self.text;
        let mut values = [const { None }; N];
        let mut places = 0..N;
        for argument in self.arguments {
            let mistake = |mistake| EndpointError::new(text, argument.start, mistake);
            let index = match &argument.name {
                Some(name) => names
                    .iter()
                    .position(|known| known == name)
                    .ok_or_else(|| mistake(Mistake::UnknownName(name.clone())))?,
                None => places
                    .next()
                    .ok_or_else(|| mistake(Mistake::TooMany(argument.value.clone())))?,
            };
            if values[index].is_some() {
                // What looks like one more argument is mostly the rest of a value with a colon in
                // it.
                return Err(mistake(match argument.name {
                    Some(_) => Mistake::Twice(names[index]),
                    None => Mistake::TooMany(argument.value),
                }));
            }
            values[index] = Some(Value {
                text,
                value: argument.value,
                at: argument.at,
            });
        }
        Ok(values)
    }

    /// An argument that was not given.
    pub(super) fn missing(text: &str, name: &'static str) -> EndpointError {
        EndpointError::new(text, text.len(), Mistake::Missing(name))
    }

    /// The kind is not one that is known here.
    pub(super) fn unknown_kind(&self) -> EndpointError {
        let kind = self.kind.clone();
        let mistake = match kind.as_str() {
            "unix" | "stdio" | "fd" | "systemd" | "process" => Mistake::KindNotYet(kind),
            _ => Mistake::UnknownKind(kind),
        };
        EndpointError::new(self.text, 0, mistake)
    }
}

impl Value<'_> {
    /// The value as whatever `read` makes of it.
    pub(super) fn read<T>(
        &self,
        wanted: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, EndpointError> {
        read(&self.value).ok_or_else(|| {
            self.mistake(Mistake::Value {
                given: self.value.clone(),
                wanted,
            })
        })
    }

    pub(super) fn mistake(&self, mistake: Mistake) -> EndpointError {
        EndpointError::new(self.text, self.at, mistake)
    }
}

/// Puts a backslash before every character of a value that has a meaning in an endpoint's string.
///
/// ```
/// # use retwist::endpoint::quote;
/// assert_eq!(format!("tcp6:8007:interface={}", quote("fe80::1")), r"tcp6:8007:interface=fe80\:\:1");
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::endpoint::{client_from_string, server_from_string};

    proptest! {
        #[test]
        fn no_string_panics(text in any::<String>()) {
            let _ = server_from_string(&text);
            let _ = client_from_string(&text);
        }

        #[test]
        fn no_arguments_panic(text in r"(tcp6?|unix|\PC)(:(port=|timeout=|\\|=|[0-9a-z.]{0,6}|\PC{0,3})){0,5}") {
            for error in [server_from_string(&text).err(), client_from_string(&text).err()].into_iter().flatten() {
                prop_assert!(error.position() <= text.chars().count());
                prop_assert!(!error.to_string().contains('\n'));
            }
        }

        #[test]
        fn what_is_quoted_comes_back(kind in any::<String>(), first in any::<String>(), second in any::<String>()) {
            let text = format!("{}:{}:name={}", quote(&kind), quote(&first), quote(&second));
            let description = Description::parse(&text).unwrap();
            prop_assert_eq!(&description.kind, &kind);
            let [first_back, second_back] = description.arguments(["first", "name"]).unwrap();
            prop_assert_eq!(first_back.unwrap().value, first);
            prop_assert_eq!(second_back.unwrap().value, second);
        }
    }
}
