use super::error::excerpt;
use super::lines::{Answer, ClientLines, Next, ServerLines, command};
use super::{Dialect, StartTlsError};

/// RFC 1459 and IRCv3 (capability negotiation, tls), before TLS.
pub(super) fn server(name: &str) -> ServerLines {
    ServerLines {
        name: name.to_owned(),
        greeting: String::new(),
        answer,
    }
}

fn answer(name: &str, line: &str) -> Answer {
    let (word, rest) = command(line);
    let (first, _) = command(rest);
    match (word.as_str(), first.as_str()) {
        ("CAP", "LS") => Answer::Say(format!(":{name} CAP * LS :tls\r\n")),
        ("CAP", "LIST") => Answer::Say(format!(":{name} CAP * LIST :\r\n")),
        ("CAP", "REQ") => Answer::Say(format!(":{name} CAP * NAK :only STARTTLS\r\n")),
        ("CAP", _) | ("" | "PONG", _) => Answer::Say(String::new()),
        ("STARTTLS", "") => Answer::StartTls(format!(":{name} 670 * :begin TLS\r\n")),
        ("QUIT", _) => Answer::End("ERROR :as asked\r\n".into()),
        _ => Answer::Say(format!(":{name} 451 * :STARTTLS comes first\r\n")),
    }
}

/// STARTTLS. Notices come at any time.
pub(super) struct Client;

impl ClientLines for Client {
    fn begin(&mut self) -> String {
        "STARTTLS\r\n".into()
    }

    fn line(&mut self, line: &str, _: &mut String) -> Result<Next, StartTlsError> {
        let (from, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = if from.starts_with(':') { rest } else { line };
        let (word, _) = command(rest);
        match word.as_str() {
            "670" => Ok(Next::StartTls),
            "NOTICE" => Ok(Next::More),
            "691" | "421" | "451" | "ERROR" => Err(StartTlsError::Refused(
                Dialect::Irc,
                excerpt(line.as_bytes()),
            )),
            _ => Err(StartTlsError::Unexpected(
                Dialect::Irc,
                excerpt(line.as_bytes()),
            )),
        }
    }
}
