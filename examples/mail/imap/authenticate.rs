//! Who the client is: LOGIN and AUTHENTICATE, under TLS only.

use mail_store::User;
use retwist::protocols::LineTransport;
use retwist::protocols::sasl::{SaslError, encode_initial, password_matches};

use crate::answer::Answer;
use crate::login;
use crate::session::{Mode, Session};

/// How many attempts a client has.
const MOST_ATTEMPTS: u32 = 3;

/// A SASL exchange, and the command that began it.
pub(crate) struct Exchange {
    tag: String,
    sasl: login::Exchange,
}

const IN_CLEAR: &str = "[PRIVACYREQUIRED] STARTTLS comes first";

impl Session {
    pub(crate) fn login(
        &mut self,
        transport: &LineTransport,
        name: &[u8],
        password: &[u8],
    ) -> Answer {
        if !Self::is_protected(transport) {
            return Answer::no(IN_CLEAR);
        }
        if self.user.is_some() {
            return Answer::bad("you have said who you are");
        }
        let name = String::from_utf8_lossy(name);
        let password = String::from_utf8_lossy(password);
        let logins = &self.service.logins;
        let matches = password_matches(&name, &password, logins.verifier(&name));
        let user = logins.user(&name).filter(|_| matches).cloned();
        self.decided(transport, user)
    }

    pub(crate) fn authenticate(
        &mut self,
        transport: &LineTransport,
        tag: &str,
        mechanism: &str,
        initial: Option<&[u8]>,
    ) -> Answer {
        if !Self::is_protected(transport) {
            return Answer::no(IN_CLEAR);
        }
        if self.user.is_some() {
            return Answer::bad("you have said who you are");
        }
        let initial = initial.map(encode_initial);
        let logins = &self.service.logins;
        let begun = login::Exchange::begin(transport, mechanism, initial.as_deref(), logins);
        let Some((sasl, answer)) = begun else {
            return Answer::no("[CANNOT] there is no such mechanism here");
        };
        let tag = tag.to_owned();
        self.step(transport, Exchange { tag, sasl }, answer)
    }

    /// The client's answer to a challenge.
    pub(crate) fn exchange(
        &mut self,
        transport: &LineTransport,
        mut exchange: Exchange,
        line: &[u8],
    ) {
        let tag = exchange.tag.clone();
        let answer = match line {
            b"*" => Answer::bad("as you wish"),
            line => {
                let answer = exchange.sasl.respond(line, &self.service.logins);
                self.step(transport, exchange, answer)
            }
        };
        self.answer(transport, Vec::new(), &tag, answer, false);
    }

    fn step(
        &mut self,
        transport: &LineTransport,
        exchange: Exchange,
        answer: Result<login::Answer, SaslError>,
    ) -> Answer {
        match answer {
            Ok(login::Answer::Challenge(challenge)) => {
                transport.send_line(format!("+ {challenge}"));
                self.mode = Mode::Authenticating(Box::new(exchange));
                Answer::Later
            }
            Ok(login::Answer::User(user)) => self.decided(transport, Some(user)),
            Err(error @ (SaslError::Malformed(_) | SaslError::Base64 | SaslError::TooLong)) => {
                self.count_attempt();
                Answer::bad(error.to_string())
            }
            Err(error) => {
                log::warn!("{}: {error}", transport.peer());
                self.decided(transport, None)
            }
        }
    }

    /// The client is this user; or it has not shown that it is.
    fn decided(&mut self, transport: &LineTransport, user: Option<User>) -> Answer {
        if let Some(user) = user {
            self.logged_in(transport, user);
            let capabilities = self.capabilities(transport);
            return Answer::ok(format!("[CAPABILITY {capabilities}] welcome"));
        }
        log::warn!("{}: a login has failed", transport.peer());
        self.count_attempt();
        Answer::no("[AUTHENTICATIONFAILED] name or password is wrong")
    }

    fn count_attempt(&mut self) {
        self.attempts += 1;
        if self.attempts >= MOST_ATTEMPTS {
            self.bye_soon("too many attempts");
        }
    }
}
