use std::fmt::{self, Debug, Formatter};

use crate::StoreError;
use crate::name;

/// The users that a server has, by the options `--user NAME --password WORD`.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    users: Vec<User>,
}

/// One user. The name is in lower case; `Debug` does not show the password.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    name: String,
    password: String,
}

impl Accounts {
    /// Adds a user. Names are letters, digits, `-`, `_`, `+` and `.`, at most 64, and letters of both cases are alike.
    ///
    /// A name that is there already gets the new password.
    pub fn add(&mut self, name: &str, password: &str) -> Result<(), StoreError> {
        let name = name::user(name)?;
        self.users.retain(|user| user.name != name);
        self.users.push(User {
            name,
            password: password.into(),
        });
        Ok(())
    }

    /// The user of this name, in letters of either case.
    pub fn user(&self, name: &str) -> Option<&User> {
        let mut users = self.users.iter();
        users.find(|user| user.name.eq_ignore_ascii_case(name))
    }

    /// The user whose mail goes to this address: `USER@localhost`, and `postmaster` for the first user, which RFC 5321
    /// 4.5.1 asks of each server. Quoted local parts are taken at their meaning.
    pub fn recipient(&self, address: &str) -> Option<&User> {
        let (local, domain) = match address.rsplit_once('@') {
            Some((local, domain)) => (local, Some(domain)),
            None => (address, None),
        };
        if domain.is_some_and(|domain| !domain.eq_ignore_ascii_case("localhost")) {
            return None;
        }
        let quoted = local.strip_prefix('"').and_then(|l| l.strip_suffix('"'));
        let local = quoted.map_or_else(|| local.to_owned(), |quoted| quoted.replace('\\', ""));
        if local.eq_ignore_ascii_case("postmaster") {
            return self.user(&local).or(self.users.first());
        }
        domain.and_then(|_| self.user(&local))
    }

    /// All users, in the order of the command line.
    pub fn iter(&self) -> impl Iterator<Item = &User> {
        self.users.iter()
    }

    /// Whether there is no user.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
}

impl User {
    /// The name, in lower case.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The password, as the command line has it. For comparisons that take the same time for each input.
    pub fn password(&self) -> &str {
        &self.password
    }
}

impl Debug for User {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
