use std::fmt;
use std::mem;

use super::scram::keys::{Key, Keys, are_equal, hash, mac, xor};
use super::scram::messages::{
    ServerFirst, covered, escape, random_nonce, server_final, without_proof,
};
use super::text::check_length;
use super::{
    ChannelBinding, Credentials, MAX_ITERATIONS, MIN_ITERATIONS, Mechanism, Protection, SaslError,
};

/// The client's side of one exchange.
///
/// [`initial_response`](SaslClient::initial_response) goes with the command that begins the exchange,
/// if the protocol has room for it there; [`respond`](SaslClient::respond) answers each challenge; and
/// when the server says that all is well, [`succeeded`](SaslClient::succeeded) says whether to believe
/// it. If any of them fails, cancel the exchange (`*` in most protocols) or close the connection.
pub struct SaslClient {
    mechanism: Mechanism,
    credentials: Credentials,
    binding: Option<ChannelBinding>,
    state: State,
}

enum State {
    Begin,
    /// LOGIN has told the name.
    Named,
    /// The server has all that it needs, and has nothing to prove.
    Told,
    ScramFirst {
        header: String,
        bare: String,
        nonce: String,
    },
    /// The server owes this signature.
    ScramFinal(Key),
    Verified,
    Over,
}

impl SaslClient {
    /// A client that uses `mechanism`.
    ///
    /// On a connection that is [`Bound`](Protection::Bound), [`Mechanism::ScramSha256`] tells the server
    /// that it has not offered [`Mechanism::ScramSha256Plus`]; a server that has then refuses.
    /// [`choose`](SaslClient::choose) does the right thing.
    ///
    /// # Errors
    ///
    /// [`SaslError::NotProtected`] for a password in clear, [`SaslError::NoBinding`].
    pub fn new(
        mechanism: Mechanism,
        credentials: Credentials,
        protection: &Protection,
    ) -> Result<Self, SaslError> {
        if mechanism.sends_password() && *protection == Protection::Clear {
            return Err(SaslError::NotProtected);
        }
        let binding = protection.binding().cloned();
        if mechanism == Mechanism::ScramSha256Plus && binding.is_none() {
            return Err(SaslError::NoBinding);
        }
        Ok(SaslClient {
            mechanism,
            credentials,
            binding,
            state: State::Begin,
        })
    }

    /// A client that uses the strongest mechanism among the names that the server offers. In clear, that
    /// is one that does not send the password.
    ///
    /// # Errors
    ///
    /// [`SaslError::NoMechanism`]; or [`SaslError::NotProtected`] if there is one after TLS only.
    pub fn choose<'a>(
        offered: impl IntoIterator<Item = &'a str>,
        credentials: Credentials,
        protection: &Protection,
    ) -> Result<Self, SaslError> {
        let known = offered.into_iter().filter_map(|name| name.parse().ok());
        let usable = known.filter(|&mechanism| {
            mechanism != Mechanism::ScramSha256Plus || protection.binding().is_some()
        });
        let strongest = usable.max().ok_or(SaslError::NoMechanism)?;
        SaslClient::new(strongest, credentials, protection)
    }

    /// The mechanism that it uses.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// The message that the client begins with. `None` if the mechanism lets the server begin.
    ///
    /// A protocol without room for it sends the name of the mechanism alone, and gets it from
    /// [`respond`](SaslClient::respond), to the empty challenge.
    ///
    /// # Errors
    ///
    /// [`SaslError::OutOfOrder`], [`SaslError::Random`].
    pub fn initial_response(&mut self) -> Result<Option<Vec<u8>>, SaslError> {
        match self.state {
            State::Begin if self.mechanism == Mechanism::Login => Ok(None),
            State::Begin => self.first_message().map(Some),
            _ => Err(SaslError::OutOfOrder),
        }
    }

    /// The response to a challenge.
    ///
    /// # Errors
    ///
    /// What is wrong with the challenge, or with the server.
    pub fn respond(&mut self, challenge: &[u8]) -> Result<Vec<u8>, SaslError> {
        check_length(challenge)?;
        match mem::replace(&mut self.state, State::Over) {
            // What LOGIN asks for has many wordings, and always this order.
            State::Begin if self.mechanism == Mechanism::Login => {
                self.state = State::Named;
                Ok(self.credentials.user().into())
            }
            State::Begin if challenge.is_empty() => self.first_message(),
            State::Begin => Err(SaslError::Malformed("a challenge before the first message")),
            State::Named => {
                self.state = State::Told;
                Ok(self.credentials.password().into())
            }
            State::ScramFirst {
                header,
                bare,
                nonce,
            } => self.prove(&header, &bare, &nonce, challenge),
            State::ScramFinal(signature) => {
                self.check(&signature, challenge)?;
                Ok(Vec::new())
            }
            State::Told | State::Verified | State::Over => Err(SaslError::OutOfOrder),
        }
    }

    /// The server says that the exchange has succeeded, with more `data` in protocols that carry some
    /// there.
    ///
    /// # Errors
    ///
    /// [`SaslError::ServerNotVerified`] if it has not proved that it knows the password.
    pub fn succeeded(&mut self, data: Option<&[u8]>) -> Result<(), SaslError> {
        match (mem::replace(&mut self.state, State::Over), data) {
            (State::Told | State::Verified, None) => Ok(()),
            (State::ScramFinal(signature), Some(data)) => {
                check_length(data)?;
                self.check(&signature, data)
            }
            (State::Told | State::Verified, Some(_)) => Err(SaslError::OutOfOrder),
            _ => Err(SaslError::ServerNotVerified),
        }
    }

    fn first_message(&mut self) -> Result<Vec<u8>, SaslError> {
        let message = match self.mechanism {
            Mechanism::ScramSha256 | Mechanism::ScramSha256Plus => {
                return self.scram_first(random_nonce()?);
            }
            Mechanism::Plain | Mechanism::Login => {
                let (user, password) = (self.credentials.user(), self.credentials.password());
                format!("\0{user}\0{password}")
            }
        };
        self.state = State::Told;
        Ok(message.into())
    }

    fn scram_first(&mut self, nonce: String) -> Result<Vec<u8>, SaslError> {
        let header = match (self.mechanism, &self.binding) {
            (Mechanism::ScramSha256Plus, _) => format!("p={},,", ChannelBinding::NAME),
            (_, Some(_)) => "y,,".into(),
            (_, None) => "n,,".into(),
        };
        let bare = format!("n={},r={nonce}", escape(self.credentials.user()));
        let message = format!("{header}{bare}").into_bytes();
        self.state = State::ScramFirst {
            header,
            bare,
            nonce,
        };
        Ok(message)
    }

    fn prove(
        &mut self,
        header: &str,
        bare: &str,
        nonce: &str,
        challenge: &[u8],
    ) -> Result<Vec<u8>, SaslError> {
        let first = ServerFirst::parse(challenge)?;
        let added = first.nonce.strip_prefix(nonce);
        if added.is_none_or(str::is_empty) {
            return Err(SaslError::Malformed("the nonce is not that of the client"));
        }
        if !(MIN_ITERATIONS..=MAX_ITERATIONS).contains(&first.iterations) {
            return Err(SaslError::Iterations(first.iterations));
        }
        let binding = match (self.mechanism, &self.binding) {
            (Mechanism::ScramSha256Plus, Some(binding)) => binding.bytes(),
            _ => b"",
        };
        let without_proof = without_proof(header, binding, first.nonce);
        let server_first = String::from_utf8_lossy(challenge);
        let covered = covered(bare, &server_first, &without_proof);
        let keys = Keys::derive(self.credentials.password(), &first.salt, first.iterations);
        let signature = mac(&hash(&keys.client), covered.as_bytes());
        let proof = super::encode(&xor(&keys.client, &signature));
        self.state = State::ScramFinal(mac(&keys.server, covered.as_bytes()));
        Ok(format!("{without_proof},p={proof}").into())
    }

    fn check(&mut self, signature: &Key, message: &[u8]) -> Result<(), SaslError> {
        if !are_equal(&server_final(message)?, signature) {
            return Err(SaslError::ServerNotVerified);
        }
        self.state = State::Verified;
        Ok(())
    }
}

/// Without what the exchange is about.
impl fmt::Debug for SaslClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaslClient")
            .field("mechanism", &self.mechanism)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7677, section 3.
    #[test]
    fn the_exchange_of_the_rfc() {
        let credentials = Credentials::new("user", "pencil").unwrap();
        let mut client =
            SaslClient::new(Mechanism::ScramSha256, credentials, &Protection::Clear).unwrap();
        let first = client.scram_first("rOprNGfwEbeRWgbNEkqO".into()).unwrap();
        assert_eq!(first, b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let challenge = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let proof = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert_eq!(client.respond(challenge).unwrap(), proof);
        let last = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        assert_eq!(client.respond(last).unwrap(), b"");
        client.succeeded(None).unwrap();
    }
}
