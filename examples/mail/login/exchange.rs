use mail_store::User;
use retwist::TransportRef;
use retwist::protocols::sasl::{
    Mechanism, SaslError, SaslServer, SaslStep, decode, decode_initial, encode,
};

use super::{Logins, protection};

/// An exchange of SASL in lines, as SMTP, POP3 and IMAP have it.
pub(crate) struct Exchange {
    server: SaslServer,
}

/// What the client hears.
pub(crate) enum Answer {
    /// A challenge, as text. The next line is the response.
    Challenge(String),
    /// The client is this user.
    User(User),
}

impl Exchange {
    /// Begins an exchange, with the text of the initial response if the client sent one. `None` for a
    /// mechanism that is not offered.
    pub(crate) fn begin(
        transport: &TransportRef,
        mechanism: &str,
        initial: Option<&str>,
        logins: &Logins,
    ) -> Option<(Self, Result<Answer, SaslError>)> {
        let mechanism: Mechanism = mechanism.parse().ok()?;
        let server = SaslServer::new(mechanism, &protection(transport)).ok()?;
        let mut exchange = Exchange { server };
        let answer = exchange.first(initial, logins);
        Some((exchange, answer))
    }

    fn first(&mut self, initial: Option<&str>, logins: &Logins) -> Result<Answer, SaslError> {
        let initial = initial.map(decode_initial).transpose()?;
        let step = self.server.begin(initial.as_deref())?;
        self.answer(step, logins)
    }

    /// The line that answers a challenge.
    pub(crate) fn respond(&mut self, line: &[u8], logins: &Logins) -> Result<Answer, SaslError> {
        let step = self.server.respond(&decode(line)?)?;
        self.answer(step, logins)
    }

    fn answer(&mut self, step: SaslStep, logins: &Logins) -> Result<Answer, SaslError> {
        let mut step = step;
        loop {
            step = match step {
                SaslStep::Lookup(name) => self.server.verify(logins.verifier(&name))?,
                SaslStep::Challenge(challenge) => return Ok(Answer::Challenge(encode(&challenge))),
                SaslStep::Authenticated(name) => {
                    let user = logins.user(&name).ok_or(SaslError::BadCredentials)?;
                    return Ok(Answer::User(user.clone()));
                }
            };
        }
    }
}
