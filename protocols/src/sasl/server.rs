use std::fmt;
use std::mem;

use super::credentials::prepare;
use super::scram::keys::{are_equal, hash, mac, xor};
use super::scram::messages::{ClientFinal, ClientFirst, Flag, covered, random_nonce};
use super::text::check_length;
use super::{ChannelBinding, Mechanism, Protection, SaslError, Verifier, encode, password_matches};

/// The server's side of one exchange.
///
/// [`begin`](SaslServer::begin) takes what came with the command, and each [`SaslStep`] says what is
/// next. If any of its methods fails, the exchange has failed: the protocol says so, and the reason
/// belongs in the log only ([`SaslError::Cancelled`] and what is malformed may be told to the client).
pub struct SaslServer {
    mechanism: Mechanism,
    binding: Option<ChannelBinding>,
    state: State,
}

/// The next step of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SaslStep {
    /// Send this challenge, and give the response to [`SaslServer::respond`].
    Challenge(Vec<u8>),
    /// Find the verifier of this user, and give it to [`SaslServer::verify`]: at once or later.
    Lookup(String),
    /// The client is this user.
    Authenticated(String),
}

enum State {
    Begin,
    PlainMessage,
    LoginName,
    LoginPassword(String),
    PasswordLookup {
        user: String,
        password: String,
    },
    ScramFirst,
    ScramLookup(ScramFirst),
    ScramFinal(Box<ScramFinal>),
    /// The client has yet to take the server's proof.
    ScramProved(String),
    Over,
}

struct ScramFirst {
    user: String,
    header: String,
    bare: String,
    nonce: String,
}

struct ScramFinal {
    first: ScramFirst,
    /// The message that was sent.
    server_first: String,
    verifier: Verifier,
    is_known: bool,
}

impl SaslServer {
    /// A server that the client has asked for `mechanism`.
    ///
    /// # Errors
    ///
    /// [`SaslError::NotProtected`] in clear, [`SaslError::NoBinding`].
    pub fn new(mechanism: Mechanism, protection: &Protection) -> Result<Self, SaslError> {
        if !Mechanism::offered(protection).any(|offered| offered == mechanism) {
            return Err(match protection {
                Protection::Clear => SaslError::NotProtected,
                Protection::Encrypted | Protection::Bound(_) => SaslError::NoBinding,
            });
        }
        Ok(SaslServer {
            mechanism,
            binding: protection.binding().cloned(),
            state: State::Begin,
        })
    }

    /// The mechanism that the client has asked for.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// Begins, with the initial response of the client if it sent one with its command.
    ///
    /// # Errors
    ///
    /// What is wrong with the response.
    pub fn begin(&mut self, initial: Option<&[u8]>) -> Result<SaslStep, SaslError> {
        let State::Begin = mem::replace(&mut self.state, State::Over) else {
            return Err(SaslError::OutOfOrder);
        };
        let (waits_for, question) = match self.mechanism {
            Mechanism::Plain => (State::PlainMessage, ""),
            Mechanism::Login => (State::LoginName, "Username:"),
            Mechanism::ScramSha256 | Mechanism::ScramSha256Plus => (State::ScramFirst, ""),
        };
        self.state = waits_for;
        match initial {
            Some(response) => self.respond(response),
            None => Ok(SaslStep::Challenge(question.into())),
        }
    }

    /// Takes the response to a challenge.
    ///
    /// # Errors
    ///
    /// What is wrong with the response, or [`SaslError::BadCredentials`].
    pub fn respond(&mut self, response: &[u8]) -> Result<SaslStep, SaslError> {
        check_length(response)?;
        match mem::replace(&mut self.state, State::Over) {
            State::PlainMessage => self.plain(response),
            State::LoginName => {
                self.state = State::LoginPassword(prepare(utf8(response)?)?);
                Ok(SaslStep::Challenge(b"Password:".into()))
            }
            State::LoginPassword(user) => self.look_up(user, utf8(response)?),
            State::ScramFirst => self.scram_first(response),
            State::ScramFinal(exchange) => self.scram_final(*exchange, response),
            State::ScramProved(user) if response.is_empty() => Ok(SaslStep::Authenticated(user)),
            State::ScramProved(_) => Err(SaslError::Malformed("the last message has text")),
            State::Begin | State::PasswordLookup { .. } | State::ScramLookup(_) | State::Over => {
                Err(SaslError::OutOfOrder)
            }
        }
    }

    /// Takes the verifier of the user that a [`SaslStep::Lookup`] named; `None` if there is none. This
    /// takes some milliseconds with mechanisms that send the password.
    ///
    /// # Errors
    ///
    /// [`SaslError::BadCredentials`], [`SaslError::OutOfOrder`] if no step has asked,
    /// [`SaslError::Random`].
    pub fn verify(&mut self, verifier: Option<&Verifier>) -> Result<SaslStep, SaslError> {
        match mem::replace(&mut self.state, State::Over) {
            State::PasswordLookup { user, password } => {
                if password_matches(&user, &password, verifier) {
                    Ok(SaslStep::Authenticated(user))
                } else {
                    Err(SaslError::BadCredentials)
                }
            }
            State::ScramLookup(first) => self.scram_challenge(first, verifier, random_nonce()?),
            _ => Err(SaslError::OutOfOrder),
        }
    }

    /// `[user to act for] NUL user NUL password`
    fn plain(&mut self, message: &[u8]) -> Result<SaslStep, SaslError> {
        let mut parts = utf8(message)?.split('\0');
        let (Some(acts_for), Some(user), Some(password), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(SaslError::Malformed("PLAIN has three parts"));
        };
        let user = prepare(user)?;
        if !acts_for.is_empty() && prepare(acts_for)? != user {
            return Err(SaslError::NotAuthorized);
        }
        self.look_up(user, password)
    }

    fn look_up(&mut self, user: String, password: &str) -> Result<SaslStep, SaslError> {
        let password = password.to_owned();
        let step = SaslStep::Lookup(user.clone());
        self.state = State::PasswordLookup { user, password };
        Ok(step)
    }

    fn scram_first(&mut self, message: &[u8]) -> Result<SaslStep, SaslError> {
        let first = ClientFirst::parse(message)?;
        match (first.flag, self.mechanism) {
            (Flag::Bound(ChannelBinding::NAME), Mechanism::ScramSha256Plus)
            | (Flag::Incapable, Mechanism::ScramSha256) => {}
            (Flag::NotOffered, Mechanism::ScramSha256) if self.binding.is_none() => {}
            (Flag::NotOffered, _) => return Err(SaslError::Downgrade),
            (Flag::Bound(_), Mechanism::ScramSha256Plus) => return Err(SaslError::NoBinding),
            _ => return Err(SaslError::Malformed("channel binding and mechanism differ")),
        }
        let user = prepare(&first.user)?;
        if let Some(acts_for) = &first.acts_for
            && prepare(acts_for)? != user
        {
            return Err(SaslError::NotAuthorized);
        }
        self.state = State::ScramLookup(ScramFirst {
            user: user.clone(),
            header: first.header.to_owned(),
            bare: first.bare.to_owned(),
            nonce: first.nonce.to_owned(),
        });
        Ok(SaslStep::Lookup(user))
    }

    fn scram_challenge(
        &mut self,
        mut first: ScramFirst,
        verifier: Option<&Verifier>,
        added: String,
    ) -> Result<SaslStep, SaslError> {
        let is_known = verifier.is_some();
        let verifier = match verifier {
            Some(verifier) => verifier.clone(),
            None => Verifier::decoy(&first.user)?,
        };
        first.nonce += &added;
        let salt = encode(verifier.salt());
        let server_first = format!("r={},s={salt},i={}", first.nonce, verifier.iterations());
        let challenge = server_first.clone().into_bytes();
        self.state = State::ScramFinal(Box::new(ScramFinal {
            first,
            server_first,
            verifier,
            is_known,
        }));
        Ok(SaslStep::Challenge(challenge))
    }

    fn scram_final(&mut self, exchange: ScramFinal, message: &[u8]) -> Result<SaslStep, SaslError> {
        let last = ClientFinal::parse(message)?;
        let ScramFinal {
            first, verifier, ..
        } = exchange;
        if last.nonce != first.nonce {
            return Err(SaslError::Malformed("the nonce is another one"));
        }
        let binding = match (self.mechanism, &self.binding) {
            (Mechanism::ScramSha256Plus, Some(binding)) => binding.bytes(),
            _ => b"",
        };
        if !are_equal(&last.binding, &[first.header.as_bytes(), binding].concat()) {
            return Err(SaslError::BindingMismatch);
        }
        let covered = covered(&first.bare, &exchange.server_first, last.without_proof);
        let signature = mac(verifier.stored_key(), covered.as_bytes());
        let client_key = xor(&last.proof, &signature);
        let is_proved = are_equal(&hash(&client_key), verifier.stored_key());
        if !is_proved || !exchange.is_known {
            return Err(SaslError::BadCredentials);
        }
        let proof = encode(&mac(verifier.server_key(), covered.as_bytes()));
        self.state = State::ScramProved(first.user);
        Ok(SaslStep::Challenge(format!("v={proof}").into()))
    }
}

/// Without what the exchange is about: passwords, and what they are made from.
impl fmt::Debug for SaslServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaslServer")
            .field("mechanism", &self.mechanism)
            .finish_non_exhaustive()
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, SaslError> {
    str::from_utf8(bytes).map_err(|_| SaslError::Malformed("it is not text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7677, section 3.
    #[test]
    fn the_exchange_of_the_rfc() {
        let salt = crate::sasl::decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let verifier = Verifier::with("pencil", &salt, 4096).unwrap();
        let mut server = SaslServer::new(Mechanism::ScramSha256, &Protection::Encrypted).unwrap();
        let first = server.begin(Some(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
        assert_eq!(first.unwrap(), SaslStep::Lookup("user".into()));
        let State::ScramLookup(first) = mem::replace(&mut server.state, State::Over) else {
            panic!("it asks for the verifier");
        };
        let added = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0".to_owned();
        let challenge = server
            .scram_challenge(first, Some(&verifier), added)
            .unwrap();
        let expected = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        assert_eq!(challenge, SaslStep::Challenge(expected.into()));
        let proof = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        let last = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        assert_eq!(
            server.respond(proof).unwrap(),
            SaslStep::Challenge(last.into())
        );
        assert_eq!(
            server.respond(b"").unwrap(),
            SaslStep::Authenticated("user".into())
        );
    }
}
