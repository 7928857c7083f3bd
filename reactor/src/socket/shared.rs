use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use socket2::Socket;

/// A socket that listens, with what ends when it does: its file, if it has one. The file goes before
/// the socket: who connects from now on meets no port that is closing.
pub(crate) struct Opened<F> {
    #[cfg_attr(
        not(unix),
        allow(dead_code, reason = "a program restarts on Unix alone")
    )]
    file: F,
    socket: Socket,
}

/// The socket that the ports of several reactors listen with, if one of them does.
pub(crate) struct Share<F> {
    state: Arc<Mutex<State<F>>>,
    /// Whether it stays open when no port listens.
    keeps: bool,
}

struct State<F> {
    opened: Weak<Opened<F>>,
    kept: Option<Arc<Opened<F>>>,
}

impl<F> Opened<F> {
    pub(crate) fn new(socket: Socket, file: F) -> Self {
        Opened { file, socket }
    }

    /// What exists as long as the socket.
    #[cfg(unix)]
    pub(crate) fn file(&self) -> &F {
        &self.file
    }

    /// The same socket once more, for one port.
    pub(crate) fn another(&self) -> io::Result<Socket> {
        self.socket.try_clone()
    }
}

impl<F> Share<F> {
    /// One that stays open until it is [released](Share::release), or the last clone is dropped.
    pub(crate) fn keeping() -> Self {
        Share {
            keeps: true,
            ..Share::default()
        }
    }

    /// It is kept no more: it is closed as soon as no port listens with it.
    pub(crate) fn release(&self) {
        let kept = self.lock().kept.take();
        drop(kept);
    }

    /// What another port has opened, or what `open` opens.
    pub(crate) fn get_or<E>(
        &self,
        open: impl FnOnce() -> Result<Opened<F>, E>,
    ) -> Result<Arc<Opened<F>>, E> {
        let mut shared = self.lock();
        if let Some(opened) = shared.opened.upgrade() {
            return Ok(opened);
        }
        let opened = Arc::new(open()?);
        shared.opened = Arc::downgrade(&opened);
        shared.kept = self.keeps.then(|| opened.clone());
        Ok(opened)
    }

    fn lock(&self) -> MutexGuard<'_, State<F>> {
        // No code of the application runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F> Clone for Share<F> {
    fn clone(&self) -> Self {
        Share {
            state: self.state.clone(),
            keeps: self.keeps,
        }
    }
}

impl<F> Default for Share<F> {
    fn default() -> Self {
        Share {
            state: Arc::new(Mutex::new(State {
                opened: Weak::new(),
                kept: None,
            })),
            keeps: false,
        }
    }
}

/// The same if they share the same socket.
impl<F> PartialEq for Share<F> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.state, &other.state)
    }
}

impl<F> Eq for Share<F> {}

impl<F> std::fmt::Debug for Share<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Share")
    }
}
