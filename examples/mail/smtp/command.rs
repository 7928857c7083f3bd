//! What a line means.

/// A command of a client. Names are in any case; so are those of parameters.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    /// HELO or EHLO, and who the client says it is.
    Hello {
        extended: bool,
        name: &'a str,
    },
    StartTls,
    /// The sender (empty for a report on other mail), and the size, if the client announces one.
    Mail {
        sender: &'a str,
        size: Option<u64>,
    },
    Recipient(&'a str),
    Data,
    Reset,
    Noop,
    Verify,
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
        let (name, arguments) = line.split_once(' ').unwrap_or((line, ""));
        let arguments = arguments.trim_matches([' ', '\t']);
        let without = |command| match arguments {
            "" => command,
            _ => Command::Malformed,
        };
        match name.to_ascii_uppercase().as_str() {
            "EHLO" => Self::hello(true, arguments),
            "HELO" => Self::hello(false, arguments),
            "STARTTLS" => without(Command::StartTls),
            "MAIL" => Self::mail(arguments).unwrap_or(Command::Malformed),
            "RCPT" => Self::recipient(arguments).unwrap_or(Command::Malformed),
            "DATA" => without(Command::Data),
            "RSET" => without(Command::Reset),
            "NOOP" => Command::Noop,
            "VRFY" => Command::Verify,
            "QUIT" => without(Command::Quit),
            _ => Command::Unknown,
        }
    }

    /// The name ends up in a line of the message's header.
    fn hello(extended: bool, name: &'a str) -> Self {
        match name.is_empty() || name.contains(|c: char| c.is_control() || c == ' ') {
            true => Command::Malformed,
            false => Command::Hello { extended, name },
        }
    }

    /// `FROM:<address> SIZE=1000 BODY=8BITMIME`
    fn mail(arguments: &'a str) -> Option<Self> {
        let (sender, parameters) = path(arguments, "FROM:")?;
        let mut size = None;
        for parameter in parameters.split_ascii_whitespace() {
            let (name, value) = parameter.split_once('=')?;
            match name.to_ascii_uppercase().as_str() {
                "SIZE" => size = Some(value.parse().ok()?),
                "BODY" => {}
                _ => return None,
            }
        }
        Some(Command::Mail { sender, size })
    }

    /// `TO:<address>`
    fn recipient(arguments: &'a str) -> Option<Self> {
        let (address, parameters) = path(arguments, "TO:")?;
        (!address.is_empty() && parameters.is_empty()).then_some(Command::Recipient(address))
    }
}

/// The address between angle brackets behind `keyword`, and what follows.
fn path<'a>(arguments: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let (head, rest) = arguments.split_at_checked(keyword.len())?;
    // Some put a space where none belongs.
    let rest = rest.trim_start().strip_prefix('<')?;
    let (address, parameters) = rest.split_once('>')?;
    let printable = !address.contains(|c: char| c.is_control() || c == ' ' || c == '<');
    (head.eq_ignore_ascii_case(keyword) && printable).then_some((address, parameters.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let mail = |sender, size| Command::Mail { sender, size };
        for (line, command) in [
            (
                "ehlo client.example",
                Command::Hello {
                    extended: true,
                    name: "client.example",
                },
            ),
            (
                "HELO [192.0.2.1]",
                Command::Hello {
                    extended: false,
                    name: "[192.0.2.1]",
                },
            ),
            ("EHLO", Command::Malformed),
            ("EHLO a b", Command::Malformed),
            ("STARTTLS", Command::StartTls),
            ("STARTTLS now", Command::Malformed),
            ("MAIL FROM:<a@b>", mail("a@b", None)),
            ("mail from: <> size=12 Body=8bitMIME", mail("", Some(12))),
            ("MAIL FROM:<a@b> SIZE=x", Command::Malformed),
            ("MAIL FROM:<a@b> WHAT=1", Command::Malformed),
            ("MAIL FROM:a@b", Command::Malformed),
            ("MAIL FROM:<a@b", Command::Malformed),
            ("MAIL", Command::Malformed),
            ("RCPT TO:<c@d>", Command::Recipient("c@d")),
            ("RCPT TO:<>", Command::Malformed),
            ("RCPT TO:<a b>", Command::Malformed),
            ("RCPT FROM:<c@d>", Command::Malformed),
            ("rset", Command::Reset),
            ("", Command::Unknown),
            ("FOO", Command::Unknown),
            ("é", Command::Unknown),
        ] {
            assert_eq!(Command::parse(line.as_bytes()), command, "{line}");
        }
        assert_eq!(Command::parse(b"NOOP \xff"), Command::Unknown);
    }
}
