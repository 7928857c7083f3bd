//! The AUTHORIZATION state.

use mail_store::User;
use retwist::protocols::LineTransport;
use retwist::protocols::sasl::{SaslError, password_matches};

use super::{Open, Session};
use crate::login::{Answer, Exchange};
use crate::maildrop::{Maildrop, refusal};

/// How many log-ins may fail on one connection.
const MOST_FAILURES: u32 = 3;

impl Session {
    /// PASS.
    pub(super) fn password(&mut self, transport: &LineTransport, password: &str) {
        let Some(name) = self.name.take() else {
            return transport.send_line("-ERR USER comes first");
        };
        let logins = &self.service.logins;
        let matches = password_matches(&name, password, logins.verifier(&name));
        match logins.user(&name).filter(|_| matches).cloned() {
            Some(user) => self.open(transport, user),
            None => self.refuse(transport, &SaslError::BadCredentials),
        }
    }

    /// AUTH.
    pub(super) fn auth(
        &mut self,
        transport: &LineTransport,
        mechanism: &str,
        initial: Option<&str>,
    ) {
        self.name = None;
        match Exchange::begin(transport, mechanism, initial, &self.service.logins) {
            None => transport.send_line("-ERR there is no such mechanism"),
            Some((exchange, answer)) => self.go_on(transport, exchange, answer),
        }
    }

    /// A line of the exchange.
    pub(super) fn response(&mut self, transport: &LineTransport, line: &[u8]) {
        if let Some(mut exchange) = self.exchange.take() {
            let answer = exchange.respond(line, &self.service.logins);
            self.go_on(transport, exchange, answer);
        }
    }

    fn go_on(
        &mut self,
        transport: &LineTransport,
        exchange: Exchange,
        answer: Result<Answer, SaslError>,
    ) {
        match answer {
            Ok(Answer::Challenge(challenge)) => {
                self.exchange = Some(exchange);
                transport.send_line(format!("+ {challenge}"));
            }
            Ok(Answer::User(user)) => self.open(transport, user),
            Err(error) => self.refuse(transport, &error),
        }
    }

    fn refuse(&mut self, transport: &LineTransport, error: &SaslError) {
        log::info!("{}: {error}", transport.peer());
        self.failures += 1;
        transport.send_line(match error {
            SaslError::Cancelled => "-ERR cancelled",
            SaslError::Base64 | SaslError::Malformed(_) => "-ERR this makes no sense",
            SaslError::TooLong => "-ERR this is too long",
            SaslError::Random(_) => "-ERR [SYS/TEMP] not now",
            _ => "-ERR [AUTH] the user name or the password is wrong",
        });
        if self.failures == MOST_FAILURES {
            transport.lose_connection();
        }
    }

    /// The client has shown who it is.
    fn open(&mut self, transport: &LineTransport, user: User) {
        let store = self.service.store.clone();
        let open = move || {
            let mailbox = store.mailbox(&user, "INBOX")?;
            log::info!("{} has logged in", user.name());
            Ok((Maildrop::new(&mailbox), mailbox))
        };
        self.in_thread(transport, open, |session, transport, opened| match opened {
            Ok((maildrop, mailbox)) => {
                if let Some(deadline) = session.deadline.take() {
                    deadline.cancel();
                }
                let (count, bytes) = maildrop.total();
                let mailbox = Some(mailbox);
                session.open = Some(Open { maildrop, mailbox });
                transport.send_line(format!("+OK {count} messages, {bytes} bytes"));
            }
            Err(error) => transport.send_line(refusal(&error)),
        });
    }
}
