use std::any::Any;
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::ops::Range;
use std::sync::Arc;

use super::weak::ReceiverCall;
use crate::{Frame, Framing};

/// The framing of one connection, its mode, and the bytes of the unit that is not complete yet.
///
/// [`Framed`](crate::Framed) and the [`FrameTransport`](crate::FrameTransport)s of its receiver
/// share it: a receiver changes the mode and pushes bytes back in the middle of a delivery, while
/// `Framed` is borrowed.
pub(crate) struct FrameDecoder<F> {
    pub(crate) framing: F,
    mode: Cell<Mode>,
    /// The beginning of a unit.
    partial: Cell<Vec<u8>>,
    /// How many of the bytes at hand the framing was shown already and found incomplete.
    seen: Cell<usize>,
    /// A delivery is running.
    running: Cell<bool>,
    /// The addresses of the bytes that a callback in raw mode was handed, and how many bytes at
    /// their end it has pushed back.
    lent: Cell<Range<usize>>,
    unused: Cell<usize>,
    /// Bytes that were pushed back and do not lie at the end of `lent`.
    pushed: Cell<Vec<u8>>,
    /// What keeps the running delivery from its next unit: [`ENDS`], [`CALLS`], [`OTHER_MODE`].
    interrupted: Cell<u8>,
    /// Calls of the receiver that wait for its running callback to return.
    calls: Cell<Vec<ReceiverCall>>,
    makes_calls: Cell<bool>,
    failure: RefCell<Option<Arc<dyn Error + Send + Sync>>>,
    /// An address, and how many empty units were found there in a row.
    empty_units: Cell<(usize, u32)>,
}

/// How bytes are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Frames,
    Raw,
    /// The framing has failed, and bytes are discarded.
    Failed,
}

/// The delivery must end, and the rest of it comes in another turn, behind `pushed`.
const ENDS: u8 = 1;
/// Calls of the receiver come first.
const CALLS: u8 = 2;
/// The mode is not [`Mode::Frames`]. Holds as long as the mode, across deliveries.
const OTHER_MODE: u8 = 4;

/// After this many units without any bytes, the delivery goes on in another turn: a receiver that
/// expects empty units without end must not stop the loop.
const MAX_EMPTY_UNITS: u32 = 64;

impl<F: Framing> FrameDecoder<F> {
    pub(crate) fn new(framing: F) -> Self {
        FrameDecoder {
            framing,
            mode: Cell::new(Mode::Frames),
            partial: Cell::default(),
            seen: Cell::new(0),
            running: Cell::new(false),
            lent: Cell::default(),
            unused: Cell::new(0),
            pushed: Cell::default(),
            interrupted: Cell::new(0),
            calls: Cell::default(),
            makes_calls: Cell::new(false),
            failure: RefCell::new(None),
            empty_units: Cell::default(),
        }
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode.get()
    }

    fn enter(&self, mode: Mode) -> Mode {
        let kept = self.interrupted.get() & !OTHER_MODE;
        self.interrupted.set(if mode == Mode::Frames {
            kept
        } else {
            kept | OTHER_MODE
        });
        self.mode.replace(mode)
    }

    pub(crate) fn set_mode(&self, mode: Mode) {
        let before = self.enter(mode);
        if mode == Mode::Frames && before != Mode::Frames {
            self.reset();
        }
        self.failure.take();
    }

    pub(crate) fn fail(&self, error: Arc<dyn Error + Send + Sync>) {
        self.enter(Mode::Failed);
        self.failure.replace(Some(error));
    }

    pub(crate) fn failure(&self) -> Option<Arc<dyn Error + Send + Sync>> {
        self.failure.borrow().clone()
    }

    /// The unit that `bytes` begins with; `None` if it is not complete.
    #[inline(always)]
    pub(crate) fn decode<'a>(
        &self,
        bytes: &'a [u8],
        seen: usize,
    ) -> Result<Option<Frame<F::Unit<'a>>>, F::Error> {
        let found = self.framing.decode(bytes, seen)?;
        match &found {
            Some(frame) if frame.consumed == 0 => self.count_empty_unit(bytes),
            Some(_) => {}
            None => self.seen.set(bytes.len()),
        }
        Ok(found)
    }

    /// The unit that the end of input completes: `bytes` are all that is left.
    pub(crate) fn decode_at_end<'a>(
        &self,
        bytes: &'a [u8],
    ) -> Result<Option<Frame<F::Unit<'a>>>, F::Error> {
        let found = self.framing.decode_at_end(bytes)?;
        if matches!(&found, Some(frame) if frame.consumed == 0) {
            self.count_empty_unit(bytes);
        }
        Ok(found)
    }

    /// How many bytes of those at hand were shown to the framing and found incomplete. Resets the
    /// number.
    pub(crate) fn take_seen(&self) -> usize {
        self.seen.take()
    }

    /// Counts a unit without any bytes, and interrupts the delivery if too many came in a row.
    #[cold]
    fn count_empty_unit(&self, bytes: &[u8]) {
        let here = bytes.as_ptr().addr();
        let count = match self.empty_units.get() {
            (address, count) if address == here => count + 1,
            _ => 1,
        };
        self.empty_units.set((here, count));
        if count >= MAX_EMPTY_UNITS {
            self.empty_units.take();
            self.interrupt(ENDS);
        }
    }

    // A delivery.

    /// A delivery begins. Returns the unit that has begun already.
    pub(crate) fn begin(&self) -> Vec<u8> {
        self.running.set(true);
        self.partial.take()
    }

    /// Lets `callback` push back the end of `bytes`. Returns how many bytes it has used.
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

    /// Whether the running delivery has to end here.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupted.get() & ENDS != 0
    }

    fn interrupt(&self, why: u8) {
        self.interrupted.set(self.interrupted.get() | why);
    }

    /// Whether the running delivery goes on with a unit.
    #[inline]
    pub(crate) fn goes_on_decoding(&self) -> bool {
        self.interrupted.get() == 0
    }

    /// Takes bytes back, in a delivery. They come before the rest of it.
    ///
    /// Usually they are the end of what the callback was handed. Then their number is enough, which
    /// keeps a conversation that changes its mode with each message linear.
    pub(crate) fn push_back(&self, extra: &[u8]) {
        let lent = self.lent.take();
        let end = extra.as_ptr().addr() + extra.len();
        if end == lent.end && extra.len() <= lent.len() && self.unused.get() == 0 {
            self.unused.set(extra.len());
        } else {
            let mut pushed = extra.to_vec();
            pushed.extend(self.pushed.take());
            self.pushed.set(pushed);
            self.interrupt(ENDS);
        }
        self.lent.set(lent);
    }

    // Calls of the receiver from outside.

    /// Whether a call has to wait here until the running callback returns. Calls that a call here
    /// asks for do not: they wait for the end of the delivery.
    pub(crate) fn keeps_calls(&self) -> bool {
        self.running.get() && !self.makes_calls.get()
    }

    pub(crate) fn keep_call(&self, call: ReceiverCall) {
        let mut calls = self.calls.take();
        calls.push(call);
        self.calls.set(calls);
        self.interrupt(CALLS);
    }

    pub(crate) fn has_calls(&self) -> bool {
        self.interrupted.get() & CALLS != 0
    }

    /// Makes the calls that waited.
    #[cold]
    pub(crate) fn make_calls(&self, receiver: &mut dyn Any) {
        self.interrupted.set(self.interrupted.get() & !CALLS);
        self.makes_calls.set(true);
        for call in self.calls.take() {
            call(receiver);
        }
        self.makes_calls.set(false);
    }

    /// The delivery has ended, and `partial` is the beginning of the next unit.
    pub(crate) fn keep(&self, partial: Vec<u8>) {
        self.running.set(false);
        // An idle connection holds no buffer.
        if !partial.is_empty() {
            self.partial.set(partial);
        }
    }

    /// The delivery has ended early. Returns the bytes that were pushed back, if that is why.
    pub(crate) fn stop(&self) -> Option<Vec<u8>> {
        self.running.set(false);
        self.reset();
        let interrupted = self.interrupted.get();
        self.interrupted.set(interrupted & OTHER_MODE);
        (interrupted & !OTHER_MODE != 0).then(|| self.pushed.take())
    }

    /// Whether a unit has begun, and is not complete.
    pub(crate) fn is_within_unit(&self) -> bool {
        let partial = self.partial.take();
        let has_begun = !partial.is_empty();
        self.partial.set(partial);
        has_begun && self.mode.get() == Mode::Frames
    }

    /// Takes out the beginning of a unit.
    pub(crate) fn take_partial(&self) -> Vec<u8> {
        self.reset();
        self.partial.take()
    }

    /// What the framing is shown next does not follow what it was shown before.
    fn reset(&self) {
        self.seen.set(0);
        self.framing.reset();
    }
}
