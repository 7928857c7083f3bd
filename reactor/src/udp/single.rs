//! One datagram a system call: for systems that cannot do several.

use std::io;

use mio::net::UdpSocket;

use crate::Address;
use crate::datagram::{Batch, DatagramQueue, Received};

/// Nothing is kept between two calls.
#[derive(Default)]
pub(crate) struct Headers;

/// Receives one datagram into the batch, up to `longest` bytes and one more. There may always be
/// others: what comes next is seen by the next call.
pub(super) fn receive(
    socket: &UdpSocket,
    _v4: bool,
    batch: &mut Batch,
    _most: usize,
    longest: usize,
    _: &Headers,
) -> io::Result<bool> {
    let slots = batch.begin(longest + 1);
    let slot = slots.bytes.get_mut(..slots.length).unwrap_or_default();
    let (length, from) = socket.recv_from(slot)?;
    slots.received.push(Received {
        length,
        from: Address::Udp(from),
    });
    Ok(true)
}

/// Sends the first datagram of the queue.
pub(super) fn send(socket: &UdpSocket, queue: &DatagramQueue) -> (usize, Option<io::Error>) {
    let Some((data, to)) = queue.front() else {
        return (0, None);
    };
    let sent = match to.and_then(Address::socket) {
        Some(to) => socket.send_to(data, to),
        None => socket.send(data),
    };
    match sent {
        Ok(_) => (1, None),
        Err(error) => (0, Some(error)),
    }
}
