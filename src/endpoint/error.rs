use std::error::Error;
use std::fmt;

/// A mistake in an endpoint's string, with its position.
///
/// It prints as one sentence. The alternate form (`{:#}`) marks the position:
///
/// ```
/// # use retwist::endpoint::server_from_string;
/// let error = server_from_string("tcp:80o7").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     r#"endpoint "tcp:80o7", character 5: "80o7" is not a port, a number from 0 to 65535"#
/// );
/// assert_eq!(
///     format!("{error:#}"),
///     "\"80o7\" is not a port, a number from 0 to 65535\n    tcp:80o7\n        ^"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointError {
    description: String,
    /// In bytes, on the boundary of a character.
    at: usize,
    mistake: Mistake,
}

/// The error in an endpoint's string.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mistake {
    /// A backslash before anything but `:`, `=` and a backslash.
    Escape,
    /// There is no server endpoint, or no client endpoint, of this kind.
    UnknownKind {
        /// The kind, as it was given.
        given: String,
        /// The kinds that there are, in alphabetical order.
        known: Vec<String>,
        /// An endpoint that was probably meant.
        meant: Option<String>,
    },
    /// There are endpoints of this kind, but not for this side of a connection, or not on this system.
    KindElsewhere(String),
    /// An argument without a default was not given.
    Missing(&'static str),
    /// There are more arguments than the kind has.
    TooMany(String),
    /// The kind has no argument of this name, or the argument stands behind those of the endpoint
    /// below.
    UnknownName {
        /// The name, as it was given.
        given: String,
        /// The arguments that there are in this place. Empty where a kind is wanted.
        known: Vec<String>,
    },
    /// The argument was given before.
    Twice(&'static str),
    /// The value does not fit.
    Value {
        /// The value as it was given, without its backslashes.
        given: String,
        /// The values that fit, in words.
        wanted: &'static str,
    },
    /// Two colons with nothing between them. Usually they are part of an IPv6 address, whose colons
    /// must be escaped.
    DoubleColon {
        /// The values that fit, in words.
        wanted: &'static str,
    },
    /// A file or an option of TLS cannot be used, for this reason.
    Tls(String),
    /// The string ends with a layer, without the endpoint below it.
    NothingBelow,
    /// There are more layers than this limit.
    TooManyLayers(usize),
}

impl EndpointError {
    pub(super) fn new(description: &str, at: usize, mistake: Mistake) -> Self {
        EndpointError {
            description: description.to_owned(),
            at,
            mistake,
        }
    }

    /// The mistake.
    pub fn mistake(&self) -> &Mistake {
        &self.mistake
    }

    /// The number of characters before the mistake.
    pub fn position(&self) -> usize {
        self.description[..self.at].chars().count()
    }
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (description, mistake) = (&self.description, &self.mistake);
        let position = self.position();
        if f.alternate() {
            let visible = |c: char| if c.is_control() { '\u{fffd}' } else { c };
            let line: String = description.chars().map(visible).collect();
            write!(f, "{mistake}\n    {line}\n    {:position$}^", "")
        } else {
            let character = position + 1;
            write!(
                f,
                "endpoint {description:?}, character {character}: {mistake}"
            )
        }
    }
}

impl Error for EndpointError {}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mistake::Escape => f.write_str(r"a backslash is only for \:, \= and \\"),
            Mistake::UnknownKind {
                given,
                known,
                meant,
            } => {
                write!(f, "there is no kind of endpoint {given:?}; ")?;
                match meant {
                    Some(meant) => write!(f, "did you mean {meant}?"),
                    None => write!(f, "the kinds are {}", known.join(", ")),
                }
            }
            Mistake::KindElsewhere(kind) => {
                write!(
                    f,
                    "endpoints of the kind {kind:?} are for the other side of a connection, or for another system"
                )
            }
            Mistake::Missing(name) => write!(f, "the {name} is missing"),
            Mistake::TooMany(given) => write!(
                f,
                r"{given:?} is one argument too many (inside a value, a colon is written \:)"
            ),
            Mistake::UnknownName { given, known } => {
                write!(f, "there is no argument {given:?}")?;
                if !known.is_empty() {
                    write!(f, "; the arguments are {}", known.join(", "))?;
                }
                Ok(())
            }
            Mistake::Twice(name) => write!(f, "the {name} is given a second time"),
            Mistake::Value { given, wanted } => write!(f, "{given:?} is not {wanted}"),
            Mistake::DoubleColon { wanted } => write!(
                f,
                r#""" is not {wanted} (inside a value, a colon is written \:)"#
            ),
            Mistake::Tls(why) => f.write_str(why),
            Mistake::NothingBelow => {
                f.write_str("the endpoint below the layers is missing, such as tcp:8007")
            }
            Mistake::TooManyLayers(most) => write!(f, "there are more than {most} layers"),
        }
    }
}
