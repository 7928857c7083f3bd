use super::error::excerpt;
use super::lines::{Answer, ClientLines, Next, ServerLines, command};
use super::{Dialect, StartTlsError};

/// RFC 1939, RFC 2449 and RFC 2595, before TLS.
pub(super) fn server(name: &str) -> ServerLines {
    ServerLines {
        name: name.to_owned(),
        greeting: format!("+OK {name} is ready\r\n"),
        answer,
    }
}

fn answer(name: &str, line: &str) -> Answer {
    let (word, rest) = command(line);
    match word.as_str() {
        "CAPA" => Answer::Say("+OK capabilities follow\r\nSTLS\r\n.\r\n".into()),
        "STLS" if rest.is_empty() => Answer::StartTls("+OK begin TLS\r\n".into()),
        "QUIT" => Answer::End(format!("+OK {name} closes\r\n")),
        _ => Answer::Say("-ERR STLS comes first\r\n".into()),
    }
}

/// Greeting, STLS.
#[derive(Default)]
pub(super) struct Client {
    greeted: bool,
}

impl ClientLines for Client {
    fn line(&mut self, line: &str, say: &mut String) -> Result<Next, StartTlsError> {
        let (status, _) = command(line);
        match (status.as_str(), self.greeted) {
            ("+OK", false) => {
                self.greeted = true;
                say.push_str("STLS\r\n");
                Ok(Next::More)
            }
            ("+OK", true) => Ok(Next::StartTls),
            ("-ERR", _) => Err(StartTlsError::Refused(
                Dialect::Pop3,
                excerpt(line.as_bytes()),
            )),
            _ => Err(StartTlsError::Unexpected(
                Dialect::Pop3,
                excerpt(line.as_bytes()),
            )),
        }
    }
}
