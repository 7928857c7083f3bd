//! Who may log in to these servers, and how: `--user NAME --password WORD`, and SASL in lines of
//! base64, or a password.

mod exchange;

use std::collections::HashMap;

use lexopt::{Parser, ValueExt};
use mail_store::{Accounts, User};
use retwist::TransportRef;
use retwist::protocols::sasl::{ChannelBinding, Mechanism, Protection, Verifier};
use retwist::tls::{ChannelBinding as TlsBinding, TlsTransport};

pub(crate) use self::exchange::{Answer, Exchange};
use crate::support::Mistake;

/// The users of the command line.
#[derive(Default)]
pub(crate) struct Logins {
    accounts: Accounts,
    /// What checks the password of each, by the user's name.
    verifiers: HashMap<String, Verifier>,
}

/// The options that say who they are.
#[derive(Default)]
pub(crate) struct LoginOptions {
    names: Vec<String>,
    passwords: Vec<String>,
}

impl LoginOptions {
    /// Takes one of its own options. Returns false for any other.
    pub(crate) fn option(&mut self, option: &str, arguments: &mut Parser) -> Result<bool, Mistake> {
        let given = match option {
            "user" => &mut self.names,
            "password" => &mut self.passwords,
            _ => return Ok(false),
        };
        given.push(arguments.value()?.string()?);
        Ok(true)
    }

    pub(crate) fn logins(self) -> Result<Logins, Mistake> {
        if self.names.len() != self.passwords.len() {
            return Err("--user and --password go together".into());
        }
        let mut logins = Logins::default();
        for (name, password) in self.names.iter().zip(&self.passwords) {
            logins.accounts.add(name, password)?;
        }
        for user in logins.accounts.iter() {
            let verifier = Verifier::new(user.password())?;
            logins.verifiers.insert(user.name().to_owned(), verifier);
        }
        Ok(logins)
    }
}

impl Logins {
    pub(crate) fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    pub(crate) fn user(&self, name: &str) -> Option<&User> {
        self.accounts.user(name)
    }

    pub(crate) fn verifier(&self, name: &str) -> Option<&Verifier> {
        self.verifiers.get(self.user(name)?.name())
    }

    /// The names of the mechanisms that are offered on a connection: none in clear, or without users.
    pub(crate) fn offered(&self, transport: &TransportRef) -> Vec<&'static str> {
        if self.accounts.is_empty() {
            return Vec::new();
        }
        Mechanism::offered(&protection(transport))
            .map(Mechanism::name)
            .collect()
    }
}

/// What keeps a connection from being read.
pub(crate) fn protection(transport: &TransportRef) -> Protection {
    if TlsTransport::of(transport).is_none() {
        return Protection::Clear;
    }
    // TLS 1.2 with an old peer has none that is safe.
    let exported = TlsTransport::channel_binding(transport, TlsBinding::TlsExporter);
    match exported.map(<[u8; 32]>::try_from) {
        Ok(Ok(bytes)) => Protection::Bound(ChannelBinding::tls_exporter(bytes)),
        _ => Protection::Encrypted,
    }
}
