//! How much the peer has not read of what the system took to send, from `sock_diag`(7).

use std::os::fd::AsFd;

/// Bytes of memory that the system holds for what the peer has not read yet; None where it cannot
/// tell. They are more than the bytes that were sent, and 0 when the peer has read all.
#[cfg(not(target_os = "linux"))]
pub(super) fn unacknowledged(_: &impl AsFd) -> Option<usize> {
    None
}

#[cfg(target_os = "linux")]
pub(super) fn unacknowledged(socket: &impl AsFd) -> Option<usize> {
    linux::unacknowledged(socket.as_fd())
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::os::fd::BorrowedFd;
    use std::os::unix::fs::MetadataExt;

    use crate::socket::ask_about;

    /// `UDIAG_SHOW_RQLEN`: the lengths of the queues are wanted.
    const SHOW_QUEUES: u32 = 0x10;
    /// `UNIX_DIAG_RQLEN`, the attribute that has them: the queue to read from, and that of what was
    /// sent.
    const QUEUES: u16 = 4;
    /// A `struct unix_diag_msg`, behind which the attributes stand.
    const MESSAGE: usize = 16;
    /// The length and the type of an attribute.
    const ATTRIBUTE: usize = 4;

    pub(super) fn unacknowledged(socket: BorrowedFd<'_>) -> Option<usize> {
        let socket = File::from(socket.try_clone_to_owned().ok()?);
        let inode = u32::try_from(socket.metadata().ok()?.ino()).ok()?;
        let answer = ask_about(&request(inode))?;
        let queues = attribute(answer.get(MESSAGE..)?, QUEUES)?;
        let sent = queues.get(4..8)?;
        usize::try_from(u32::from_ne_bytes(sent.try_into().ok()?)).ok()
    }

    /// A `struct unix_diag_req`, for a socket in any state and with any cookie.
    fn request(inode: u32) -> Vec<u8> {
        let mut request = vec![libc::AF_UNIX as u8, 0, 0, 0];
        request.extend(u32::MAX.to_ne_bytes());
        request.extend(inode.to_ne_bytes());
        request.extend(SHOW_QUEUES.to_ne_bytes());
        request.extend([0xff; 8]);
        request
    }

    fn attribute(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
        loop {
            let length = u16::from_ne_bytes(attributes.get(..2)?.try_into().ok()?);
            let kind = u16::from_ne_bytes(attributes.get(2..4)?.try_into().ok()?);
            let length = usize::from(length).max(ATTRIBUTE);
            if kind == wanted {
                return attributes.get(ATTRIBUTE..length);
            }
            attributes = attributes.get(length.next_multiple_of(4)..)?;
        }
    }

    #[cfg(test)]
    mod tests {
        use std::io::{Read, Write};
        use std::os::unix::net::UnixStream;

        use crate::unix::send_queue::unacknowledged;

        #[test]
        fn it_is_zero_when_the_peer_has_read_all() {
            let (mut here, mut there) = UnixStream::pair().unwrap();
            assert_eq!(unacknowledged(&here), Some(0));
            here.write_all(&[0; 1000]).unwrap();
            assert!(unacknowledged(&here).unwrap() >= 1000);
            there.read_exact(&mut [0; 1000]).unwrap();
            assert_eq!(unacknowledged(&here), Some(0));
        }
    }
}
