//! A UDP echo over mio, by hand: several datagrams a system call, where several wait.

use std::array;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV4};
use std::os::fd::AsRawFd;

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg};
use retwist_benches::args::{Args, Result};
use retwist_benches::listener;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};

use crate::by_hand::wait;

const SLOTS: usize = 64;
const FEW: usize = 4;
const STRIDE: usize = 64 * 1024 + 64;

type Received = Vec<(usize, SocketAddr)>;

pub(crate) fn serve(args: &Args) -> Result<()> {
    let mut poll = Poll::new()?;
    let mut socket = UdpSocket::bind(listener::local(args.port))?;
    poll.registry()
        .register(&mut socket, Token(0), Interest::READABLE)?;
    listener::listening(socket.local_addr()?);
    let mut events = Events::with_capacity(1024);
    let mut headers = MultiHeaders::preallocate(SLOTS, None);
    let mut buffer = vec![0; SLOTS * STRIDE];
    let mut received = Received::with_capacity(SLOTS);
    let mut most = FEW;
    loop {
        wait(&mut poll, &mut events)?;
        loop {
            let got = match most {
                ..=FEW => receive::<FEW>(&socket, &mut headers, &mut buffer, &mut received),
                5..=16 => receive::<16>(&socket, &mut headers, &mut buffer, &mut received),
                _ => receive::<SLOTS>(&socket, &mut headers, &mut buffer, &mut received),
            };
            let more = match got {
                Ok(more) => more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            };
            most = (2 * received.len()).clamp(FEW, SLOTS);
            match received.len() {
                1 => drop(socket.send_to(&buffer[..received[0].0], received[0].1)?),
                2..=8 => send::<8>(&socket, &buffer, &received)?,
                _ => send::<SLOTS>(&socket, &buffer, &received)?,
            }
            if !more {
                break;
            }
        }
    }
}

/// True if there may be others.
fn receive<const N: usize>(
    socket: &UdpSocket,
    headers: &mut MultiHeaders<SockaddrIn>,
    buffer: &mut [u8],
    received: &mut Received,
) -> io::Result<bool> {
    received.clear();
    let mut slots = buffer.chunks_exact_mut(STRIDE);
    let mut slices: [[IoSliceMut<'_>; 1]; N] =
        array::from_fn(|_| [IoSliceMut::new(slots.next().unwrap_or_default())]);
    let fd = socket.as_raw_fd();
    for one in recvmmsg(fd, headers, slices.iter_mut(), MsgFlags::empty(), None)? {
        if let Some(from) = one.address {
            received.push((one.bytes, SocketAddrV4::from(from).into()));
        }
    }
    Ok(received.len() == N)
}

fn send<const N: usize>(socket: &UdpSocket, buffer: &[u8], received: &Received) -> Result<()> {
    let mut messages: [_; N] = array::from_fn(|at| {
        let (length, to) = *received.get(at).unwrap_or(&received[0]);
        let data = buffer.get(at * STRIDE..at * STRIDE + length);
        (
            SocketAddrAny::from(to),
            [IoSlice::new(data.unwrap_or_default())],
            SendAncillaryBuffer::default(),
        )
    });
    let mut headers = messages
        .each_mut()
        .map(|(to, data, control)| MMsgHdr::new_with_addr(to, data, control));
    sendmmsg(socket, &mut headers[..received.len()], SendFlags::empty())?;
    Ok(())
}
