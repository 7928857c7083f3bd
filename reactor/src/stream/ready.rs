use mio::event::Event;

use super::{FAULT, HUNG_UP, READABLE, WRITABLE};

/// What a source has become ready for, as flags of its state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready(pub(super) u32);

impl Ready {
    /// There may be something to read.
    pub(crate) const READABLE: Ready = Ready(READABLE);
    /// A send is worth trying.
    pub(crate) const WRITABLE: Ready = Ready(WRITABLE);

    #[inline]
    pub(crate) fn of(event: &Event) -> Self {
        // Few events tell of anything but bytes.
        if event.is_writable() || event.is_read_closed() || event.is_error() {
            return Ready::all_of(event);
        }
        Ready::READABLE
    }

    #[cold]
    fn all_of(event: &Event) -> Self {
        let mut ready = flag(event.is_readable(), READABLE) | flag(event.is_writable(), WRITABLE);
        if event.is_read_closed() || event.is_error() {
            ready |= Ready::hung_up(event.is_error()).0;
        }
        Ready(ready)
    }

    /// Whether there may be something to read, an error included.
    pub(crate) fn is_readable(self) -> bool {
        self.0 & (READABLE | HUNG_UP) != 0
    }

    /// Whether a send is worth trying.
    pub(crate) fn is_writable(self) -> bool {
        self.0 & WRITABLE != 0
    }

    /// The peer has closed, or the connection has broken: a short read is not the last.
    pub(crate) fn hung_up(broken: bool) -> Self {
        Ready(HUNG_UP | READABLE | flag(broken, FAULT))
    }
}

fn flag(is: bool, flag: u32) -> u32 {
    if is { flag } else { 0 }
}
