//! Descriptors that the program was started with, by their numbers.

mod copy;
mod listen_fds;
mod taken;

pub use listen_fds::ListenFds;
pub use taken::inherited_descriptor;

/// The variables of the environment that tell of the program's own descriptors and of its own service
/// manager. They are not for a child, for which the numbers mean something else.
pub(crate) const VARIABLES: [&str; 6] = [
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
];
