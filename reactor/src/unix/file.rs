//! The file of a UNIX socket.
//!
//! What is evil here: the system leaves the file behind when its socket is closed, and a name that
//! exists cannot be bound again. So a port removes the file that it made, and takes over one that a
//! program left which had no time to do so. It must do neither to a file of another program. Who
//! made a file is told by its device and inode, and whether a program still listens by asking it.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use socket2::{Domain, Socket, Type};

use super::UnixName;
use crate::inherited::handed;
use crate::socket::new_socket;
use crate::{Address, ListenError};

/// Binds a socket to its name: to a path over a file that another program has left there, with this
/// mode, and under a lock if that is wanted.
pub(super) fn bind(
    socket: &Socket,
    name: &UnixName,
    mode: Option<u32>,
    lock: bool,
) -> Result<Option<SocketFile>, ListenError> {
    let fail = |error| ListenError::from_io(name.address(), error);
    let address = name.sockaddr().map_err(fail)?;
    let Some(path) = name.as_path() else {
        return socket.bind(&address).map(|()| None).map_err(fail);
    };
    let lock = lock.then(|| Lock::take(path)).transpose()?;
    match socket.bind(&address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            remove_stale(name, path, error)?;
            socket.bind(&address).map_err(fail)?;
        }
        bound => bound.map_err(fail)?,
    }
    let file = SocketFile::made(path, lock).map_err(fail)?;
    if let Some(mode) = mode {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(fail)?;
    }
    Ok(Some(file))
}

/// The file of a socket that the program before this one has handed over, with this mode, and under a lock if that
/// is wanted: the lock of that program, if it has one.
pub(super) fn taken_over(
    name: &UnixName,
    mode: Option<u32>,
    lock: bool,
) -> Result<Option<SocketFile>, ListenError> {
    let fail = |error| ListenError::from_io(name.address(), error);
    let Some(path) = name.as_path() else {
        return Ok(None);
    };
    let lock = lock.then(|| Lock::take(path)).transpose()?;
    let file = SocketFile::made(path, lock).map_err(fail)?;
    if let Some(mode) = mode {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(fail)?;
    }
    Ok(Some(file))
}

/// The file that a port made. Dropping it removes the file, unless another program has taken it over.
pub(super) struct SocketFile {
    /// Absolute: the working directory may change.
    path: PathBuf,
    identity: (u64, u64),
    /// Given back when the file is gone.
    lock: Option<Lock>,
}

impl SocketFile {
    /// The file that a socket was just bound to.
    fn made(path: &Path, lock: Option<Lock>) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let identity = identity(&fs::symlink_metadata(&path)?);
        Ok(SocketFile {
            path,
            identity,
            lock,
        })
    }

    /// A copy of what it is locked with.
    pub(super) fn lock(&self) -> Option<io::Result<OwnedFd>> {
        let lock = self.lock.as_ref()?;
        Some(lock.file.try_clone().map(OwnedFd::from))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if handed::is_given_away(&self.path) {
            return;
        }
        let removed = match fs::symlink_metadata(&self.path) {
            Ok(found) if identity(&found) == self.identity => fs::remove_file(&self.path),
            // It was removed or replaced, and that is not the business of this port.
            _ => Ok(()),
        };
        if let Err(error) = removed {
            let path = self.path.display();
            log::warn!("the socket file {path} stays, since it cannot be removed: {error}");
        }
    }
}

/// The device and the inode.
fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// Removes the file that is in the way (`in_use` says so) if it is a socket on which no program
/// listens.
fn remove_stale(name: &UnixName, path: &Path, in_use: io::Error) -> Result<(), ListenError> {
    let fail = |error| ListenError::from_io(name.address(), error);
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(fail(error)),
    };
    if !found.file_type().is_socket() {
        return Err(ListenError::NotASocket(name.address()));
    }
    let asking = new_socket(Domain::UNIX, Type::STREAM, None).map_err(fail)?;
    match asking.connect(&name.sockaddr().map_err(fail)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(fail(error)),
        // A program answers, or its queue is full, or it is a socket of another type.
        _ => return Err(fail(in_use)),
    }
    // Not if it was replaced while it was asked.
    match fs::symlink_metadata(path) {
        Ok(now) if identity(&now) == identity(&found) => {
            log::info!("{name} was left by a program that has ended, it is removed");
            fs::remove_file(path).map_err(fail)
        }
        Ok(_) => Err(fail(in_use)),
        Err(_) => Ok(()),
    }
}

/// A lock that is held as long as this lives.
struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock of a socket's path.
    fn take(path: &Path) -> Result<Self, ListenError> {
        let mut of_lock = OsString::from(path);
        of_lock.push(".lock");
        let path = PathBuf::from(of_lock);
        let address = || Address::Unix(Some(path.as_path().into()));
        let fail = |error| ListenError::from_io(address(), error);
        // The file is never removed: then two programs could hold locks on different files.
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path).map_err(fail)?;
        if let Some(file) = handed::take_lock(&file) {
            return Ok(Lock { file: file.into() });
        }
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Lock { file }),
            Err(Errno::WOULDBLOCK) => Err(ListenError::AddressInUse(
                address(),
                io::ErrorKind::WouldBlock.into(),
            )),
            Err(error) => Err(fail(error.into())),
        }
    }
}
