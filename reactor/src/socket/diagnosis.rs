use std::io::{Read, Write};

use socket2::{Domain, Protocol, Socket, Type};

/// `SOCK_DIAG_BY_FAMILY`, the type of both messages.
const BY_FAMILY: u16 = 20;
const REQUEST: u16 = 1;
/// A header of netlink: length, type, flags, sequence, port.
const HEADER: usize = 16;

/// Asks the system about one socket (`sock_diag`(7)): sends this request, and returns the answer
/// without its header. It takes a request of one message, and the kernel has the answer ready when
/// the request returns.
pub(crate) fn ask_about(request: &[u8]) -> Option<Vec<u8>> {
    let domain = Domain::from(libc::AF_NETLINK);
    let kind = Type::DGRAM.nonblocking();
    let protocol = Protocol::from(libc::NETLINK_SOCK_DIAG);
    let socket = Socket::new(domain, kind, Some(protocol)).ok()?;
    (&socket).write_all(&message(request)).ok()?;
    let mut answer = [0; 512];
    let count = (&socket).read(&mut answer).ok()?;
    let answer = &answer[..count];
    if answer.get(4..6)? != BY_FAMILY.to_ne_bytes() {
        return None;
    }
    answer.get(HEADER..).map(<[u8]>::to_vec)
}

fn message(request: &[u8]) -> Vec<u8> {
    let size = HEADER + request.len();
    let mut message = Vec::with_capacity(size);
    message.extend((size as u32).to_ne_bytes());
    message.extend(BY_FAMILY.to_ne_bytes());
    message.extend(REQUEST.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(request);
    message
}
