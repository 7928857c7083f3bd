use super::error::excerpt;
use super::lines::{Answer, ClientLines, Next, ServerLines, command};
use super::{Dialect, StartTlsError};

/// RFC 5321 and RFC 3207, before TLS.
pub(super) fn server(name: &str) -> ServerLines {
    ServerLines {
        name: name.to_owned(),
        greeting: format!("220 {name} ESMTP\r\n"),
        answer: |name, line| answer(name, line, &["EHLO", "HELO"]),
    }
}

/// LMTP: the same with another greeting of the client (RFC 2033).
pub(super) fn lmtp_server(name: &str) -> ServerLines {
    ServerLines {
        name: name.to_owned(),
        greeting: format!("220 {name} LMTP\r\n"),
        answer: |name, line| answer(name, line, &["LHLO"]),
    }
}

fn answer(name: &str, line: &str, hellos: &[&str]) -> Answer {
    let (word, rest) = command(line);
    match word.as_str() {
        "HELO" if hellos.contains(&"HELO") => Answer::Say(format!("250 {name}\r\n")),
        hello if hellos.contains(&hello) => Answer::Say(format!(
            "250-{name}\r\n250-ENHANCEDSTATUSCODES\r\n250 STARTTLS\r\n"
        )),
        "STARTTLS" if rest.is_empty() => Answer::StartTls("220 2.0.0 begin TLS\r\n".into()),
        "STARTTLS" => Answer::Say("501 5.5.4 STARTTLS takes no arguments\r\n".into()),
        "NOOP" | "RSET" => Answer::Say("250 2.0.0 done\r\n".into()),
        "QUIT" => Answer::End(format!("221 2.0.0 {name} closes\r\n")),
        _ => Answer::Say("530 5.7.0 STARTTLS comes first\r\n".into()),
    }
}

/// Greeting, EHLO, STARTTLS.
pub(super) struct Client {
    dialect: Dialect,
    hello: String,
    waits_for: WaitsFor,
    offered: bool,
}

#[derive(Clone, Copy)]
enum WaitsFor {
    Greeting,
    Capabilities,
    StartTls,
}

impl Client {
    pub(super) fn new(dialect: Dialect, hello: &str, name: &str) -> Self {
        Client {
            dialect,
            hello: format!("{hello} {name}\r\n"),
            waits_for: WaitsFor::Greeting,
            offered: false,
        }
    }
}

/// A reply line: its code, whether it is the last one, and its text.
pub(super) fn reply(line: &str) -> Option<(u16, bool, &str)> {
    let (code, rest) = line.split_at_checked(3)?;
    let code = code
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| code.parse().ok())??;
    match rest.as_bytes().first() {
        None => Some((code, true, "")),
        Some(b' ') => Some((code, true, &rest[1..])),
        Some(b'-') => Some((code, false, &rest[1..])),
        Some(_) => None,
    }
}

impl ClientLines for Client {
    fn line(&mut self, line: &str, say: &mut String) -> Result<Next, StartTlsError> {
        let dialect = self.dialect;
        let Some((code, is_last, text)) = reply(line) else {
            return Err(StartTlsError::Unexpected(dialect, excerpt(line.as_bytes())));
        };
        let wanted = match self.waits_for {
            WaitsFor::Greeting | WaitsFor::StartTls => 220,
            WaitsFor::Capabilities => 250,
        };
        if code != wanted {
            return Err(StartTlsError::Refused(dialect, excerpt(line.as_bytes())));
        }
        if let WaitsFor::Capabilities = self.waits_for {
            self.offered |= text.trim().eq_ignore_ascii_case("STARTTLS");
        }
        if !is_last {
            return Ok(Next::More);
        }
        match self.waits_for {
            WaitsFor::Greeting => {
                say.push_str(&self.hello);
                self.waits_for = WaitsFor::Capabilities;
                Ok(Next::More)
            }
            WaitsFor::Capabilities if self.offered => {
                say.push_str("STARTTLS\r\n");
                self.waits_for = WaitsFor::StartTls;
                Ok(Next::More)
            }
            WaitsFor::Capabilities => Err(StartTlsError::NotOffered(dialect)),
            WaitsFor::StartTls => Ok(Next::StartTls),
        }
    }
}
