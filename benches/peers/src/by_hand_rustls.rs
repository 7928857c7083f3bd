//! An echo over mio and rustls's buffered API, by hand: one `recv` into a buffer that all
//! connections share, and rustls is fed from there.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;
use retwist_benches::args::{Args, Result};
use retwist_benches::certificate;
use rustls::ServerConnection;

use crate::by_hand::{self, unless_blocked};

struct Connection {
    socket: TcpStream,
    tls: ServerConnection,
}

struct Buffers {
    received: Vec<u8>,
    plain: Vec<u8>,
}

pub(crate) fn serve(args: &Args) -> Result<()> {
    let config = certificate::server_config(args)?;
    let buffers = Buffers {
        received: vec![0; 64 * 1024],
        plain: vec![0; 64 * 1024],
    };
    by_hand::serve(args, buffers, |socket| {
        let mut tls = ServerConnection::new(config.clone())?;
        tls.set_buffer_limit(None);
        Ok(Connection { socket, tls })
    })
}

impl by_hand::Connection for Connection {
    type Buffers = Buffers;

    fn ready(&mut self, buffers: &mut Buffers, _: bool) -> io::Result<()> {
        self.flush()?;
        while !self.tls.wants_write() || self.tls.is_handshaking() {
            let count = match unless_blocked(self.socket.read(&mut buffers.received))? {
                Some(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Some(count) => count,
                None => return Ok(()),
            };
            let mut input = &buffers.received[..count];
            while !input.is_empty() {
                self.tls.read_tls(&mut input)?;
                let state = self.tls.process_new_packets();
                state.map_err(|_| ErrorKind::InvalidData)?;
                self.echo(&mut buffers.plain)?;
            }
            self.flush()?;
            if count < buffers.received.len() {
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Connection {
    fn echo(&mut self, plain: &mut [u8]) -> io::Result<()> {
        loop {
            match unless_blocked(self.tls.reader().read(plain))? {
                Some(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Some(count) => self.tls.writer().write_all(&plain[..count])?,
                None => return Ok(()),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            if unless_blocked(self.tls.write_tls(&mut self.socket))?.is_none() {
                return Ok(());
            }
        }
        Ok(())
    }
}
