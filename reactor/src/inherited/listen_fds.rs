use std::ffi::OsString;
use std::os::fd::{OwnedFd, RawFd};
use std::sync::{Arc, OnceLock};

use super::handed::{self, HandedOver, Kind};
use super::taken;
use crate::InheritedError;

/// The number of the first socket that a service manager passes (`sd_listen_fds`(3)).
const FIRST: RawFd = 3;
/// More sockets than any program may have open.
const MOST: usize = 1 << 20;

/// The sockets that a service manager has passed to this program, with their names: by systemd and its
/// `systemd-socket-activate`, or another one with the protocol of `sd_listen_fds`(3).
///
/// The program that this one replaces ([`Restart`](crate::Restart)) passes on those that it has got, in the
/// same order. The number of the new process it cannot know before it is there, so it gives its own instead
/// (`LISTEN_PPID`).
///
/// They are taken over as soon as something asks for them, all of them at once: no program inherits them
/// that this one starts. Neither does a child of this reactor get the variables of the environment
/// that tell of them ([`Program`](crate::Program)); another child sees from `LISTEN_PID` that they are
/// not for it.
///
/// ```no_run
/// # use retwist_reactor as retwist;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use retwist::{Protocol, Reactor, TransportRef};
/// # struct Echo;
/// # impl Protocol for Echo {
/// #     fn data_received(&mut self, t: &TransportRef, data: &[u8]) { t.write(data) }
/// # }
/// use retwist::ListenFds;
///
/// let reactor = Reactor::new()?;
/// let socket = ListenFds::get()?.named("web")?;
/// reactor.adopt_stream_port(socket, |_| Echo)?;
/// # Ok(()) }
/// ```
#[doc(alias = "ListenFDs")]
#[derive(Debug)]
pub struct ListenFds {
    sockets: Vec<(RawFd, String, Arc<OwnedFd>)>,
}

impl ListenFds {
    /// The sockets that were passed to this program. It is an error if none were.
    pub fn get() -> Result<&'static ListenFds, InheritedError> {
        static PASSED: OnceLock<Result<ListenFds, InheritedError>> = OnceLock::new();
        let passed = PASSED.get_or_init(|| {
            let passed = Environment::of_this_process().read()?;
            let (kept, passed): (Vec<_>, Vec<_>) = passed
                .into_iter()
                .partition(|(_, name)| name == handed::DESCRIPTOR);
            let numbers: Vec<_> = passed.iter().map(|(number, _)| *number).collect();
            let taken = taken::take(&numbers)?;
            for (number, _) in kept {
                handed::add_descriptor(number);
            }
            let mut sockets = Vec::new();
            for ((number, name), socket) in passed.into_iter().zip(taken) {
                match Kind::from_name(&name) {
                    None => sockets.push((number, name, socket)),
                    Some(kind) => {
                        drop(socket);
                        let descriptor = taken::take_out(number)?;
                        handed::add(HandedOver {
                            kind,
                            number,
                            descriptor,
                        });
                    }
                }
            }
            if sockets.is_empty() {
                return Err(InheritedError::NothingPassed);
            }
            Ok(ListenFds { sockets })
        });
        passed.as_ref().map_err(Clone::clone)
    }

    /// Returns how many there are.
    #[allow(clippy::len_without_is_empty, reason = "there is at least one")]
    pub fn len(&self) -> usize {
        self.sockets.len()
    }

    /// Their names, in order. One that was given no name is called `unknown`, as systemd does.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sockets.iter().map(|(_, name, _)| name.as_str())
    }

    /// A copy of the socket with this index, from 0.
    pub fn at(&self, index: usize) -> Result<OwnedFd, InheritedError> {
        let passed = self.len();
        let found = self.sockets.get(index);
        let (number, _, socket) = found.ok_or(InheritedError::NoSuchIndex { index, passed })?;
        taken::copy(*number, socket)
    }

    /// A copy of the one socket of this name (`FileDescriptorName=` of a socket unit).
    pub fn named(&self, name: &str) -> Result<OwnedFd, InheritedError> {
        let mut those = (0..).zip(self.names()).filter(|(_, one)| *one == name);
        match (those.next(), those.next()) {
            (Some((index, _)), None) => self.at(index),
            (Some(_), Some(_)) => Err(InheritedError::Ambiguous(name.to_owned())),
            (None, _) => Err(InheritedError::NoSuchName {
                name: name.to_owned(),
                passed: self.names().collect::<Vec<_>>().join(", "),
            }),
        }
    }
}

/// The sockets that were passed to this program by another than the one that it replaces.
pub(crate) fn passed_on() -> Vec<(String, Arc<OwnedFd>)> {
    let sockets = ListenFds::get().map_or(&[][..], |passed| &passed.sockets);
    let named = |(_, name, socket): &(RawFd, String, Arc<OwnedFd>)| (name.clone(), socket.clone());
    sockets.iter().map(named).collect()
}

/// The other descriptors that this program has asked for by their numbers, behind standard error.
pub(crate) fn asked_for() -> Vec<(RawFd, Arc<OwnedFd>)> {
    let passed = ListenFds::get().map_or(&[][..], |passed| &passed.sockets);
    let mut all = taken::all();
    all.retain(|(number, _)| *number > 2 && passed.iter().all(|(other, ..)| other != number));
    all
}

/// Whether what the environment tells of is meant for this process.
pub(crate) fn is_for_this_process() -> bool {
    Environment::of_this_process().is_for_this_process().is_ok()
}

/// What the environment says, which may be anything.
struct Environment {
    fds: Option<OsString>,
    pid: Option<OsString>,
    /// The number of the process that has started this one.
    parent: Option<OsString>,
    names: Option<OsString>,
    own_pid: u32,
    own_parent: u32,
}

fn text(value: &OsString) -> String {
    value.to_string_lossy().into_owned()
}

fn malformed(name: &'static str, value: &str) -> InheritedError {
    InheritedError::Malformed(name, value.to_owned())
}

impl Environment {
    fn of_this_process() -> Self {
        Environment {
            fds: std::env::var_os("LISTEN_FDS"),
            pid: std::env::var_os("LISTEN_PID"),
            parent: std::env::var_os("LISTEN_PPID"),
            names: std::env::var_os("LISTEN_FDNAMES"),
            own_pid: std::process::id(),
            own_parent: std::os::unix::process::parent_id(),
        }
    }

    /// Without the number of a process they could be meant for any.
    fn is_for_this_process(&self) -> Result<(), InheritedError> {
        let (name, given, own) = match (&self.pid, &self.parent) {
            (None, Some(parent)) => ("LISTEN_PPID", text(parent), self.own_parent),
            (pid, _) => {
                let pid = pid.as_ref().map(text).unwrap_or_default();
                ("LISTEN_PID", pid, self.own_pid)
            }
        };
        match given.parse::<u32>() {
            Ok(meant) if meant == own => Ok(()),
            Ok(_) => Err(InheritedError::ForAnotherProcess(given)),
            Err(_) => Err(malformed(name, &given)),
        }
    }

    /// The numbers of the sockets, with their names.
    fn read(&self) -> Result<Vec<(RawFd, String)>, InheritedError> {
        let Some(fds) = self.fds.as_ref().map(text) else {
            return Err(InheritedError::NothingPassed);
        };
        let count = fds
            .parse()
            .ok()
            .filter(|count| *count <= MOST)
            .ok_or_else(|| malformed("LISTEN_FDS", &fds))?;
        self.is_for_this_process()?;
        if count == 0 {
            return Err(InheritedError::NothingPassed);
        }
        let names = self.names.as_ref().map(text);
        let names: Vec<_> = names.iter().flat_map(|names| names.split(':')).collect();
        if !names.is_empty() && names.len() != count {
            return Err(malformed("LISTEN_FDNAMES", &names.join(":")));
        }
        let name_of = |index: usize| names.get(index).copied().filter(|name| !name.is_empty());
        let passed = (0..count).map(|index| {
            let name = name_of(index).unwrap_or("unknown");
            (FIRST + index as RawFd, name.to_owned())
        });
        Ok(passed.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fds: &str, pid: &str, names: Option<&str>) -> Result<Vec<(RawFd, String)>, String> {
        let given = |text: &str| (text != "-").then(|| OsString::from(text));
        let environment = Environment {
            fds: given(fds),
            pid: given(pid),
            parent: None,
            names: names.and_then(given),
            own_pid: 77,
            own_parent: 7,
        };
        environment.read().map_err(|error| error.to_string())
    }

    #[test]
    fn a_process_that_cannot_know_the_number_of_this_one_gives_its_own() {
        for (parent, pid, is_for_this) in [
            ("7", None, true),
            ("8", None, false),
            ("x", None, false),
            ("8", Some("77"), true),
            ("7", Some("78"), false),
        ] {
            let environment = Environment {
                fds: Some("1".into()),
                pid: pid.map(OsString::from),
                parent: Some(parent.into()),
                names: None,
                own_pid: 77,
                own_parent: 7,
            };
            assert_eq!(environment.read().is_ok(), is_for_this, "{parent} {pid:?}");
        }
    }

    #[test]
    fn what_was_passed_is_read() {
        let named = |passed: &[(RawFd, &str)]| -> Vec<_> {
            let owned = |(number, name): &(RawFd, &str)| (*number, (*name).to_owned());
            passed.iter().map(owned).collect()
        };
        assert_eq!(
            read("2", "77", None).unwrap(),
            named(&[(3, "unknown"), (4, "unknown")])
        );
        assert_eq!(
            read("2", "77", Some("web:")).unwrap(),
            named(&[(3, "web"), (4, "unknown")])
        );
    }

    #[test]
    fn what_is_not_true_is_said() {
        for (fds, pid, names, said) in [
            ("-", "77", None, "LISTEN_FDS is not set"),
            ("0", "77", None, "LISTEN_FDS is not set"),
            ("1", "78", None, "are for the process 78"),
            ("1", "-", None, "LISTEN_PID is \"\""),
            ("1", "x", None, "LISTEN_PID is \"x\""),
            ("-1", "77", None, "LISTEN_FDS is \"-1\""),
            ("many", "77", None, "LISTEN_FDS is \"many\""),
            ("99999999999", "77", None, "LISTEN_FDS is"),
            ("2000000", "77", None, "LISTEN_FDS is"),
            ("2", "77", Some("web"), "LISTEN_FDNAMES is \"web\""),
        ] {
            let error = read(fds, pid, names).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
