use std::error::Error;
use std::fmt;
use std::io;

/// Why a program cannot run as another user.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunAsError {
    /// There is no user of this name.
    User(String),
    /// There is no group of this name.
    Group(String),
    /// No table knows the number of this user, so that its group is unknown.
    NoGroup(String),
    /// That user is root.
    Root(String),
    /// The tables of users and groups cannot be read.
    Table(io::Error),
    /// This process runs as a user, by number, who cannot become another one.
    NotRoot(u32, String),
    /// The system refuses.
    Refused(String, io::Error),
    /// The process could become root again: something has it keep what root may do.
    NotForGood(String),
}

impl fmt::Display for RunAsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunAsError::User(name) => write!(f, "there is no user {name:?} on this system"),
            RunAsError::Group(name) => write!(f, "there is no group {name:?} on this system"),
            RunAsError::NoGroup(user) => write!(
                f,
                "user {user} is in no table of this system: name a group, as in {user}:{user}"
            ),
            RunAsError::Root(name) => {
                write!(f, "{name:?} is root: name a user who may do less")
            }
            RunAsError::Table(_) => f.write_str("the users of this system cannot be looked up"),
            RunAsError::NotRoot(number, name) => write!(
                f,
                "only root can become {name}, and this program was started by user {number}"
            ),
            RunAsError::Refused(name, _) => write!(f, "the system refuses to become {name}"),
            RunAsError::NotForGood(name) => write!(
                f,
                "the program runs as {name}, and could become root again: start it without capabilities that \
                 it keeps"
            ),
        }
    }
}

impl Error for RunAsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            RunAsError::Table(error) | RunAsError::Refused(_, error) => Some(error),
            _ => None,
        }
    }
}
