//! AUTH (RFC 4954).

use retwist::protocols::LineTransport;
use retwist::protocols::sasl::SaslError;
use retwist::tls::TlsTransport;

use super::Session;
use crate::login::{Answer, Exchange};

/// How many log-ins may fail on one connection.
const MOST_FAILURES: u32 = 3;

impl Session {
    pub(super) fn log_in(
        &mut self,
        transport: &LineTransport,
        mechanism: &str,
        initial: Option<&str>,
    ) {
        let refusal = if self.service.logins.accounts().is_empty() {
            Some("502 5.5.1 this server has no users")
        } else if TlsTransport::of(transport).is_none() {
            Some("538 5.7.11 STARTTLS comes first")
        } else if !self
            .client
            .as_ref()
            .is_some_and(|client| client.is_extended)
        {
            Some("503 5.5.1 the greeting comes first")
        } else if self.user.is_some() {
            Some("503 5.5.1 you have logged in already")
        } else if self.envelope.is_some() {
            Some("503 5.5.1 not in the middle of a message")
        } else {
            None
        };
        if let Some(refusal) = refusal {
            return transport.send_line(refusal);
        }
        match Exchange::begin(transport, mechanism, initial, &self.service.logins) {
            None => transport.send_line("504 5.5.4 there is no such mechanism"),
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
        let error = match answer {
            Ok(Answer::Challenge(challenge)) => {
                self.exchange = Some(exchange);
                return transport.send_line(format!("334 {challenge}"));
            }
            Ok(Answer::User(user)) => {
                log::info!("{} has logged in", user.name());
                self.user = Some(user.name().to_owned());
                return transport.send_line("235 2.7.0 welcome");
            }
            Err(error) => error,
        };
        log::info!("{}: {error}", transport.peer());
        self.failures += 1;
        if self.failures == MOST_FAILURES {
            return self.leave(transport, "4.7.0 too many log-ins have failed");
        }
        transport.send_line(match error {
            SaslError::Cancelled => "501 5.7.0 cancelled",
            SaslError::Base64 | SaslError::Malformed(_) => "501 5.5.2 this makes no sense",
            SaslError::TooLong => "500 5.5.6 this is too long",
            SaslError::Random(_) => "454 4.7.0 not now",
            _ => "535 5.7.8 the user name or the password is wrong",
        });
    }
}
