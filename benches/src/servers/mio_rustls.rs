//! A loop over mio and rustls, by hand: one `recv` into a buffer that all connections share, and
//! rustls is fed from there.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use rustls::{ServerConfig, ServerConnection};
use slab::Slab;

use crate::args::{Args, Result};

const LISTENER: Token = Token(usize::MAX);

struct Connection {
    socket: TcpStream,
    tls: ServerConnection,
}

pub(super) fn serve(args: &Args) -> Result<()> {
    let config = crate::certificate::server_config(args)?;
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::from_std(super::bind(args.port)?);
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    super::listening(listener.local_addr()?);
    let mut connections: Slab<Connection> = Slab::new();
    let mut events = Events::with_capacity(1024);
    let mut buffers = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        if let Err(error) = poll.poll(&mut events, None)
            && error.kind() != ErrorKind::Interrupted
        {
            return Err(error.into());
        }
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, &poll, &mut connections, &config)?;
                continue;
            }
            let Some(connection) = connections.get_mut(event.token().0) else {
                continue;
            };
            if connection.ready(&mut buffers).is_err() {
                connections.remove(event.token().0);
            }
        }
    }
}

fn accept(
    listener: &TcpListener,
    poll: &Poll,
    connections: &mut Slab<Connection>,
    config: &Arc<ServerConfig>,
) -> Result<()> {
    loop {
        match listener.accept() {
            Ok((mut socket, _)) => {
                let entry = connections.vacant_entry();
                let interest = Interest::READABLE | Interest::WRITABLE;
                poll.registry()
                    .register(&mut socket, Token(entry.key()), interest)?;
                let mut tls = ServerConnection::new(config.clone())?;
                tls.set_buffer_limit(None);
                entry.insert(Connection { socket, tls });
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

impl Connection {
    fn ready(&mut self, (received, plain): &mut (Vec<u8>, Vec<u8>)) -> std::io::Result<()> {
        self.flush()?;
        while !self.tls.wants_write() || self.tls.is_handshaking() {
            let count = match self.socket.read(received) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let mut input = &received[..count];
            while !input.is_empty() {
                self.tls.read_tls(&mut input)?;
                let state = self.tls.process_new_packets();
                state.map_err(|_| ErrorKind::InvalidData)?;
                loop {
                    match self.tls.reader().read(plain) {
                        Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                        Ok(count) => self.tls.writer().write_all(&plain[..count])?,
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                        Err(error) => return Err(error),
                    }
                }
            }
            self.flush()?;
            if count < received.len() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
