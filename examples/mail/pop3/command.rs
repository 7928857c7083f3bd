//! What a line means.

/// A command of a client (RFC 1939, and RFC 2449, 2595 and 5034). Names are in any case.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    Capabilities,
    StartTls,
    User(&'a str),
    Password(&'a str),
    Auth {
        mechanism: &'a str,
        initial: Option<&'a str>,
    },
    Stat,
    /// Of one message or of all. Messages have the numbers from 1 on.
    List(Option<usize>),
    UniqueIds(Option<usize>),
    Retrieve(usize),
    /// The header of a message, and this many lines of its body.
    Top(usize, usize),
    Delete(usize),
    Reset,
    Noop,
    Quit,
    /// A command that is known, with arguments that are not.
    Malformed,
    Unknown,
}

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
        let command = match name.to_ascii_uppercase().as_str() {
            "CAPA" => without(arguments, Command::Capabilities),
            "STLS" => without(arguments, Command::StartTls),
            "USER" => some(arguments).map(Command::User),
            // Spaces belong to it.
            "PASS" => some(arguments).map(Command::Password),
            "AUTH" => auth(arguments),
            "STAT" => without(arguments, Command::Stat),
            "LIST" => one_or_all(arguments).map(Command::List),
            "UIDL" => one_or_all(arguments).map(Command::UniqueIds),
            "RETR" => number(arguments).map(Command::Retrieve),
            "TOP" => top(arguments),
            "DELE" => number(arguments).map(Command::Delete),
            "RSET" => without(arguments, Command::Reset),
            "NOOP" => without(arguments, Command::Noop),
            "QUIT" => without(arguments, Command::Quit),
            _ => return Command::Unknown,
        };
        command.unwrap_or(Command::Malformed)
    }
}

fn some(arguments: &str) -> Option<&str> {
    Some(arguments).filter(|arguments| !arguments.is_empty())
}

fn without<'a>(arguments: &str, command: Command<'a>) -> Option<Command<'a>> {
    arguments.trim().is_empty().then_some(command)
}

/// `PLAIN AGEAYg==`
fn auth(arguments: &str) -> Option<Command<'_>> {
    let mut words = arguments.split_ascii_whitespace();
    let (mechanism, initial) = (words.next()?, words.next());
    let auth = Command::Auth { mechanism, initial };
    words.next().is_none().then_some(auth)
}

fn one_or_all(arguments: &str) -> Option<Option<usize>> {
    if arguments.trim().is_empty() {
        return Some(None);
    }
    number(arguments).map(Some)
}

/// `1 10`
fn top<'a>(arguments: &str) -> Option<Command<'a>> {
    let (message, lines) = arguments.trim().split_once(' ')?;
    Some(Command::Top(number(message)?, number(lines)?))
}

/// Digits, and no sign.
fn number(text: &str) -> Option<usize> {
    let text = text.trim();
    let are_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if are_digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let auth = |mechanism, initial| Command::Auth { mechanism, initial };
        for (line, command) in [
            ("capa", Command::Capabilities),
            ("STLS", Command::StartTls),
            ("STLS now", Command::Malformed),
            ("USER alice", Command::User("alice")),
            ("USER", Command::Malformed),
            ("PASS  two words ", Command::Password(" two words ")),
            ("AUTH plain", auth("plain", None)),
            ("AUTH PLAIN =", auth("PLAIN", Some("="))),
            ("AUTH", Command::Malformed),
            ("AUTH A b c", Command::Malformed),
            ("STAT", Command::Stat),
            ("LIST", Command::List(None)),
            ("LIST 12", Command::List(Some(12))),
            ("LIST -1", Command::Malformed),
            ("LIST 1 2", Command::Malformed),
            ("UIDL ", Command::UniqueIds(None)),
            ("RETR 1", Command::Retrieve(1)),
            ("RETR", Command::Malformed),
            ("RETR 99999999999999999999", Command::Malformed),
            ("TOP 1 0", Command::Top(1, 0)),
            ("TOP 1", Command::Malformed),
            ("TOP 1 -1", Command::Malformed),
            ("DELE +1", Command::Malformed),
            ("RSET", Command::Reset),
            ("NOOP", Command::Noop),
            ("QUIT", Command::Quit),
            ("NOOP\nQUIT", Command::Malformed),
            ("NOOP \0", Command::Malformed),
            ("", Command::Unknown),
            ("APOP a b", Command::Unknown),
        ] {
            assert_eq!(Command::parse(line.as_bytes()), command, "{line:?}");
        }
        assert_eq!(Command::parse(b"NOOP \xff"), Command::Unknown);
    }
}
