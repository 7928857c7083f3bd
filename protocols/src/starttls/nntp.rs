use super::error::excerpt;
use super::lines::{Answer, ClientLines, Next, ServerLines, command};
use super::smtp::reply;
use super::{Dialect, StartTlsError};

/// RFC 3977 and RFC 4642, before TLS.
pub(super) fn server(name: &str) -> ServerLines {
    ServerLines {
        name: name.to_owned(),
        greeting: format!("201 {name} is ready\r\n"),
        answer,
    }
}

fn answer(name: &str, line: &str) -> Answer {
    let (word, rest) = command(line);
    match word.as_str() {
        "CAPABILITIES" => {
            Answer::Say("101 capabilities follow\r\nVERSION 2\r\nSTARTTLS\r\n.\r\n".into())
        }
        "MODE" if rest.eq_ignore_ascii_case("READER") => {
            Answer::Say(format!("201 {name} is ready\r\n"))
        }
        "STARTTLS" if rest.is_empty() => Answer::StartTls("382 begin TLS\r\n".into()),
        "QUIT" => Answer::End(format!("205 {name} closes\r\n")),
        _ => Answer::Say("483 STARTTLS comes first\r\n".into()),
    }
}

/// Greeting, STARTTLS.
#[derive(Default)]
pub(super) struct Client {
    greeted: bool,
}

impl ClientLines for Client {
    fn line(&mut self, line: &str, say: &mut String) -> Result<Next, StartTlsError> {
        match (reply(line), self.greeted) {
            (Some((200 | 201, ..)), false) => {
                self.greeted = true;
                say.push_str("STARTTLS\r\n");
                Ok(Next::More)
            }
            (Some((382, ..)), true) => Ok(Next::StartTls),
            (Some((400.., ..)), _) => Err(StartTlsError::Refused(
                Dialect::Nntp,
                excerpt(line.as_bytes()),
            )),
            _ => Err(StartTlsError::Unexpected(
                Dialect::Nntp,
                excerpt(line.as_bytes()),
            )),
        }
    }
}
