use std::error::Error;
use std::fmt;

/// A mistake in an endpoint's string, and where it is.
///
/// It displays as one sentence. The alternate form (`{:#}`) has the place drawn under it:
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
    /// In bytes, on the border of a character.
    at: usize,
    mistake: Mistake,
}

/// What is wrong with an endpoint's string.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mistake {
    /// A backslash before anything but `:`, `=` and a backslash.
    Escape,
    /// There is no endpoint of this kind, of those that listen or of those that connect.
    UnknownKind(String),
    /// There will be endpoints of this kind, and there are none yet.
    KindNotYet(String),
    /// An argument that has no default.
    Missing(&'static str),
    /// More arguments than the kind has.
    TooMany(String),
    /// The kind has no argument of this name, or it stands behind those of what is below.
    UnknownName(String),
    /// The argument was given before.
    Twice(&'static str),
    /// The value is not what it has to be.
    Value {
        /// As it was given, without its backslashes.
        given: String,
        /// What would have been right.
        wanted: &'static str,
    },
    /// Two colons with nothing between them. Mostly they are part of an IPv6 address, whose colons
    /// have to be escaped.
    DoubleColon {
        /// What was to stand there.
        wanted: &'static str,
    },
    /// What TLS needs cannot be read or used, and why.
    Tls(String),
    /// The string ends with a layer, and does not say what it lies on.
    NothingBelow,
    /// More layers than this.
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

    /// What is wrong.
    pub fn mistake(&self) -> &Mistake {
        &self.mistake
    }

    /// How many characters of the string are right, before the mistake.
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
            Mistake::UnknownKind(kind) => write!(f, "there is no kind of endpoint {kind:?}"),
            Mistake::KindNotYet(kind) => {
                write!(f, "endpoints of the kind {kind:?} are not supported yet")
            }
            Mistake::Missing(name) => write!(f, "the {name} is missing"),
            Mistake::TooMany(given) => write!(
                f,
                r"{given:?} is one argument too many (inside a value, a colon is written \:)"
            ),
            Mistake::UnknownName(name) => write!(f, "there is no argument {name:?}"),
            Mistake::Twice(name) => write!(f, "the {name} is given a second time"),
            Mistake::Value { given, wanted } => write!(f, "{given:?} is not {wanted}"),
            Mistake::DoubleColon { wanted } => write!(
                f,
                r#""" is not {wanted} (inside a value, a colon is written \:)"#
            ),
            Mistake::Tls(why) => f.write_str(why),
            Mistake::NothingBelow => {
                f.write_str("the endpoint is missing that all this lies on, such as tcp:8007")
            }
            Mistake::TooManyLayers(most) => write!(f, "there are more than {most} layers"),
        }
    }
}
