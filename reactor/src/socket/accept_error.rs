use std::io;

/// What an error of `accept` says.
pub(super) enum AcceptError {
    /// The queue is empty.
    Drained,
    /// The connection that was to be accepted has failed; the next one may be well.
    ThisConnection,
    /// This process, or the machine, has no descriptor left.
    NoDescriptors,
    /// Memory is short, or something unknown has happened.
    System,
}

impl From<&io::Error> for AcceptError {
    fn from(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock => return AcceptError::Drained,
            io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => {
                return AcceptError::ThisConnection;
            }
            _ => {}
        }
        match error.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE) => AcceptError::NoDescriptors,
            Some(libc::EPERM | libc::EPROTO) => AcceptError::ThisConnection,
            _ => AcceptError::System,
        }
    }
}
