//! Forwarding over mio, by hand: what comes on one side is copied to the other, 64 KiB at a time,
//! and a side is not read while the other one has not taken what came before.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use retwist_benches::args::{Args, Result};
use retwist_benches::listener;
use slab::Slab;

use crate::by_hand::{accept, register, unless_blocked, wait};

const LISTENER: Token = Token(usize::MAX);

/// Two sides, whose tokens are twice the place of the pair, and one more.
struct Pair([Side; 2]);

struct Side {
    socket: TcpStream,
    /// There may be something to read.
    readable: bool,
    /// All has been read.
    ended: bool,
    /// What this side did not take yet.
    unsent: Vec<u8>,
}

pub(crate) fn serve(args: &Args) -> Result<()> {
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::from_std(listener::bind(args.port)?);
    let registry = poll.registry();
    registry.register(&mut listener, LISTENER, Interest::READABLE)?;
    listener::listening(listener.local_addr()?);
    let mut pairs: Slab<Pair> = Slab::new();
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        wait(&mut poll, &mut events)?;
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, |inbound| {
                    let outbound = TcpStream::connect(listener::local(args.to))?;
                    outbound.set_nodelay(true)?;
                    let entry = pairs.vacant_entry();
                    let mut pair = Pair([Side::new(inbound), Side::new(outbound)]);
                    for (at, side) in pair.0.iter_mut().enumerate() {
                        register(&poll, &mut side.socket, 2 * entry.key() + at)?;
                    }
                    entry.insert(pair);
                    Ok(())
                })?;
                continue;
            }
            let Token(at) = event.token();
            let Some(pair) = pairs.get_mut(at / 2) else {
                continue;
            };
            pair.0[at % 2].readable |= event.is_readable();
            if pair.ready(&mut buffer).is_err() || pair.0.iter().all(|side| side.ended) {
                pairs.remove(at / 2);
            }
        }
    }
}

impl Side {
    fn new(socket: TcpStream) -> Self {
        Side {
            socket,
            readable: false,
            ended: false,
            unsent: Vec::new(),
        }
    }

    /// Whether all that was for this side has been taken.
    fn flush(&mut self) -> io::Result<bool> {
        if !self.unsent.is_empty() {
            let sent = self.send(&self.unsent)?;
            self.unsent.drain(..sent);
        }
        Ok(self.unsent.is_empty())
    }

    fn send(&self, data: &[u8]) -> io::Result<usize> {
        match unless_blocked((&self.socket).write(data)) {
            // It is not connected yet.
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(0),
            sent => Ok(sent?.unwrap_or(0)),
        }
    }
}

impl Pair {
    fn ready(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let [a, b] = &mut self.0;
        pass(a, b, buffer)?;
        pass(b, a, buffer)
    }
}

fn pass(from: &mut Side, to: &mut Side, buffer: &mut [u8]) -> io::Result<()> {
    while to.flush()? && from.readable && !from.ended {
        let count = match unless_blocked(from.socket.read(buffer))? {
            Some(0) => {
                from.ended = true;
                return to.socket.shutdown(Shutdown::Write);
            }
            Some(count) => count,
            None => 0,
        };
        let sent = to.send(&buffer[..count])?;
        to.unsent.extend_from_slice(&buffer[sent..count]);
        from.readable = count == buffer.len();
    }
    Ok(())
}
