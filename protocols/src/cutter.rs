use std::cell::{Cell, RefCell};
use std::error::Error;
use std::ops::Range;
use std::sync::Arc;

use crate::{Frame, Framing};

/// What [`Framed`](crate::Framed) and the handles to it share: the framing, and how far it has come
/// with the bytes.
pub(crate) struct Cutter<F> {
    pub(crate) framing: F,
    mode: Cell<Mode>,
    /// The beginning of a unit, and how much of it was searched in vain.
    partial: Cell<Vec<u8>>,
    seen: Cell<usize>,
    /// While a delivery runs.
    running: Cell<bool>,
    /// The addresses of the bytes that a callback has been lent in raw mode, and how many at their
    /// end it has pushed back.
    lent: Cell<Range<usize>>,
    unused: Cell<usize>,
    /// What was pushed back and did not come from there.
    pushed: Cell<Vec<u8>>,
    interrupted: Cell<bool>,
    failure: RefCell<Option<Arc<dyn Error + Send + Sync>>>,
}

/// How bytes are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Frames,
    Raw,
    /// The framing has failed: bytes are thrown away.
    Failed,
}

impl<F: Framing> Cutter<F> {
    pub(crate) fn new(framing: F) -> Self {
        Cutter {
            framing,
            mode: Cell::new(Mode::Frames),
            partial: Cell::default(),
            seen: Cell::new(0),
            running: Cell::new(false),
            lent: Cell::default(),
            unused: Cell::new(0),
            pushed: Cell::default(),
            interrupted: Cell::new(false),
            failure: RefCell::new(None),
        }
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode.get()
    }

    pub(crate) fn set_mode(&self, mode: Mode) {
        self.mode.set(mode);
        self.failure.take();
    }

    pub(crate) fn fail(&self, error: Arc<dyn Error + Send + Sync>) {
        self.mode.set(Mode::Failed);
        self.failure.replace(Some(error));
    }

    pub(crate) fn failure(&self) -> Option<Arc<dyn Error + Send + Sync>> {
        self.failure.borrow().clone()
    }

    #[inline]
    pub(crate) fn find(&self, bytes: &[u8]) -> Result<Option<Frame>, F::Error> {
        let found = self.framing.find(bytes, self.seen.get())?;
        self.seen.set(match found {
            Some(_) => 0,
            None => bytes.len(),
        });
        Ok(found)
    }

    /// The unit that `bytes` begins with, where none had begun before, and what stands behind it;
    /// none if it is not whole, or cannot be.
    #[inline]
    pub(crate) fn find_whole<'a>(&self, bytes: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        match self.framing.find(bytes, 0) {
            Ok(Some(frame)) => Some((bytes.get(frame.unit)?, bytes.get(frame.used..)?)),
            Ok(None) => {
                self.seen.set(bytes.len());
                None
            }
            Err(_) => None,
        }
    }

    // A delivery.

    /// A delivery begins: the unit that has begun already.
    pub(crate) fn begin(&self) -> Vec<u8> {
        self.running.set(true);
        self.partial.take()
    }

    /// Lets `callback` push back the end of `bytes`, and says how many it has used.
    pub(crate) fn lend(&self, bytes: &[u8], callback: impl FnOnce()) -> usize {
        let start = bytes.as_ptr().addr();
        self.lent.set(start..start + bytes.len());
        callback();
        self.lent.take();
        bytes.len() - self.unused.take()
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.get()
    }

    /// Whether somebody has pushed bytes back that the present delivery must not go on before.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupted.get()
    }

    /// Whether the present delivery goes on, and what comes next is a unit.
    #[inline]
    pub(crate) fn goes_on_cutting(&self) -> bool {
        self.mode.get() == Mode::Frames && !self.interrupted.get()
    }

    /// Takes back, in a delivery, bytes that belong in front of what is left of it.
    ///
    /// Nearly always they are the end of what the callback was lent: then it is enough to know how
    /// many they are, which keeps a conversation that changes its mode with each message linear.
    pub(crate) fn push_back(&self, extra: &[u8]) {
        let lent = self.lent.take();
        let end = extra.as_ptr().addr() + extra.len();
        if end == lent.end && extra.len() <= lent.len() && self.unused.get() == 0 {
            self.unused.set(extra.len());
        } else {
            let mut pushed = extra.to_vec();
            pushed.extend(self.pushed.take());
            self.pushed.set(pushed);
            self.interrupted.set(true);
        }
        self.lent.set(lent);
    }

    /// The delivery has ended, and this is the beginning of the next unit.
    pub(crate) fn keep(&self, partial: Vec<u8>) {
        self.running.set(false);
        // An idle connection holds no buffer.
        if !partial.is_empty() {
            self.partial.set(partial);
        }
    }

    /// The delivery has ended early: what was pushed back, if anything.
    pub(crate) fn stop(&self) -> Option<Vec<u8>> {
        self.running.set(false);
        self.seen.set(0);
        self.interrupted.take().then(|| self.pushed.take())
    }

    /// The beginning of a unit, taken out.
    pub(crate) fn forget(&self) -> Vec<u8> {
        self.seen.set(0);
        self.partial.take()
    }
}
