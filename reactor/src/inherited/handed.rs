use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use socket2::{SockAddr, Socket, Type};

/// The sockets that the program which this one replaces has handed over, and that no port has taken yet.
///
/// They come as those of a service manager do, under names that no service manager gives. A port that is
/// opened takes the one that is bound where it is to listen, instead of a new one: so nothing that waits
/// in its queue is lost, and the program says where it listens as if it had been started anew.
static HANDED: Mutex<Table> = Mutex::new(Table {
    left: Vec::new(),
    taken: Vec::new(),
    descriptors: Vec::new(),
});

struct Table {
    left: Vec<HandedOver>,
    /// Which sockets were taken. Several workers may have handed over copies of one.
    taken: Vec<Identity>,
    /// The numbers of those that keep them ([`DESCRIPTOR`]).
    descriptors: Vec<RawFd>,
}

/// Which open file a descriptor is of: its device and its inode.
type Identity = (u64, u64);

/// Whether the sockets of this program belong to the one that replaces it.
static GIVEN_AWAY: AtomicBool = AtomicBool::new(false);

/// The files of sockets that the program which replaces this one does not want.
static UNWANTED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

pub(crate) fn are_given_away() -> bool {
    GIVEN_AWAY.load(Ordering::SeqCst)
}

/// Whether the file of a socket belongs to the program that replaces this one.
pub(crate) fn is_given_away(path: &Path) -> bool {
    let is_unwanted = || locked(&UNWANTED).iter().any(|unwanted| unwanted == path);
    are_given_away() && !is_unwanted()
}

/// Another program has taken over: the files of the sockets are its own from now on.
pub(crate) fn give_away() {
    GIVEN_AWAY.store(true, Ordering::SeqCst);
}

/// The program that replaces this one does not listen with this socket.
pub(crate) fn is_unwanted(socket: &OwnedFd) {
    let address = socket2::SockRef::from(socket).local_addr();
    let path = address
        .ok()
        .and_then(|address| Some(address.as_pathname()?.to_owned()));
    if let Some(path) = path.and_then(|path| std::path::absolute(path).ok()) {
        locked(&UNWANTED).push(path);
    }
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

/// The socket of a port, for the program that replaces this one.
pub(crate) struct Handed {
    pub(crate) asked: Asked,
    pub(crate) socket: OwnedFd,
    /// What its file is locked with.
    pub(crate) lock: Option<OwnedFd>,
}

impl Handed {
    /// Of copies of both, as far as they could be made.
    pub(crate) fn of(
        asked: Asked,
        socket: io::Result<OwnedFd>,
        lock: Option<io::Result<OwnedFd>>,
    ) -> io::Result<Self> {
        Ok(Handed {
            asked,
            socket: socket?,
            lock: lock.transpose()?,
        })
    }
}

/// What the program before this one has handed over, and had open at this number.
pub(super) struct HandedOver {
    pub(super) kind: Kind,
    pub(super) number: RawFd,
    pub(super) descriptor: OwnedFd,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Socket(Asked),
    Lock,
}

/// What tells of the lock of a socket's file in `LISTEN_FDNAMES`.
pub(crate) const LOCK: &str = "retwist-handed-lock";
/// What tells there of a descriptor that the program knows by its number alone, and that keeps it.
pub(crate) const DESCRIPTOR: &str = "retwist-handed-descriptor";

impl Kind {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name {
            LOCK => Some(Kind::Lock),
            _ => Asked::from_name(name).map(Kind::Socket),
        }
    }
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

    fn from_name(name: &str) -> Option<Self> {
        Asked::ALL.into_iter().find(|asked| asked.name() == name)
    }
}

fn locked<T>(what: &'static Mutex<T>) -> MutexGuard<'static, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

fn identity(descriptor: &OwnedFd) -> Option<Identity> {
    let file = File::from(descriptor.try_clone().ok()?);
    let metadata = file.metadata().ok()?;
    Some((metadata.dev(), metadata.ino()))
}

pub(super) fn add(handed: HandedOver) {
    // Its program waits for word.
    wait(true);
    locked(&HANDED).left.push(handed);
}

/// There is a descriptor that the program knows by this number.
pub(super) fn add_descriptor(number: RawFd) {
    locked(&HANDED).descriptors.push(number);
}

/// Whether the descriptor of this number is none that the program may know by it.
pub(super) fn is_for_a_port(number: RawFd) -> bool {
    let handed = locked(&HANDED);
    handed.left.iter().any(|one| one.number == number)
}

fn take_out(fits: impl Fn(&HandedOver) -> bool) -> Option<OwnedFd> {
    // They are read with the others.
    let _ = super::ListenFds::get();
    let mut handed = locked(&HANDED);
    let index = handed.left.iter().position(fits)?;
    let taken = handed.left.remove(index).descriptor;
    handed.taken.extend(identity(&taken));
    Some(taken)
}

/// The socket of this type that was handed over for a port that is to listen there.
pub(crate) fn take(kind: Type, wanted: &SockAddr) -> Option<Socket> {
    take_out(|one| one.fits(kind, wanted)).map(Socket::from)
}

/// The lock that the program before this one holds on this file: with its copy, this one holds the same.
pub(crate) fn take_lock(file: &File) -> Option<OwnedFd> {
    let metadata = file.metadata().ok()?;
    let wanted = Some((metadata.dev(), metadata.ino()));
    take_out(|one| one.kind == Kind::Lock && identity(&one.descriptor) == wanted)
}

/// Whether there is one for a port that is to listen there.
pub(crate) fn has(kind: Type, wanted: &SockAddr) -> bool {
    let _ = super::ListenFds::get();
    let handed = locked(&HANDED);
    handed.left.iter().any(|one| one.fits(kind, wanted))
}

/// Closes what nothing has asked for: this program does not listen there. Returns the numbers that these had, for
/// the program before this one, which need not keep them either.
pub(crate) fn close_others() -> Vec<RawFd> {
    let _ = super::ListenFds::get();
    let mut handed = locked(&HANDED);
    let (left, descriptors) = (
        std::mem::take(&mut handed.left),
        std::mem::take(&mut handed.descriptors),
    );
    let taken = std::mem::take(&mut handed.taken);
    drop(handed);
    let mut closed = Vec::new();
    for other in left {
        // Not if it is a copy of what was taken.
        if identity(&other.descriptor).is_some_and(|identity| taken.contains(&identity)) {
            continue;
        }
        closed.push(other.number);
        let socket = socket2::SockRef::from(&other.descriptor);
        if let (Kind::Socket(_), Ok(address)) = (other.kind, socket.local_addr()) {
            log::info!(
                "the program before this one listened on {}, and this one does not",
                describe(&address)
            );
        }
    }
    for number in descriptors {
        if super::taken::close_if_not_taken(number) {
            closed.push(number);
            log::info!(
                "the program before this one had the descriptor {number}, and this one does not ask for it"
            );
        }
    }
    closed
}

fn describe(address: &SockAddr) -> String {
    match (address.as_socket(), address.as_pathname()) {
        (Some(address), _) => address.to_string(),
        (None, Some(path)) => path.display().to_string(),
        (None, None) => "a UNIX socket".to_owned(),
    }
}

impl HandedOver {
    fn fits(&self, kind: Type, wanted: &SockAddr) -> bool {
        let Kind::Socket(asked) = self.kind else {
            return false;
        };
        let socket = socket2::SockRef::from(&self.descriptor);
        let (Ok(bound), true) = (socket.local_addr(), socket.r#type().ok() == Some(kind)) else {
            return false;
        };
        match (bound.as_socket(), wanted.as_socket()) {
            (Some(bound), Some(wanted)) if wanted.port() == 0 => {
                asked == Asked::AnyPort && bound.ip() == wanted.ip()
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
