use std::os::fd::BorrowedFd;

use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};
use rustix::net::{SocketType, sockopt};

use super::OpenError;

/// What a descriptor is, as far as it matters for a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A stream socket, connected or not.
    Socket,
    /// A pipe or a FIFO.
    Pipe,
    /// A terminal, or the master of a pseudo-terminal.
    Terminal,
    /// A file of a file system: the system reports no events for it, since it never has to wait.
    File,
    /// Anything else: a serial port that is not a terminal, a tun interface, `/dev/null`.
    Device,
}

impl Kind {
    /// Refuses what has no stream of bytes.
    pub(super) fn of(descriptor: BorrowedFd<'_>) -> Result<Kind, OpenError> {
        let status = fstat(descriptor)?;
        Ok(match FileType::from_raw_mode(status.st_mode) {
            FileType::Fifo => Kind::Pipe,
            FileType::Socket => {
                let kind = sockopt::socket_type(descriptor)?;
                if kind != SocketType::STREAM && kind != SocketType::SEQPACKET {
                    return Err(OpenError::NotAStream("a socket of datagrams"));
                }
                // macOS knows the option and does not answer it.
                #[cfg(not(target_vendor = "apple"))]
                if sockopt::socket_acceptconn(descriptor)? {
                    return Err(OpenError::NotAStream("a socket that listens"));
                }
                Kind::Socket
            }
            FileType::Directory => return Err(OpenError::NotAStream("a directory")),
            FileType::RegularFile | FileType::BlockDevice => Kind::File,
            FileType::CharacterDevice if rustix::termios::isatty(descriptor) => Kind::Terminal,
            _ => Kind::Device,
        })
    }
}

impl Kind {
    /// Whether a read takes all that there is, across the borders of what was written.
    pub(super) fn reads_all(self, descriptor: BorrowedFd<'_>) -> Result<bool, OpenError> {
        Ok(match self {
            Kind::Socket => sockopt::socket_type(descriptor)? == SocketType::STREAM,
            // Linux: a pipe of packets.
            #[cfg(target_os = "linux")]
            Kind::Pipe => !fcntl_getfl(descriptor)?.contains(OFlags::DIRECT),
            #[cfg(not(target_os = "linux"))]
            Kind::Pipe => true,
            Kind::Terminal | Kind::File | Kind::Device => false,
        })
    }
}

/// Checks that the descriptor is open for what is wanted of it.
pub(super) fn check_access(
    descriptor: BorrowedFd<'_>,
    reading: bool,
    writing: bool,
) -> Result<(), OpenError> {
    let flags = fcntl_getfl(descriptor)?;
    let mode = flags & OFlags::RWMODE;
    // Linux: a descriptor that only names a file.
    #[cfg(target_os = "linux")]
    if flags.contains(OFlags::PATH) {
        return Err(OpenError::NotAStream("a mere name of a file (O_PATH)"));
    }
    if reading && mode == OFlags::WRONLY {
        return Err(OpenError::NotReadable);
    }
    if writing && mode == OFlags::RDONLY {
        return Err(OpenError::NotWritable);
    }
    Ok(())
}
