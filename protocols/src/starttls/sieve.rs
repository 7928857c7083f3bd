use super::error::excerpt;
use super::lines::{Answer, ClientLines, Next, ServerLines, command};
use super::{Dialect, StartTlsError};

const CAPABILITIES: &str =
    "\"IMPLEMENTATION\" \"retwist\"\r\n\"SIEVE\" \"\"\r\n\"STARTTLS\"\r\n\"VERSION\" \"1.0\"\r\n";

/// RFC 5804, before TLS.
pub(super) fn server(name: &str) -> ServerLines {
    ServerLines {
        name: name.to_owned(),
        greeting: format!("{CAPABILITIES}OK \"{name} is ready\"\r\n"),
        answer,
    }
}

fn answer(_: &str, line: &str) -> Answer {
    // The bytes of a literal would be read as commands.
    if line.ends_with('}') {
        return Answer::End("BYE \"a literal comes only behind TLS\"\r\n".into());
    }
    let (word, rest) = command(line);
    match word.as_str() {
        "CAPABILITY" => Answer::Say(format!("{CAPABILITIES}OK\r\n")),
        "NOOP" => Answer::Say("OK\r\n".into()),
        "STARTTLS" if rest.is_empty() => Answer::StartTls("OK \"begin TLS\"\r\n".into()),
        "LOGOUT" => Answer::End("OK\r\n".into()),
        _ => Answer::Say("NO (ENCRYPT-NEEDED) \"STARTTLS comes first\"\r\n".into()),
    }
}

/// Capabilities, STARTTLS.
#[derive(Default)]
pub(super) struct Client {
    greeted: bool,
    offered: bool,
}

impl ClientLines for Client {
    fn line(&mut self, line: &str, say: &mut String) -> Result<Next, StartTlsError> {
        let dialect = Dialect::Sieve;
        let (word, _) = command(line);
        if word.starts_with('"') && !self.greeted {
            self.offered |= word == "\"STARTTLS\"";
            return Ok(Next::More);
        }
        // A code may follow at once, in parentheses.
        match (word.split('(').next(), self.greeted) {
            (Some("OK"), false) if self.offered => {
                self.greeted = true;
                say.push_str("STARTTLS\r\n");
                Ok(Next::More)
            }
            (Some("OK"), false) => Err(StartTlsError::NotOffered(dialect)),
            (Some("OK"), true) => Ok(Next::StartTls),
            (Some("NO" | "BYE"), _) => {
                Err(StartTlsError::Refused(dialect, excerpt(line.as_bytes())))
            }
            _ => Err(StartTlsError::Unexpected(dialect, excerpt(line.as_bytes()))),
        }
    }
}
