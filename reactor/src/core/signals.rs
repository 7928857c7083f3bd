//! What a user or the system sends to stop the program, while a reactor runs.

#[cfg(unix)]
pub(crate) mod cleanup;
#[cfg(unix)]
pub(crate) mod handler;
#[cfg(unix)]
mod source;
#[cfg(unix)]
#[path = "signals/unix.rs"]
mod system;
#[cfg(windows)]
#[path = "signals/windows.rs"]
mod system;

pub(super) use system::Signals;
