//! One connection of the load: plain, or TLS.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use mio::net::TcpStream;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind};
use socket2::{SockAddr, Socket, Type};

use super::speech;
use crate::args::{Args, Result};
use crate::listener;

/// Opens connections.
pub(super) struct Dialer {
    to: SockAddr,
    /// Many connections that last come from addresses of this process alone.
    lasting: bool,
    tls: Option<Arc<ClientConfig>>,
    websocket: bool,
}

pub(super) struct Wire {
    /// A UNIX socket too: what is done here is the same for both.
    socket: TcpStream,
    unsent: Vec<u8>,
    tls: Option<Box<ClientConnection>>,
}

impl Dialer {
    pub(super) fn new(args: &Args) -> Result<Self> {
        let to = if args.unix {
            // An abstract name begins with a NUL.
            SockAddr::unix(format!("\0{}", listener::unix_name(args.port)))?
        } else {
            listener::local(args.port).into()
        };
        let tls = match &args.tls {
            Some(folder) => Some(crate::certificate::client_config(folder, args)?),
            None => None,
        };
        let lasting = args.workload == "echo" && !args.unix;
        Ok(Dialer {
            to,
            lasting,
            tls,
            websocket: args.speak == "websocket",
        })
    }

    /// The connection with this number.
    pub(super) fn dial(&self, place: usize) -> Result<Wire> {
        let socket = Socket::new(self.to.domain(), Type::STREAM.cloexec(), None)?;
        if self.lasting {
            socket.bind(&source(place).into())?;
        }
        socket.connect(&self.to)?;
        if !self.to.is_unix() {
            socket.set_tcp_nodelay(true)?;
        }
        let mut socket = std::net::TcpStream::from(socket);
        if self.websocket {
            speech::upgrade(&mut socket)?;
        }
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

/// The number of ports of an address is limited, and the system searches long for the last of them.
fn source(place: usize) -> SocketAddr {
    let process = std::process::id().to_be_bytes();
    let some = (place / 10_000) as u8;
    SocketAddr::from(([127, 128 | process[2], process[3], 1 + some], 0))
}

impl Wire {
    pub(super) fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
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

    /// Whether it goes on with the session of an earlier connection.
    pub(super) fn is_resumed(&self) -> bool {
        let tls = self.tls.as_ref();
        tls.and_then(|tls| tls.handshake_kind()) == Some(HandshakeKind::Resumed)
    }

    pub(super) fn close(mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let _ = tls.write_tls(&mut self.socket);
        }
    }
}
