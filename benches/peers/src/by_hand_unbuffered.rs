//! An echo over mio and rustls's unbuffered API, by hand: all buffers are shared, and a connection
//! keeps only what is not a whole record yet, or what the socket did not take.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;
use retwist_benches::args::{Args, Result};
use retwist_benches::certificate;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::ConnectionState;

use crate::by_hand::{self, unless_blocked};

/// One read takes so much, behind what is kept of a record.
const READ: usize = 64 * 1024;
const RECORD: usize = 18 * 1024;

struct Connection {
    socket: TcpStream,
    tls: UnbufferedServerConnection,
    kept: Vec<u8>,
    unsent: Vec<u8>,
}

struct Buffers {
    incoming: Vec<u8>,
    plain: Vec<u8>,
    outgoing: Outgoing,
}

/// Records to be sent.
struct Outgoing {
    room: Vec<u8>,
    used: usize,
}

pub(crate) fn serve(args: &Args) -> Result<()> {
    let config = certificate::server_config(args)?;
    let buffers = Buffers {
        incoming: vec![0; RECORD + READ],
        plain: Vec::with_capacity(RECORD + READ),
        outgoing: Outgoing {
            room: vec![0; 2 * (RECORD + READ)],
            used: 0,
        },
    };
    by_hand::serve(args, buffers, |socket| {
        Ok(Connection {
            socket,
            tls: UnbufferedServerConnection::new(config.clone())?,
            kept: Vec::new(),
            unsent: Vec::new(),
        })
    })
}

impl by_hand::Connection for Connection {
    type Buffers = Buffers;

    fn ready(&mut self, buffers: &mut Buffers, _: bool) -> io::Result<()> {
        self.flush()?;
        while self.unsent.is_empty() {
            let kept = self.kept.len();
            let room = buffers.incoming.get_mut(kept..kept + READ);
            let room = room.ok_or(ErrorKind::InvalidData)?;
            let count = match unless_blocked(self.socket.read(room))? {
                Some(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Some(count) => count,
                None => return Ok(()),
            };
            buffers.incoming[..kept].copy_from_slice(&self.kept);
            let used = self.process(kept + count, buffers)?;
            self.keep(&buffers.incoming[used..kept + count]);
            self.send(&mut buffers.outgoing)?;
            if count < READ {
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Connection {
    /// How much of what has come is used up.
    fn process(&mut self, end: usize, buffers: &mut Buffers) -> io::Result<usize> {
        let Buffers {
            incoming,
            plain,
            outgoing,
        } = buffers;
        let mut used = 0;
        loop {
            let status = self.tls.process_tls_records(&mut incoming[used..end]);
            used += status.discard;
            match status.state.map_err(invalid)? {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(invalid)?;
                        plain.extend_from_slice(record.payload);
                        used += record.discard;
                    }
                }
                ConnectionState::WriteTraffic(_) if plain.is_empty() => return Ok(used),
                ConnectionState::WriteTraffic(mut traffic) => {
                    outgoing.used += traffic.encrypt(plain, outgoing.rest()).map_err(invalid)?;
                    plain.clear();
                }
                ConnectionState::EncodeTlsData(mut handshake) => {
                    outgoing.used += handshake.encode(outgoing.rest()).map_err(invalid)?;
                }
                // Sent with the rest.
                ConnectionState::TransmitTlsData(flight) => flight.done(),
                ConnectionState::BlockedHandshake => return Ok(used),
                _ => return Err(ErrorKind::UnexpectedEof.into()),
            }
        }
    }

    fn keep(&mut self, rest: &[u8]) {
        self.kept.clear();
        if rest.is_empty() {
            // An idle connection holds no buffer.
            self.kept = Vec::new();
        } else {
            self.kept.extend_from_slice(rest);
        }
    }

    fn send(&mut self, outgoing: &mut Outgoing) -> io::Result<()> {
        let data = &outgoing.room[..std::mem::take(&mut outgoing.used)];
        if data.is_empty() {
            return Ok(());
        }
        let sent = unless_blocked(self.socket.write(data))?.unwrap_or(0);
        self.unsent.extend_from_slice(&data[sent..]);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.unsent.is_empty() {
            let sent = unless_blocked(self.socket.write(&self.unsent))?.unwrap_or(0);
            self.unsent.drain(..sent);
        }
        Ok(())
    }
}

impl Outgoing {
    fn rest(&mut self) -> &mut [u8] {
        &mut self.room[self.used..]
    }
}

fn invalid(error: impl std::error::Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error.to_string())
}
