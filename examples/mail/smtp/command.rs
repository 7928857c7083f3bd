//! What a line means.

/// A command of a client. Names are in any case; so are those of parameters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    /// HELO, EHLO or LHLO, and who the client says it is.
    Hello {
        hello: Hello,
        name: &'a str,
    },
    StartTls,
    Auth {
        mechanism: &'a str,
        initial: Option<&'a str>,
    },
    /// The sender (empty for a report on other mail), and what the client announces.
    Mail {
        sender: &'a str,
        parameters: Parameters,
    },
    Recipient(&'a str),
    Data,
    /// This many bytes of a message follow, and are the last ones or not (RFC 3030).
    Chunk {
        size: u64,
        is_last: bool,
    },
    Reset,
    Noop,
    Verify,
    Help,
    Quit,
    /// A command that is known, with arguments that are not.
    Malformed,
    /// BDAT with arguments that do not say how many bytes follow: there is no way to go on.
    MalformedChunk,
    /// MAIL or RCPT with a parameter of an extension that is not offered.
    Parameter,
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hello {
    Helo,
    Ehlo,
    Lhlo,
}

/// What a client says about a message in advance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub(crate) size: Option<u64>,
    /// The message has bytes that are not text, and comes in chunks (RFC 3030).
    pub(crate) is_binary: bool,
    /// Its header and the addresses may have letters beyond ASCII (RFC 6531).
    pub(crate) is_utf8: bool,
}

/// RFC 5321 4.5.3.1 has 256, and RFC 6531 counts in bytes as well.
const LONGEST_ADDRESS: usize = 256;

impl<'a> Command<'a> {
    pub(crate) fn parse(line: &'a [u8]) -> Self {
        let Ok(line) = str::from_utf8(line) else {
            return Command::Unknown;
        };
        // A NUL or a lone CR or LF has no place in any command.
        if line.contains(['\0', '\r', '\n']) {
            return Command::Malformed;
        }
        let (name, arguments) = line.split_once(' ').unwrap_or((line, ""));
        let arguments = arguments.trim_matches([' ', '\t']);
        let without = |command| {
            if arguments.is_empty() {
                command
            } else {
                Command::Malformed
            }
        };
        match name.to_ascii_uppercase().as_str() {
            "EHLO" => Self::hello(Hello::Ehlo, arguments),
            "HELO" => Self::hello(Hello::Helo, arguments),
            "LHLO" => Self::hello(Hello::Lhlo, arguments),
            "STARTTLS" => without(Command::StartTls),
            "AUTH" => Self::auth(arguments).unwrap_or(Command::Malformed),
            "MAIL" => Self::mail(arguments).unwrap_or(Command::Malformed),
            "RCPT" => Self::recipient(arguments).unwrap_or(Command::Malformed),
            "DATA" => without(Command::Data),
            "BDAT" => Self::chunk(arguments).unwrap_or(Command::MalformedChunk),
            "RSET" => without(Command::Reset),
            "NOOP" => Command::Noop,
            "VRFY" => Command::Verify,
            "HELP" => Command::Help,
            "QUIT" => without(Command::Quit),
            _ => Command::Unknown,
        }
    }

    /// The name ends up in a line of the message's header.
    fn hello(hello: Hello, name: &'a str) -> Self {
        if name.is_empty() || name.contains(|c: char| c.is_control() || c == ' ') {
            return Command::Malformed;
        }
        Command::Hello { hello, name }
    }

    /// `PLAIN AGEAYg==`
    fn auth(arguments: &'a str) -> Option<Self> {
        let mut words = arguments.split_ascii_whitespace();
        let (mechanism, initial) = (words.next()?, words.next());
        let auth = Command::Auth { mechanism, initial };
        words.next().is_none().then_some(auth)
    }

    /// `FROM:<address> SIZE=1000 BODY=8BITMIME`
    fn mail(arguments: &'a str) -> Option<Self> {
        let (sender, extensions) = path(arguments, "FROM:")?;
        let mut parameters = Parameters::default();
        for parameter in extensions.split_ascii_whitespace() {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match (name.to_ascii_uppercase().as_str(), value) {
                ("SIZE", size) => parameters.size = Some(number(size)?),
                ("BODY", body) => match body.to_ascii_uppercase().as_str() {
                    "7BIT" | "8BITMIME" => {}
                    "BINARYMIME" => parameters.is_binary = true,
                    _ => return None,
                },
                ("SMTPUTF8", "") => parameters.is_utf8 = true,
                // Who has sent it first, on the word of another server (RFC 4954).
                ("AUTH", _) => {}
                _ => return Some(Command::Parameter),
            }
        }
        Some(Command::Mail { sender, parameters })
    }

    /// `TO:<address>`
    fn recipient(arguments: &'a str) -> Option<Self> {
        let (address, extensions) = path(arguments, "TO:")?;
        if address.is_empty() {
            return None;
        }
        Some(if extensions.is_empty() {
            Command::Recipient(address)
        } else {
            Command::Parameter
        })
    }

    /// `86 LAST`
    fn chunk(arguments: &'a str) -> Option<Self> {
        let mut words = arguments.split_ascii_whitespace();
        let size = number(words.next()?)?;
        let is_last = match words.next() {
            None => false,
            Some(word) if word.eq_ignore_ascii_case("LAST") => true,
            Some(_) => return None,
        };
        let chunk = Command::Chunk { size, is_last };
        words.next().is_none().then_some(chunk)
    }
}

/// Digits, and no sign.
fn number(text: &str) -> Option<u64> {
    let are_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if are_digits { text.parse().ok() } else { None }
}

/// The address between angle brackets behind `keyword`, and what follows.
fn path<'a>(arguments: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let (head, rest) = arguments.split_at_checked(keyword.len())?;
    if !head.eq_ignore_ascii_case(keyword) {
        return None;
    }
    // Some put a space where none belongs.
    let rest = rest.trim_start().strip_prefix('<')?;
    let end = end_of_path(rest)?;
    let (address, parameters) = (&rest[..end], &rest[end + 1..]);
    // The way to the address, which has no use today (RFC 5321, appendix C).
    let address = match address.strip_prefix('@') {
        Some(route) => route.split_once(':')?.1,
        None => address,
    };
    if !parameters.is_empty() && !parameters.starts_with(' ') || address.len() > LONGEST_ADDRESS {
        return None;
    }
    Some((address, parameters.trim()))
}

/// Where the bracket is that closes a path. In quotes any printable character may stand.
fn end_of_path(path: &str) -> Option<usize> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (index, c) in path.char_indices() {
        if c.is_control() {
            return None;
        }
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            '>' if !is_quoted => return Some(index),
            ' ' | '<' if !is_quoted => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests;
