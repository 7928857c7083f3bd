//! One connection of the load: plain, or TLS.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use mio::net::TcpStream;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use crate::args::{Args, Result};

/// Opens connections.
pub(super) struct Dialer {
    to: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
}

pub(super) struct Wire {
    socket: TcpStream,
    unsent: Vec<u8>,
    tls: Option<Box<ClientConnection>>,
}

impl Dialer {
    pub(super) fn new(to: SocketAddr, args: &Args) -> Result<Self> {
        let tls = match &args.tls {
            Some(folder) => Some(crate::certificate::client_config(folder, args.resume)?),
            None => None,
        };
        Ok(Dialer { to, tls })
    }

    pub(super) fn dial(&self) -> Result<Wire> {
        let socket = std::net::TcpStream::connect(self.to)?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let tls = match &self.tls {
            Some(config) => {
                let name = ServerName::try_from("localhost")?;
                let mut tls = ClientConnection::new(config.clone(), name)?;
                tls.set_buffer_limit(None);
                Some(Box::new(tls))
            }
            None => None,
        };
        Ok(Wire {
            socket: TcpStream::from_std(socket),
            unsent: Vec::new(),
            tls,
        })
    }
}

impl Wire {
    pub(super) fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    pub(super) fn unsent(&self) -> usize {
        let waits = self.tls.as_ref().is_some_and(|tls| tls.wants_write());
        self.unsent.len() + usize::from(waits)
    }

    pub(super) fn send(&mut self, data: &[u8]) -> Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.writer().write_all(data)?;
            return self.flush();
        }
        if self.unsent.is_empty() {
            let sent = self.try_send(data)?;
            self.unsent.extend_from_slice(&data[sent..]);
        } else {
            self.unsent.extend_from_slice(data);
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        if let Some(tls) = &mut self.tls {
            while tls.wants_write() {
                match tls.write_tls(&mut self.socket) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error.into()),
                }
            }
            return Ok(());
        }
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
        let Some(tls) = &mut self.tls else {
            return self.socket.read(buffer);
        };
        loop {
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                done => return done,
            }
            if tls.read_tls(&mut self.socket)? == 0 {
                return Ok(0);
            }
            tls.process_new_packets().map_err(io::Error::other)?;
            while tls.wants_write() {
                tls.write_tls(&mut self.socket)?;
            }
        }
    }

    /// Whether there may be more although the last read was short.
    pub(super) fn has_more(&self) -> bool {
        self.tls.is_some()
    }

    pub(super) fn close(mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let _ = tls.write_tls(&mut self.socket);
        }
    }

    /// No more is sent; waits until the server has read all of it and closes.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.socket.shutdown(std::net::Shutdown::Write)?;
        loop {
            match self.socket.read(&mut [0; 64]) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                Err(error) => return Err(error),
            }
        }
    }
}
