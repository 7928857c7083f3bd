//! Several datagrams a system call: `recvmmsg` and `sendmmsg`.
//!
//! The kernel is told where each datagram and its address are, in an array of headers. Those for
//! receiving are made once for a reactor; they keep the length of the last address, and so there are
//! some for each family.

use std::array;
use std::cell::RefCell;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, RawFd};

use mio::net::UdpSocket;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, SockaddrIn6, SockaddrLike, recvmmsg};
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};

use crate::Address;
use crate::datagram::{Batch, DatagramQueue, Received, SLOTS, STRIDE, Slots};

/// The headers for receiving that the ports of a reactor share, made when they are first wanted.
#[derive(Default)]
pub(crate) struct Headers {
    v4: RefCell<Option<MultiHeaders<SockaddrIn>>>,
    v6: RefCell<Option<MultiHeaders<SockaddrIn6>>>,
}

/// Receives up to `most` datagrams into the batch, each up to `longest` bytes and one more. True if
/// there may be others.
pub(super) fn receive(
    socket: &UdpSocket,
    v4: bool,
    batch: &mut Batch,
    most: usize,
    longest: usize,
    headers: &Headers,
) -> io::Result<bool> {
    let slots = batch.begin(longest + 1);
    let socket = socket.as_raw_fd();
    if v4 {
        let mut headers = headers.v4.borrow_mut();
        receive_into(
            socket,
            headers.get_or_insert_with(make),
            slots,
            most,
            from_v4,
        )
    } else {
        let mut headers = headers.v6.borrow_mut();
        receive_into(
            socket,
            headers.get_or_insert_with(make),
            slots,
            most,
            from_v6,
        )
    }
}

fn make<S: SockaddrLike + Copy>() -> MultiHeaders<S> {
    MultiHeaders::preallocate(SLOTS, None)
}

fn from_v4(address: SockaddrIn) -> Address {
    Address::Udp(SocketAddrV4::from(address).into())
}

fn from_v6(address: SockaddrIn6) -> Address {
    Address::Udp(SocketAddrV6::from(address).into())
}

/// Arrays of a few sizes: a header that is not used costs as much as one that is.
fn receive_into<S: SockaddrLike + Copy>(
    socket: RawFd,
    headers: &mut MultiHeaders<S>,
    slots: Slots<'_>,
    most: usize,
    address: impl Fn(S) -> Address,
) -> io::Result<bool> {
    match most {
        ..4 => receive_array::<1, S>(socket, headers, slots, address),
        4..16 => receive_array::<4, S>(socket, headers, slots, address),
        16..SLOTS => receive_array::<16, S>(socket, headers, slots, address),
        _ => receive_array::<SLOTS, S>(socket, headers, slots, address),
    }
}

fn receive_array<const N: usize, S: SockaddrLike + Copy>(
    socket: RawFd,
    headers: &mut MultiHeaders<S>,
    slots: Slots<'_>,
    address: impl Fn(S) -> Address,
) -> io::Result<bool> {
    let mut pieces = slots.bytes.chunks_exact_mut(STRIDE);
    let mut buffers: [[IoSliceMut<'_>; 1]; N] = array::from_fn(|_| {
        let slot = pieces.next().and_then(|slot| slot.get_mut(..slots.length));
        [IoSliceMut::new(slot.unwrap_or_default())]
    });
    let buffers = buffers.iter_mut();
    for datagram in recvmmsg(socket, headers, buffers, MsgFlags::empty(), None)? {
        slots.received.push(Received {
            length: datagram.bytes,
            from: datagram.address.map_or(Address::Unknown, &address),
        });
    }
    Ok(slots.received.len() == N)
}

/// Sends datagrams from the front of the queue; returns how many went, and the error of the first
/// that did not. Where several are sent, the kernel tells the error only if it is that of the first,
/// so that the next call gets it.
pub(super) fn send(socket: &UdpSocket, queue: &DatagramQueue) -> (usize, Option<io::Error>) {
    let sent = match queue.len() {
        0..=1 => send_one(socket, queue),
        2..=8 => send_array::<8>(socket, queue),
        _ => send_array::<SLOTS>(socket, queue),
    };
    match sent {
        Ok(count) => (count, None),
        Err(error) => (0, Some(error)),
    }
}

fn send_one(socket: &UdpSocket, queue: &DatagramQueue) -> io::Result<usize> {
    let Some((data, to)) = queue.front() else {
        return Ok(0);
    };
    match to.and_then(Address::socket) {
        Some(to) => socket.send_to(data, to)?,
        None => socket.send(data)?,
    };
    Ok(1)
}

fn send_array<const N: usize>(socket: &UdpSocket, queue: &DatagramQueue) -> io::Result<usize> {
    let mut waiting = queue.iter();
    let mut messages: [_; N] = array::from_fn(|_| {
        let (data, to) = waiting.next().unwrap_or_default();
        let to = to.and_then(Address::socket).map(SocketAddrAny::from);
        // Nothing but bytes is sent.
        (to, [IoSlice::new(data)], SendAncillaryBuffer::default())
    });
    let mut headers = messages.each_mut().map(|(to, piece, control)| match to {
        Some(to) => MMsgHdr::new_with_addr(to, piece, control),
        None => MMsgHdr::new(piece, control),
    });
    let count = queue.len().min(N);
    Ok(sendmmsg(socket, &mut headers[..count], SendFlags::empty())?)
}
