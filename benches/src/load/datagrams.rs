use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use crate::args::{Args, Result};
use crate::listener;
use crate::pattern::Pattern;

/// One client over UDP: sends as many datagrams as may be in flight, waits for all of them, and
/// begins again.
pub(super) struct Datagrams<'a> {
    args: &'a Args,
    socket: UdpSocket,
    pattern: Pattern,
}

impl<'a> Datagrams<'a> {
    /// A client that has talked once.
    pub(super) fn new(args: &'a Args) -> Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(listener::local(args.port))?;
        socket.set_read_timeout(Some(Duration::from_secs(20)))?;
        let client = Datagrams {
            args,
            socket,
            pattern: Pattern::new(args.size),
        };
        client.exchange(0, 1)?;
        Ok(client)
    }

    /// One window; returns how many came back.
    pub(super) fn window(&self) -> Result<u64> {
        let end = Instant::now() + Duration::from_secs_f64(self.args.seconds);
        let mut done = 0;
        loop {
            let left = match self.args.messages {
                0 if Instant::now() >= end => 0,
                0 => self.args.depth as u64,
                messages => messages - done,
            };
            if left == 0 {
                return Ok(done);
            }
            let count = left.min(self.args.depth as u64);
            self.exchange(done, count)?;
            done += count;
        }
    }

    /// Sends `count` datagrams, the first of them number `first`, and gets them back in order.
    fn exchange(&self, first: u64, count: u64) -> Result<()> {
        for number in first..first + count {
            self.socket
                .send(self.pattern.piece(number, self.args.size))?;
        }
        let mut buffer = vec![0; self.args.size + 1];
        for number in first..first + count {
            let length = self.socket.recv(&mut buffer)?;
            if length != self.args.size {
                return Err(format!("a datagram of {length} bytes came back").into());
            }
            self.pattern.check(number, &buffer[..length])?;
        }
        Ok(())
    }
}
