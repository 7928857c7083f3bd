//! Sockets that carry a stream, of every family: how one is made, accepted, read and written.
//!
//! A family supplies three small things: a [`StreamSocket`] that is connected, a [`Listens`] that
//! opens the socket of a port, and a [`Dials`] that begins a connection. All else is here once: the
//! edges, the bounds of a turn, the queue of a port that stops, the lack of descriptors, the
//! time-out, and every way in which an attempt ends.

mod accept_error;
#[cfg(unix)]
mod adopted;
mod attempt;
mod backlog;
#[cfg(target_os = "linux")]
mod diagnosis;
mod inbox;
mod new;
mod port;
mod shared;
mod team;
pub(crate) mod transfer;
mod wire;

/// What has a descriptor, on systems that have such things.
#[cfg(unix)]
pub(crate) trait HasDescriptor {
    /// The same open file once more.
    fn duplicate(&self) -> std::io::Result<std::os::fd::OwnedFd>;
}
#[cfg(unix)]
impl<T: std::os::fd::AsFd> HasDescriptor for T {
    fn duplicate(&self) -> std::io::Result<std::os::fd::OwnedFd> {
        self.as_fd().try_clone_to_owned()
    }
}
/// What has a descriptor, on systems that have such things.
#[cfg(not(unix))]
pub(crate) trait HasDescriptor {}
#[cfg(not(unix))]
impl<T> HasDescriptor for T {}

#[cfg(unix)]
pub use adopted::AdoptedSocket;
#[cfg(unix)]
pub(crate) use adopted::{Family, GivenPort, adopt, arrives};
pub(crate) use attempt::{Dials, Progress, connect};
pub(crate) use backlog::listen as listen_with_backlog;
#[cfg(target_os = "linux")]
pub(crate) use diagnosis::ask_about;
pub(crate) use inbox::Inbox;
#[cfg(unix)]
pub(crate) use inbox::NotPut;
pub(crate) use new::new_socket;
#[cfg(unix)]
pub(crate) use new::share_port;
#[cfg(target_vendor = "apple")]
pub(crate) use new::silence;
pub(crate) use port::{AcceptLimits, Listens, Sent, listen};
pub(crate) use shared::{Opened, Share};
pub(crate) use team::Team;
pub(crate) use wire::{SocketWire, StreamSocket};
