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
#[cfg(target_os = "linux")]
mod diagnosis;
mod new;
mod port;
mod shared;
mod wire;

#[cfg(unix)]
pub use adopted::AdoptedSocket;
#[cfg(unix)]
pub(crate) use adopted::{Family, GivenPort, adopt};
pub(crate) use attempt::{Dials, Progress, connect};
#[cfg(target_os = "linux")]
pub(crate) use diagnosis::ask_about;
pub(crate) use new::new_socket;
#[cfg(unix)]
pub(crate) use new::share_port;
#[cfg(target_vendor = "apple")]
pub(crate) use new::silence;
pub(crate) use port::{AcceptLimits, Listens, listen};
pub(crate) use shared::{Opened, Share};
pub(crate) use wire::{SocketWire, StreamSocket};
