use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use socket2::Socket;

use super::file::SocketFile;

/// A socket that listens, with its file. The file goes before the socket: who connects from now on
/// meets no port that is closing.
pub(super) struct Opened {
    _file: Option<SocketFile>,
    socket: Socket,
}

/// The socket that the ports of several reactors listen with, if one of them does.
#[derive(Clone, Default)]
pub(super) struct Share {
    opened: Arc<Mutex<Weak<Opened>>>,
}

impl Opened {
    pub(super) fn new(socket: Socket, file: Option<SocketFile>) -> Self {
        Opened {
            _file: file,
            socket,
        }
    }

    /// The same socket once more, for one port.
    pub(super) fn another(&self) -> io::Result<Socket> {
        self.socket.try_clone()
    }
}

impl Share {
    /// What another port has opened, or what `open` opens.
    pub(super) fn get_or<E>(
        &self,
        open: impl FnOnce() -> Result<Opened, E>,
    ) -> Result<Arc<Opened>, E> {
        let mut shared = self.lock();
        if let Some(opened) = shared.upgrade() {
            return Ok(opened);
        }
        let opened = Arc::new(open()?);
        *shared = Arc::downgrade(&opened);
        Ok(opened)
    }

    fn lock(&self) -> MutexGuard<'_, Weak<Opened>> {
        // No code of the application runs under the lock.
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same if they share the same socket.
impl PartialEq for Share {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.opened, &other.opened)
    }
}

impl Eq for Share {}

impl std::fmt::Debug for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Share")
    }
}
