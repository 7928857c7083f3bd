//! How much the peer has not acknowledged of what the system took to send.
//!
//! `SIOCOUTQ` says it, but needs `unsafe`. `sock_diag`(7) says the same through a socket: a request
//! of one message that names the connection, and an answer that the kernel has ready when the
//! request returns. It costs four system calls, so it is asked only where a connection ends and the
//! answer decides whether bytes are lost.

/// Bytes that the system holds for this connection, a FIN counted as one; None where it cannot tell.
#[cfg(not(target_os = "linux"))]
pub(super) fn unacknowledged(
    _local: std::net::SocketAddr,
    _peer: std::net::SocketAddr,
) -> Option<usize> {
    None
}

#[cfg(target_os = "linux")]
pub(super) use linux::unacknowledged;

#[cfg(target_os = "linux")]
mod linux {
    use std::net::{IpAddr, SocketAddr};

    use crate::socket::ask_about;

    const REQUEST_SIZE: usize = 56;
    /// Where `idiag_wqueue` lies in the answer.
    const SEND_QUEUE: usize = 60;

    pub(in super::super) fn unacknowledged(local: SocketAddr, peer: SocketAddr) -> Option<usize> {
        let answer = ask_about(&request(local, peer))?;
        let queue = answer.get(SEND_QUEUE..SEND_QUEUE + 4)?;
        usize::try_from(u32::from_ne_bytes(queue.try_into().ok()?)).ok()
    }

    /// A `struct inet_diag_req_v2`, for sockets in any state.
    fn request(local: SocketAddr, peer: SocketAddr) -> Vec<u8> {
        let family = if local.is_ipv4() {
            libc::AF_INET
        } else {
            libc::AF_INET6
        };
        let scope = match peer {
            SocketAddr::V4(_) => 0,
            SocketAddr::V6(address) => address.scope_id(),
        };
        let mut request = Vec::with_capacity(REQUEST_SIZE);
        request.extend([family as u8, libc::IPPROTO_TCP as u8, 0, 0]);
        request.extend(u32::MAX.to_ne_bytes());
        request.extend(local.port().to_be_bytes());
        request.extend(peer.port().to_be_bytes());
        request.extend(address_bytes(local.ip()));
        request.extend(address_bytes(peer.ip()));
        request.extend(scope.to_ne_bytes());
        // Whatever the cookie of the socket is.
        request.extend([0xff; 8]);
        request
    }

    fn address_bytes(address: IpAddr) -> [u8; 16] {
        match address {
            IpAddr::V6(address) => address.octets(),
            IpAddr::V4(address) => {
                let mut bytes = [0; 16];
                bytes[..4].copy_from_slice(&address.octets());
                bytes
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use std::io::Write;
        use std::net::{TcpListener, TcpStream};

        use super::*;

        #[test]
        fn it_counts_what_a_peer_that_does_not_read_has_not_taken() {
            // The last one accepts IPv4 too, and its addresses are then those of IPv6 that stand for it.
            for (listens, host) in [
                ("127.0.0.1:0", "127.0.0.1"),
                ("[::1]:0", "::1"),
                ("[::]:0", "127.0.0.1"),
            ] {
                let listener = TcpListener::bind(listens).unwrap();
                let port = listener.local_addr().unwrap().port();
                let _client = TcpStream::connect((host, port)).unwrap();
                let (mut server, _) = listener.accept().unwrap();
                let [local, peer] = [server.local_addr().unwrap(), server.peer_addr().unwrap()];
                assert_eq!(unacknowledged(local, peer), Some(0), "{local} {peer}");
                server.set_nonblocking(true).unwrap();
                while server.write(&[0; 65_536]).is_ok() {}
                assert!(unacknowledged(local, peer).unwrap() > 65_536);
            }
        }

        #[test]
        fn of_a_connection_that_does_not_exist_nothing_is_known() {
            let unused = "127.0.0.1:1".parse().unwrap();
            assert_eq!(unacknowledged(unused, unused), None);
        }
    }
}
