//! An echo over mio, by hand.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::{TcpStream, UnixListener};
use retwist_benches::args::{Args, Result};
use retwist_benches::listener;

use crate::by_hand::{self, unless_blocked};

struct Connection {
    socket: TcpStream,
    /// What the socket did not take yet.
    unsent: Vec<u8>,
}

pub(crate) fn serve(args: &Args) -> Result<()> {
    by_hand::serve(args, vec![0; 64 * 1024], Connection::new)
}

/// The same over UNIX sockets.
pub(crate) fn serve_unix(_: &Args) -> Result<()> {
    let listener = UnixListener::from_std(listener::bind_unix()?);
    by_hand::serve_on(listener, vec![0; 64 * 1024], Connection::new)
}

impl by_hand::Connection for Connection {
    type Buffers = Vec<u8>;

    /// Reads until a short read, and echoes.
    fn ready(&mut self, buffer: &mut Vec<u8>, closed: bool) -> io::Result<()> {
        if !self.flush()? {
            return Ok(());
        }
        loop {
            let count = match unless_blocked(self.socket.read(buffer))? {
                Some(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Some(count) => count,
                None => return Ok(()),
            };
            let sent = self.send(&buffer[..count])?;
            if sent < count {
                self.unsent.extend_from_slice(&buffer[sent..count]);
                return Ok(());
            }
            if count < buffer.len() && !closed {
                return Ok(());
            }
        }
    }
}

impl Connection {
    fn new(socket: TcpStream) -> Result<Self> {
        Ok(Connection {
            socket,
            unsent: Vec::new(),
        })
    }

    /// Whether nothing is left to send.
    fn flush(&mut self) -> io::Result<bool> {
        if self.unsent.is_empty() {
            return Ok(true);
        }
        let sent = self.send(&self.unsent)?;
        self.unsent.drain(..sent);
        Ok(self.unsent.is_empty())
    }

    fn send(&self, data: &[u8]) -> io::Result<usize> {
        Ok(unless_blocked((&self.socket).write(data))?.unwrap_or(0))
    }
}
