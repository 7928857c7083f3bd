use super::error::excerpt;
use super::lines::{Answer, ClientLines, Next, ServerLines, command};
use super::{Dialect, StartTlsError};

const CAPABILITIES: &str = "IMAP4rev1 STARTTLS LOGINDISABLED";

/// RFC 9051, before TLS.
pub(super) fn server(name: &str) -> ServerLines {
    ServerLines {
        name: name.to_owned(),
        greeting: format!("* OK [CAPABILITY {CAPABILITIES}] {name} is ready\r\n"),
        answer,
    }
}

fn answer(_: &str, line: &str) -> Answer {
    let Some((tag, rest)) = line.split_once(' ').filter(|(tag, _)| is_tag(tag)) else {
        return Answer::Say("* BAD a command begins with a tag\r\n".into());
    };
    // The bytes of a literal would be read as commands.
    if rest.ends_with('}') {
        return Answer::End("* BYE a literal comes only behind TLS\r\n".into());
    }
    let (word, rest) = command(rest);
    let ok = |untagged: &str| Answer::Say(format!("{untagged}{tag} OK {word} completed\r\n"));
    match word.as_str() {
        "CAPABILITY" => ok(&format!("* CAPABILITY {CAPABILITIES}\r\n")),
        "NOOP" => ok(""),
        "ID" => ok("* ID NIL\r\n"),
        "LOGOUT" => Answer::End(format!("* BYE as asked\r\n{tag} OK LOGOUT completed\r\n")),
        "STARTTLS" if rest.is_empty() => Answer::StartTls(format!("{tag} OK begin TLS\r\n")),
        "LOGIN" | "AUTHENTICATE" => Answer::Say(format!(
            "{tag} NO [PRIVACYREQUIRED] STARTTLS comes first\r\n"
        )),
        _ => Answer::Say(format!("{tag} BAD STARTTLS comes first\r\n")),
    }
}

/// A tag that may be repeated in an answer (RFC 9051, section 9).
fn is_tag(tag: &str) -> bool {
    let forbidden = |c: char| !c.is_ascii_graphic() || "(){%*\"\\]+".contains(c);
    !tag.is_empty() && !tag.contains(forbidden)
}

/// Greeting, STARTTLS. A server that has no TLS says so in its answer, so that the list of its
/// capabilities, which comes in clear, is not asked for.
#[derive(Default)]
pub(super) struct Client {
    greeted: bool,
}

const TAG: &str = "tls1";

impl ClientLines for Client {
    fn line(&mut self, line: &str, say: &mut String) -> Result<Next, StartTlsError> {
        let dialect = Dialect::Imap;
        let (tag, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (word, _) = command(rest);
        match (tag, self.greeted, word.as_str()) {
            ("*", _, "BYE") => Err(StartTlsError::Refused(dialect, excerpt(line.as_bytes()))),
            ("*", false, "OK") => {
                self.greeted = true;
                say.push_str(&format!("{TAG} STARTTLS\r\n"));
                Ok(Next::More)
            }
            ("*", false, "PREAUTH") => Err(StartTlsError::Preauthenticated),
            ("*", true, _) => Ok(Next::More),
            (TAG, true, "OK") => Ok(Next::StartTls),
            (TAG, true, "NO" | "BAD") => {
                Err(StartTlsError::Refused(dialect, excerpt(line.as_bytes())))
            }
            _ => Err(StartTlsError::Unexpected(dialect, excerpt(line.as_bytes()))),
        }
    }
}
