use crate::{Reason, Watch};

/// The callbacks for a descriptor that other code reads and writes: an event of a library
/// in another language, an inotify, a device.
///
/// The events are *levels*: as long as the watch wants to read and there is something to read,
/// [`readable`](Watcher::readable) is called once in each pass of the loop. So it may read only a
/// part. It must read something, or stop reading, or the loop no longer sleeps.
///
/// A panic ends the watch, with [`Reason::Panicked`].
#[doc(alias = "IReadDescriptor")]
#[doc(alias = "IWriteDescriptor")]
#[allow(unused_variables, reason = "the names are documentation")]
pub trait Watcher: 'static {
    /// A read would not block: there are bytes, or the end, or an error.
    #[doc(alias = "doRead")]
    fn readable(&mut self, watch: &Watch) {}

    /// A write would not block: there is room, or an error.
    #[doc(alias = "doWrite")]
    fn writable(&mut self, watch: &Watch) {}

    /// The watch has ended without [`Watch::remove`]: the reactor ends
    /// ([`Reason::ReactorStopped`]), the system watches the descriptor no more because other code has
    /// closed it ([`Reason::Lost`]), or a callback has panicked. Nothing is called after this.
    #[doc(alias = "connectionLost")]
    #[doc(alias = "ConnectionFdescWentAway")]
    fn watch_lost(&mut self, reason: &Reason) {}
}
