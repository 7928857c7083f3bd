//! The floor: a loop over mio, written for one kind of connection. No dispatch, no timers.

use std::io::{self, ErrorKind};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use retwist_benches::args::{Args, Result};
use retwist_benches::listener;
use slab::Slab;

const LISTENER: Token = Token(usize::MAX);

/// What a server has many of.
pub(crate) trait Connection {
    /// What all of them read into.
    type Buffers;

    /// Its socket is ready, perhaps for its last bytes. An error is its end.
    fn ready(&mut self, buffers: &mut Self::Buffers, closed: bool) -> io::Result<()>;
}

/// Serves with what `accepted` makes of each socket, registered already.
pub(crate) fn serve<C: Connection>(
    args: &Args,
    mut buffers: C::Buffers,
    mut accepted: impl FnMut(TcpStream) -> Result<C>,
) -> Result<()> {
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::from_std(listener::bind(args.port)?);
    let registry = poll.registry();
    registry.register(&mut listener, LISTENER, Interest::READABLE)?;
    listener::listening(listener.local_addr()?);
    let mut connections: Slab<C> = Slab::new();
    let mut events = Events::with_capacity(1024);
    loop {
        wait(&mut poll, &mut events)?;
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, |mut socket| {
                    let entry = connections.vacant_entry();
                    register(&poll, &mut socket, entry.key())?;
                    entry.insert(accepted(socket)?);
                    Ok(())
                })?;
                continue;
            }
            let at = event.token().0;
            let Some(connection) = connections.get_mut(at) else {
                continue;
            };
            let closed = event.is_read_closed() || event.is_error();
            if connection.ready(&mut buffers, closed).is_err() {
                connections.remove(at);
            }
        }
    }
}

pub(crate) fn wait(poll: &mut Poll, events: &mut Events) -> io::Result<()> {
    match poll.poll(events, None) {
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
        waited => waited,
    }
}

pub(crate) fn accept(
    listener: &TcpListener,
    mut accepted: impl FnMut(TcpStream) -> Result<()>,
) -> Result<()> {
    loop {
        match listener.accept() {
            Ok((socket, _)) => accepted(socket)?,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

pub(crate) fn register(poll: &Poll, socket: &mut TcpStream, at: usize) -> io::Result<()> {
    let interest = Interest::READABLE | Interest::WRITABLE;
    poll.registry().register(socket, Token(at), interest)
}

/// How much came or went, `None` where the socket would block.
pub(crate) fn unless_blocked(moved: io::Result<usize>) -> io::Result<Option<usize>> {
    match moved {
        Ok(count) => Ok(Some(count)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
