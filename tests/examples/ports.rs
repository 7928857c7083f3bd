use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::ops::Range;
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

use socket2::{Domain, Socket, Type};

/// Below the ports that a system gives out to sockets that ask for any.
const RANGE: Range<u16> = 20_000..32_000;

/// A port for a program that has to be told its number. While this lives, no other test gets the
/// same number: the port of UDP with that number is the mark that it is taken, across processes.
pub(crate) struct Reserved {
    address: SocketAddr,
    _mark: UdpSocket,
}

impl Reserved {
    pub(crate) fn new() -> Reserved {
        static TRIED: AtomicU16 = AtomicU16::new(0);
        let process =
            u16::try_from(process::id() % u32::from(u16::MAX)).expect("that is its range");
        for _ in RANGE {
            let offset = process.wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed));
            let port = RANGE.start + offset % (RANGE.end - RANGE.start);
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let Ok(mark) = UdpSocket::bind(address) else {
                continue;
            };
            if TcpListener::bind(address).is_ok() {
                return Reserved {
                    address,
                    _mark: mark,
                };
            }
        }
        panic!("none of the ports {RANGE:?} is free");
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// An address where connections are refused while this lives: its port is taken, and not listened
/// on.
pub(crate) struct Refusing(Socket);

impl Refusing {
    pub(crate) fn new() -> Refusing {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        socket.bind(&any.into()).expect("a port");
        Refusing(socket)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let address = self.0.local_addr().expect("it is bound");
        address.as_socket().expect("an address of IPv4")
    }
}
