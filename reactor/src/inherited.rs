//! Descriptors that the program was started with, by their numbers.

pub(crate) mod bytes;
mod copy;
pub(crate) mod handed;
mod listen_fds;
mod taken;

pub use bytes::{hand_over, handed_over};
pub use listen_fds::ListenFds;
pub(crate) use listen_fds::{asked_for, is_for_this_process, passed_on};
pub use taken::inherited_descriptor;
pub(crate) use taken::take_once;

/// The variables of the environment that tell of the program's own descriptors and of its own service
/// manager. They are not for a child, for which the numbers mean something else.
pub(crate) const VARIABLES: [&str; 8] = [
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_PPID",
    "LISTEN_FDNAMES",
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    bytes::VARIABLE,
];
