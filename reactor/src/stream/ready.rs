use mio::event::Event;

use super::Facts;

/// What a source has become ready for, as facts of its stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready(pub(super) Facts);

impl Ready {
    /// There may be something to read.
    pub(crate) const READABLE: Ready = Ready(Facts::READABLE);
    /// A send is worth trying.
    pub(crate) const WRITABLE: Ready = Ready(Facts::WRITABLE);

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
        let mut ready = Facts::empty();
        ready.set(Facts::READABLE, event.is_readable());
        ready.set(Facts::WRITABLE, event.is_writable());
        if event.is_read_closed() || event.is_error() {
            ready |= Ready::hung_up(event.is_error()).0;
        }
        ready.set(Facts::GONE, event.is_write_closed());
        Ready(ready)
    }

    /// What is said of a descriptor that is only read from says nothing about the output.
    #[cfg(unix)]
    pub(crate) fn of_input_alone(self) -> Self {
        Ready(self.0 & (Facts::READABLE | Facts::HUNG_UP))
    }

    /// Whether something has come to its end, in whatever way.
    #[cfg(unix)]
    pub(crate) fn tells_of_an_end(self) -> bool {
        self.0
            .intersects(Facts::HUNG_UP | Facts::FAULT | Facts::GONE)
    }

    /// Whether there may be something to read, an error included.
    pub(crate) fn is_readable(self) -> bool {
        self.0.intersects(Facts::READABLE | Facts::HUNG_UP)
    }

    /// Whether a send is worth trying.
    pub(crate) fn is_writable(self) -> bool {
        self.0.contains(Facts::WRITABLE)
    }

    /// The peer has closed, or the connection has broken: a short read is not the last.
    pub(crate) fn hung_up(broken: bool) -> Self {
        let mut ready = Facts::HUNG_UP | Facts::READABLE;
        ready.set(Facts::FAULT, broken);
        Ready(ready)
    }
}
