use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use socket2::{SockAddr, Socket, Type};

/// The sockets that the program which this one replaces has handed over, and that no port has taken yet.
///
/// They come as those of a service manager do, under names that no service manager gives. A port that is
/// opened takes the one that is bound where it is to listen, instead of a new one: so nothing that waits
/// in its queue is lost, and the program says where it listens as if it had been started anew.
static HANDED: Mutex<Vec<Handed>> = Mutex::new(Vec::new());

/// Whether the sockets of this program belong to the one that replaces it.
static GIVEN_AWAY: AtomicBool = AtomicBool::new(false);

pub(crate) fn are_given_away() -> bool {
    GIVEN_AWAY.load(Ordering::SeqCst)
}

/// Another program has taken over: the files of the sockets are its own from now on.
pub(crate) fn give_away() {
    GIVEN_AWAY.store(true, Ordering::SeqCst);
}

/// Whether the program before this one serves still, and this one is not to accept anything yet: if it failed
/// now, what it has accepted would be lost.
static WAITING: AtomicBool = AtomicBool::new(false);

#[inline]
pub(crate) fn is_waiting() -> bool {
    WAITING.load(Ordering::Relaxed)
}

pub(crate) fn wait(waiting: bool) {
    WAITING.store(waiting, Ordering::SeqCst);
}

pub(crate) struct Handed {
    pub(crate) asked: Asked,
    pub(crate) socket: OwnedFd,
}

/// How the port was asked for that had the socket before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// With this address.
    Address,
    /// With this address and any port.
    AnyPort,
}

impl Asked {
    const ALL: [Asked; 2] = [Asked::Address, Asked::AnyPort];

    /// What tells of it in `LISTEN_FDNAMES`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Asked::Address => "retwist-handed",
            Asked::AnyPort => "retwist-handed-any-port",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Asked::ALL.into_iter().find(|asked| asked.name() == name)
    }
}

fn handed() -> MutexGuard<'static, Vec<Handed>> {
    HANDED.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn add(socket: Handed) {
    // Its program waits for word.
    wait(true);
    handed().push(socket);
}

/// The socket of this type that was handed over for a port that is to listen there.
pub(crate) fn take(kind: Type, wanted: &SockAddr) -> Option<Socket> {
    // They are read with the others.
    let _ = super::ListenFds::get();
    let mut all = handed();
    let index = all.iter().position(|one| one.fits(kind, wanted))?;
    Some(Socket::from(all.remove(index).socket))
}

/// Whether there is one for a port that is to listen there.
pub(crate) fn has(kind: Type, wanted: &SockAddr) -> bool {
    let _ = super::ListenFds::get();
    handed().iter().any(|one| one.fits(kind, wanted))
}

/// Closes those that no port has taken: this program does not listen there.
pub(crate) fn close_others() {
    let others = std::mem::take(&mut *handed());
    for other in others {
        let socket = Socket::from(other.socket);
        if let Ok(address) = socket.local_addr() {
            log::info!(
                "the program before this one listened on {}, and this one does not",
                describe(&address)
            );
        }
    }
}

fn describe(address: &SockAddr) -> String {
    match (address.as_socket(), address.as_pathname()) {
        (Some(address), _) => address.to_string(),
        (None, Some(path)) => path.display().to_string(),
        (None, None) => "a UNIX socket".to_owned(),
    }
}

impl Handed {
    fn fits(&self, kind: Type, wanted: &SockAddr) -> bool {
        let socket = socket2::SockRef::from(&self.socket);
        let (Ok(bound), true) = (socket.local_addr(), socket.r#type().ok() == Some(kind)) else {
            return false;
        };
        match (bound.as_socket(), wanted.as_socket()) {
            (Some(bound), Some(wanted)) if wanted.port() == 0 => {
                self.asked == Asked::AnyPort && bound.ip() == wanted.ip()
            }
            (Some(bound), Some(wanted)) => {
                bound.ip() == wanted.ip() && bound.port() == wanted.port()
            }
            (None, None) => bound == *wanted || same_path(&bound, wanted),
            _ => false,
        }
    }
}

fn same_path(one: &SockAddr, other: &SockAddr) -> bool {
    let path = |address: &SockAddr| {
        address
            .as_pathname()
            .map(|path| OsStr::new(path).to_owned())
    };
    path(one).is_some() && path(one) == path(other)
}
