mod error;

use std::fmt;
use std::str::FromStr;

use nix::unistd::{
    Gid, Group, Uid, User, getegid, geteuid, getgid, getuid, initgroups, setgid, setgroups, setuid,
};

pub use self::error::RunAsError;

/// The user and the group that a program runs as once it has opened what only root may: ports below 1024,
/// keys of certificates.
///
/// ```no_run
/// # use retwist_reactor as retwist;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use retwist::{Protocol, TransportRef};
/// # struct Echo;
/// # impl Protocol for Echo {
/// #     fn data_received(&mut self, t: &TransportRef, data: &[u8]) { t.write(data) }
/// # }
/// use retwist::{Reactor, RunAs};
///
/// let user: RunAs = "www-data:www-data".parse()?;
/// let reactor = Reactor::new()?;
/// reactor.listen_tcp(7, |_| Echo)?;
/// user.apply()?; // before the loop turns: no client was served yet
/// reactor.run()?;
/// # Ok(()) }
/// ```
///
/// What the program opens later, it opens as that user: a certificate that is read again, a log, the program
/// itself in a [`Restart`](crate::Restart). A new version that is started so runs as that user from the
/// beginning, gets the sockets that are open, and finds in `apply` that there is nothing to do. A port below
/// 1024 that only the new version has is refused, and the old one goes on.
///
/// Under systemd, `User=` and a socket unit do the same without root at any time. Apple's systems have no
/// safe way to leave groups, and no `RunAs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunAs {
    /// As it was given.
    name: String,
    user: Uid,
    /// The name in the table of users: it is in the groups that name it.
    login: Option<String>,
    group: Gid,
    /// Whether the group was given: then the user is in that one alone.
    is_group_given: bool,
}

/// `USER` or `USER:GROUP`, by names or by numbers. Without a group it is that of the user, with all groups
/// that the user is in. A number that no table knows needs a group.
impl FromStr for RunAs {
    type Err = RunAsError;

    fn from_str(text: &str) -> Result<Self, RunAsError> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        let found = match user.parse() {
            Ok(number) => User::from_uid(Uid::from_raw(number)),
            Err(_) => User::from_name(user),
        };
        let found = found.map_err(|error| RunAsError::Table(error.into()))?;
        let uid = match (&found, user.parse()) {
            (Some(found), _) => found.uid,
            (None, Ok(number)) => Uid::from_raw(number),
            (None, Err(_)) => return Err(RunAsError::User(user.to_owned())),
        };
        let gid = match (group, &found) {
            (Some(group), _) => gid(group)?,
            (None, Some(found)) => found.gid,
            (None, None) => return Err(RunAsError::NoGroup(user.to_owned())),
        };
        if uid.is_root() {
            return Err(RunAsError::Root(text.to_owned()));
        }
        Ok(RunAs {
            name: text.to_owned(),
            user: uid,
            login: found.map(|found| found.name),
            group: gid,
            is_group_given: group.is_some(),
        })
    }
}

fn gid(group: &str) -> Result<Gid, RunAsError> {
    if let Ok(number) = group.parse() {
        return Ok(Gid::from_raw(number));
    }
    let found = Group::from_name(group).map_err(|error| RunAsError::Table(error.into()))?;
    let unknown = || RunAsError::Group(group.to_owned());
    Ok(found.ok_or_else(unknown)?.gid)
}

impl RunAs {
    /// Becomes that user, for good: groups first, then the group, then the user, of all threads. Then it
    /// tries to become root again, and fails if it can.
    ///
    /// A process that is that user already stays as it is. After an error the program is to end: it may
    /// have given up a part of what it had.
    pub fn apply(&self) -> Result<(), RunAsError> {
        if self.is_in_force() {
            log::info!("runs as {self} already");
            return Ok(());
        }
        if !geteuid().is_root() {
            return Err(RunAsError::NotRoot(geteuid().as_raw(), self.name.clone()));
        }
        self.leave_groups()?;
        let failed = |error: nix::Error| RunAsError::Refused(self.name.clone(), error.into());
        setgid(self.group).map_err(failed)?;
        setuid(self.user).map_err(failed)?;
        // A system may be told to leave capabilities to a process that is root no more.
        if !self.is_in_force() || setuid(Uid::from_raw(0)).is_ok() {
            return Err(RunAsError::NotForGood(self.name.clone()));
        }
        log::info!("runs as {self} from now on");
        Ok(())
    }

    fn leave_groups(&self) -> Result<(), RunAsError> {
        let outcome = match &self.login {
            Some(login) if !self.is_group_given => {
                let login = std::ffi::CString::new(login.as_str());
                // A name of the table has no NUL.
                login.map_or(Ok(()), |login| initgroups(&login, self.group))
            }
            _ => setgroups(&[self.group]),
        };
        outcome.map_err(|error| RunAsError::Refused(self.name.clone(), error.into()))
    }

    fn is_in_force(&self) -> bool {
        let users = [getuid(), geteuid()];
        let groups = [getgid(), getegid()];
        users == [self.user; 2] && groups == [self.group; 2]
    }
}

/// As it was given, with the numbers.
impl fmt::Display for RunAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RunAs {
            name, user, group, ..
        } = self;
        write!(f, "{name} (user {user}, group {group})")
    }
}
