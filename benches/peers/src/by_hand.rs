//! The floor: a loop over mio, written for one kind of connection. No dispatch, no timers.

use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use mio::net::{TcpListener, TcpStream, UnixListener};
use mio::{Events, Interest, Poll, Token, event};
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

/// What connections come from.
pub(crate) trait Listener: event::Source {
    /// Takes one.
    fn accept_one(&self) -> io::Result<TcpStream>;
}

impl Listener for TcpListener {
    fn accept_one(&self) -> io::Result<TcpStream> {
        Ok(self.accept()?.0)
    }
}

impl Listener for UnixListener {
    /// What is done with a socket here is the same for both families.
    fn accept_one(&self) -> io::Result<TcpStream> {
        let socket = OwnedFd::from(UnixStream::from(self.accept()?.0));
        Ok(TcpStream::from_std(socket.into()))
    }
}

/// Serves with what `accepted` makes of each socket, registered already.
pub(crate) fn serve<C: Connection>(
    args: &Args,
    buffers: C::Buffers,
    accepted: impl FnMut(TcpStream) -> Result<C>,
) -> Result<()> {
    let listener = TcpListener::from_std(listener::bind(args.port)?);
    listener::listening(listener.local_addr()?);
    serve_on(listener, buffers, accepted)
}

/// The same, for a listener that the runner knows.
pub(crate) fn serve_on<C: Connection>(
    mut listener: impl Listener,
    mut buffers: C::Buffers,
    mut accepted: impl FnMut(TcpStream) -> Result<C>,
) -> Result<()> {
    let mut poll = Poll::new()?;
    let registry = poll.registry();
    registry.register(&mut listener, LISTENER, Interest::READABLE)?;
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
    listener: &impl Listener,
    mut accepted: impl FnMut(TcpStream) -> Result<()>,
) -> Result<()> {
    loop {
        match listener.accept_one() {
            Ok(socket) => accepted(socket)?,
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
