use std::any::TypeId;
use std::fmt;
use std::rc::Weak;

use super::connect::ChildConnection;
use crate::{ProcessError, ProcessExit, Signal, TransportRef, WindowSize};

/// The process behind a transport that [`connect_process`](crate::ReactorHandle::connect_process) has
/// made: `ChildProcess::of(&transport)`, also where layers such as TLS lie between.
///
/// Weak: it keeps neither the process nor the connection alive.
#[derive(Clone)]
pub struct ChildProcess {
    connection: Weak<ChildConnection>,
}

impl ChildProcess {
    /// The process at the bottom of this transport. `None` if that is not a child, or has gone.
    pub fn of(transport: &TransportRef) -> Option<ChildProcess> {
        let found = transport.extension(TypeId::of::<ChildProcess>())?;
        found.downcast_ref::<ChildProcess>().cloned()
    }

    pub(super) fn new(connection: Weak<ChildConnection>) -> Self {
        ChildProcess { connection }
    }

    /// Its number. `None` once it has exited: the system may give the number to another process.
    pub fn pid(&self) -> Option<u32> {
        self.connection.upgrade()?.pid()
    }

    /// Returns how it has exited. `None` while it runs, and when it has gone with its connection.
    pub fn exit(&self) -> Option<ProcessExit> {
        self.connection.upgrade()?.exit()
    }

    /// Sends a signal to it.
    pub fn signal(&self, signal: Signal) -> Result<(), ProcessError> {
        let connection = self.connection.upgrade().ok_or(ProcessError::Exited)?;
        connection.signal(signal)
    }

    /// Tells it the new size of its terminal; it gets SIGWINCH.
    pub fn set_window(&self, window: WindowSize) -> Result<(), ProcessError> {
        let connection = self.connection.upgrade().ok_or(ProcessError::Exited)?;
        connection.set_window(window)
    }
}

impl fmt::Debug for ChildProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildProcess")
            .field("pid", &self.pid())
            .field("exit", &self.exit())
            .finish_non_exhaustive()
    }
}
