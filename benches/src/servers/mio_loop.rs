//! The floor: a loop over mio, written by hand for this one protocol. No dispatch, no timers, no
//! other kinds of connection.

use std::io::{ErrorKind, Read, Write};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use crate::args::{Args, Result};

const LISTENER: Token = Token(usize::MAX);

struct Connection {
    socket: TcpStream,
    /// What the socket did not take yet.
    unsent: Vec<u8>,
}

pub(super) fn serve(args: &Args) -> Result<()> {
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::from_std(super::bind(args.port)?);
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    super::listening(listener.local_addr()?);
    let mut connections: Slab<Connection> = Slab::new();
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        if let Err(error) = poll.poll(&mut events, None)
            && error.kind() != ErrorKind::Interrupted
        {
            return Err(error.into());
        }
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, &poll, &mut connections)?;
                continue;
            }
            let Some(connection) = connections.get_mut(event.token().0) else {
                continue;
            };
            let closed = event.is_read_closed() || event.is_error();
            if connection.ready(&mut buffer, closed, args.sink).is_err() {
                connections.remove(event.token().0);
            }
        }
    }
}

fn accept(listener: &TcpListener, poll: &Poll, connections: &mut Slab<Connection>) -> Result<()> {
    loop {
        match listener.accept() {
            Ok((mut socket, _)) => {
                let entry = connections.vacant_entry();
                let interest = Interest::READABLE | Interest::WRITABLE;
                poll.registry()
                    .register(&mut socket, Token(entry.key()), interest)?;
                entry.insert(Connection {
                    socket,
                    unsent: Vec::new(),
                });
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

impl Connection {
    /// Reads until a short read, and echoes. An error is the end of the connection.
    fn ready(&mut self, buffer: &mut [u8], closed: bool, sink: bool) -> std::io::Result<()> {
        if !self.flush()? {
            return Ok(());
        }
        loop {
            let count = match self.socket.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let sent = match sink {
                true => count,
                false => self.send(&buffer[..count])?,
            };
            if sent < count {
                self.unsent.extend_from_slice(&buffer[sent..count]);
                return Ok(());
            }
            if count < buffer.len() && !closed {
                return Ok(());
            }
        }
    }

    /// Whether nothing is left to send.
    fn flush(&mut self) -> std::io::Result<bool> {
        if self.unsent.is_empty() {
            return Ok(true);
        }
        let sent = self.send(&self.unsent)?;
        self.unsent.drain(..sent);
        Ok(self.unsent.is_empty())
    }

    fn send(&self, data: &[u8]) -> std::io::Result<usize> {
        match (&self.socket).write(data) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            sent => sent,
        }
    }
}
