use super::error::excerpt;
use super::lines::{Answer, ClientLines, Next, ServerLines, command};
use super::smtp::reply;
use super::{Dialect, StartTlsError};

/// RFC 959, RFC 2389 and RFC 4217, before TLS.
pub(super) fn server(name: &str) -> ServerLines {
    ServerLines {
        name: name.to_owned(),
        greeting: format!("220 {name} is ready\r\n"),
        answer,
    }
}

fn answer(name: &str, line: &str) -> Answer {
    let (word, rest) = command(line);
    match (word.as_str(), rest.to_ascii_uppercase().as_str()) {
        ("FEAT", _) => Answer::Say("211-features follow\r\n AUTH TLS\r\n211 end\r\n".into()),
        ("AUTH", "TLS" | "TLS-C") => Answer::StartTls("234 begin TLS\r\n".into()),
        ("AUTH", _) => Answer::Say("504 only AUTH TLS\r\n".into()),
        ("NOOP", _) => Answer::Say("200 done\r\n".into()),
        ("QUIT", _) => Answer::End(format!("221 {name} closes\r\n")),
        _ => Answer::Say("530 AUTH TLS comes first\r\n".into()),
    }
}

/// Greeting, AUTH TLS.
#[derive(Default)]
pub(super) struct Client {
    greeted: bool,
    /// A reply of several lines has begun, whose inner lines may look like anything.
    inside: Option<u16>,
}

impl ClientLines for Client {
    fn line(&mut self, line: &str, say: &mut String) -> Result<Next, StartTlsError> {
        let dialect = Dialect::Ftp;
        let parsed = reply(line);
        if let Some(code) = self.inside {
            match parsed {
                Some((last, true, _)) if last == code => self.inside = None,
                _ => return Ok(Next::More),
            }
        }
        let Some((code, is_last, _)) = parsed else {
            return Err(StartTlsError::Unexpected(dialect, excerpt(line.as_bytes())));
        };
        if !is_last {
            self.inside = Some(code);
            return Ok(Next::More);
        }
        match (code, self.greeted) {
            // The server is not ready yet, and says when it is.
            (120, false) => Ok(Next::More),
            (220, false) => {
                self.greeted = true;
                say.push_str("AUTH TLS\r\n");
                Ok(Next::More)
            }
            (234, true) => Ok(Next::StartTls),
            (400.., _) => Err(StartTlsError::Refused(dialect, excerpt(line.as_bytes()))),
            _ => Err(StartTlsError::Unexpected(dialect, excerpt(line.as_bytes()))),
        }
    }
}
