//! One connection of the load: plain, or TLS.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use mio::net::TcpStream;

use crate::args::{Args, Result};

/// Opens connections.
pub(super) struct Dialer {
    to: SocketAddr,
}

pub(super) struct Wire {
    socket: TcpStream,
    unsent: Vec<u8>,
}

impl Dialer {
    pub(super) fn new(to: SocketAddr, _args: &Args) -> Result<Self> {
        Ok(Dialer { to })
    }

    pub(super) fn dial(&self) -> Result<Wire> {
        let socket = std::net::TcpStream::connect(self.to)?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        Ok(Wire {
            socket: TcpStream::from_std(socket),
            unsent: Vec::new(),
        })
    }
}

impl Wire {
    pub(super) fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    pub(super) fn unsent(&self) -> usize {
        self.unsent.len()
    }

    pub(super) fn send(&mut self, data: &[u8]) -> Result<()> {
        if self.unsent.is_empty() {
            let sent = self.try_send(data)?;
            self.unsent.extend_from_slice(&data[sent..]);
        } else {
            self.unsent.extend_from_slice(data);
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        if !self.unsent.is_empty() {
            let sent = self.try_send(&self.unsent)?;
            self.unsent.drain(..sent);
        }
        Ok(())
    }

    fn try_send(&self, data: &[u8]) -> io::Result<usize> {
        match (&self.socket).write(data) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            sent => sent,
        }
    }

    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.read(buffer)
    }

    /// Whether there may be more although the last read was short.
    pub(super) fn has_more(&self) -> bool {
        false
    }

    pub(super) fn close(self) {}
}
