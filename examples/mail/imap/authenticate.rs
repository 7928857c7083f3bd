//! Who the client is: LOGIN and AUTHENTICATE, under TLS only.

use retwist::protocols::LineTransport;
use retwist::protocols::sasl::{
    Mechanism, Protection, SaslError, SaslServer, SaslStep, Verifier, decode, encode,
    password_matches,
};

use crate::answer::Answer;
use crate::session::{Mode, Session};

/// How many attempts a client has.
const MOST_ATTEMPTS: u32 = 3;

/// A SASL exchange, and the command that began it.
pub(crate) struct Exchange {
    tag: String,
    server: SaslServer,
}

const IN_CLEAR: &str = "[PRIVACYREQUIRED] STARTTLS comes first";

impl Session {
    /// The mechanisms that this server offers here.
    pub(crate) fn mechanisms(transport: &LineTransport) -> impl Iterator<Item = Mechanism> + use<> {
        Mechanism::offered(&Self::protection(transport))
    }

    fn protection(transport: &LineTransport) -> Protection {
        if Self::is_protected(transport) {
            Protection::Encrypted
        } else {
            Protection::Clear
        }
    }

    fn verifier(&self, name: &str) -> Option<&Verifier> {
        let mut users = self.service.users.iter();
        let found = users.find(|(user, _)| user.name().eq_ignore_ascii_case(name));
        found.map(|(_, verifier)| verifier)
    }

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
        let (name, password) = (
            String::from_utf8_lossy(name),
            String::from_utf8_lossy(password),
        );
        let matches = password_matches(&name, &password, self.verifier(&name));
        self.decided(transport, matches.then_some(&*name))
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
        let Ok(mechanism) = mechanism.parse::<Mechanism>() else {
            return Answer::no("[CANNOT] there is no such mechanism here");
        };
        let mut server = match SaslServer::new(mechanism, &Self::protection(transport)) {
            Ok(server) => server,
            Err(error) => return Answer::no(format!("[CANNOT] {error}")),
        };
        let step = server.begin(initial);
        let tag = tag.to_owned();
        self.step(transport, Exchange { tag, server }, step)
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
                let step = decode(line).and_then(|response| exchange.server.respond(&response));
                self.step(transport, exchange, step)
            }
        };
        self.answer(transport, Vec::new(), &tag, answer, false);
    }

    fn step(
        &mut self,
        transport: &LineTransport,
        mut exchange: Exchange,
        mut step: Result<SaslStep, SaslError>,
    ) -> Answer {
        loop {
            step = match step {
                Ok(SaslStep::Lookup(name)) => exchange.server.verify(self.verifier(&name)),
                Ok(SaslStep::Challenge(challenge)) => {
                    transport.send_line(format!("+ {}", encode(&challenge)));
                    self.mode = Mode::Authenticating(Box::new(exchange));
                    return Answer::Later;
                }
                Ok(SaslStep::Authenticated(name)) => return self.decided(transport, Some(&name)),
                Err(error @ (SaslError::Malformed(_) | SaslError::Base64 | SaslError::TooLong)) => {
                    return Answer::bad(error.to_string());
                }
                Err(error) => {
                    log::warn!("{}: {error}", transport.peer());
                    return self.decided(transport, None);
                }
            };
        }
    }

    /// The client is this user; or it has not shown that it is.
    fn decided(&mut self, transport: &LineTransport, name: Option<&str>) -> Answer {
        let mut users = self.service.users.iter();
        let user =
            name.and_then(|name| users.find(|(user, _)| user.name().eq_ignore_ascii_case(name)));
        if let Some((user, _)) = user {
            let user = user.clone();
            self.logged_in(transport, user);
            let capabilities = Self::capabilities(transport, true);
            return Answer::ok(format!("[CAPABILITY {capabilities}] welcome"));
        }
        log::warn!("{}: a login has failed", transport.peer());
        self.attempts += 1;
        if self.attempts >= MOST_ATTEMPTS {
            self.bye_soon("too many attempts");
        }
        Answer::no("[AUTHENTICATIONFAILED] name or password is wrong")
    }
}
