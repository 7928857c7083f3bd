//! The load generator: one thread, readiness from mio, every byte compared with what was sent.
//!
//! It prints one line: messages (or connections) in the window, and the window's seconds. Before
//! the window it lets every connection talk once. `go` on standard output marks the start of the
//! window and the last line its end, for a runner that reads the server's clock.

use std::io::{BufRead, ErrorKind, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::args::{Args, Result};
use crate::pattern;

mod wire;
use wire::{Dialer, Wire};

struct Conversation {
    wire: Wire,
    sent: u64,
    received: u64,
}

struct Load<'a> {
    args: &'a Args,
    dialer: Dialer,
    poll: Poll,
    table: Vec<u8>,
    buffer: Vec<u8>,
    /// Messages that have come back whole.
    done: u64,
    /// Messages that may still be sent.
    left: u64,
}

pub fn run(args: &Args) -> Result<()> {
    let mut load = Load {
        args,
        dialer: Dialer::new(SocketAddr::from(([127, 0, 0, 1], args.port)), args)?,
        poll: Poll::new()?,
        table: match args.workload.as_str() {
            "lines" => b"0123456789abcdefgh\r\n".repeat(args.size / 20),
            _ => pattern::table(args.size * args.depth),
        },
        buffer: vec![0; 256 * 1024],
        done: 0,
        left: 0,
    };
    match args.workload.as_str() {
        "echo" => load.echo(),
        "churn" => load.churn(),
        "idle" => load.idle(),
        "sink" | "lines" => load.sink(),
        other => Err(format!("there is no workload {other}").into()),
    }
}

impl Load<'_> {
    /// Connects, and lets everyone talk once, a few at a time: the server's queue of connections
    /// has its limit.
    fn warm(&mut self) -> Result<Vec<Conversation>> {
        let mut all = Vec::new();
        while all.len() < self.args.connections {
            let count = (self.args.connections - all.len()).min(500);
            let mut some = self.connect(all.len(), count)?;
            self.left = count as u64;
            let goal = self.done + self.left;
            for conversation in &mut some {
                self.write(conversation, 1)?;
            }
            all.append(&mut some);
            self.pump(&mut all, goal, None)?;
        }
        Ok(all)
    }

    fn connect(&mut self, from: usize, count: usize) -> Result<Vec<Conversation>> {
        let mut some = Vec::new();
        for at in 0..count {
            let mut wire = self.dialer.dial()?;
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll
                .registry()
                .register(wire.socket(), Token(from + at), interest)?;
            some.push(Conversation {
                wire,
                sent: 0,
                received: 0,
            });
        }
        Ok(some)
    }

    fn echo(&mut self) -> Result<()> {
        let mut all = self.warm()?;
        self.done = 0;
        self.left = match self.args.messages {
            0 => u64::MAX,
            messages => messages,
        };
        let end = (self.args.messages == 0).then(|| Duration::from_secs_f64(self.args.seconds));
        say("go");
        let start = Instant::now();
        let talking = match self.args.talking {
            0 => all.len(),
            some => some,
        };
        for conversation in all.iter_mut().take(talking) {
            let depth = (self.args.depth as u64).min(self.left);
            self.write(conversation, depth)?;
        }
        let goal = match self.args.messages {
            0 => u64::MAX,
            messages => messages,
        };
        self.pump(&mut all, goal, end.map(|end| start + end))?;
        self.report(start);
        self.rest()
    }

    fn report(&self, start: Instant) {
        say(&format!("{} {}", self.done, start.elapsed().as_secs_f64()));
    }

    /// Until the runner has read what it wants to read of the server.
    fn rest(&self) -> Result<()> {
        std::io::stdin().lock().lines().next();
        Ok(())
    }

    fn idle(&mut self) -> Result<()> {
        let _all = self.warm()?;
        say("go");
        self.rest()
    }

    /// Sends as fast as the server takes it.
    fn sink(&mut self) -> Result<()> {
        let mut all = self.connect(0, self.args.connections)?;
        say("go");
        let start = Instant::now();
        let end = start + Duration::from_secs_f64(self.args.seconds);
        let mut events = Events::with_capacity(64);
        while self.done < self.args.messages || self.args.messages == 0 && Instant::now() < end {
            for conversation in &mut all {
                conversation.wire.flush()?;
                if conversation.wire.unsent() == 0 {
                    conversation.wire.send(&self.table[..self.args.size])?;
                    self.done += 1;
                }
            }
            if all
                .iter()
                .all(|conversation| conversation.wire.unsent() > 0)
            {
                self.poll
                    .poll(&mut events, Some(Duration::from_millis(50)))?;
            }
        }
        for conversation in &mut all {
            while conversation.wire.unsent() > 0 {
                conversation.wire.flush()?;
            }
            conversation.wire.finish()?;
        }
        self.report(start);
        self.rest()
    }

    fn write(&mut self, conversation: &mut Conversation, messages: u64) -> Result<()> {
        let messages = messages.min(self.left);
        if messages == 0 {
            return Ok(());
        }
        self.left -= messages;
        let from = pattern::at(conversation.sent);
        let length = messages as usize * self.args.size;
        conversation.sent += length as u64;
        conversation.wire.send(&self.table[from..from + length])
    }

    /// Answers what comes back with the next messages, until the goal is reached, or the end.
    fn pump(&mut self, all: &mut [Conversation], goal: u64, end: Option<Instant>) -> Result<()> {
        let mut events = Events::with_capacity(1024);
        while self.done < goal && end.is_none_or(|end| Instant::now() < end) {
            self.poll
                .poll(&mut events, Some(Duration::from_millis(100)))
                .or_else(interrupted)?;
            for event in &events {
                let Some(conversation) = all.get_mut(event.token().0) else {
                    continue;
                };
                conversation.wire.flush()?;
                if event.is_readable() {
                    self.read(conversation)?;
                }
            }
        }
        Ok(())
    }

    fn read(&mut self, conversation: &mut Conversation) -> Result<()> {
        loop {
            let count = match conversation.wire.receive(&mut self.buffer) {
                Ok(0) => return Err("the server closed".into()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let size = self.args.size as u64;
            let before = conversation.received / size;
            check(&self.table, conversation.received, &self.buffer[..count])?;
            conversation.received += count as u64;
            let whole = conversation.received / size - before;
            self.done += whole;
            if whole > 0 {
                self.write(conversation, whole)?;
            }
            if count < self.buffer.len() && !conversation.wire.has_more() {
                return Ok(());
            }
        }
    }

    /// Connects, has one message echoed, closes; so many at a time as there are connections.
    fn churn(&mut self) -> Result<()> {
        self.left = u64::MAX;
        say("go");
        let start = Instant::now();
        let end = start + Duration::from_secs_f64(self.args.seconds);
        let goal = match self.args.messages {
            0 => u64::MAX,
            messages => messages,
        };
        let mut slots = self.connect(0, self.args.connections)?;
        for conversation in &mut slots {
            self.write(conversation, 1)?;
        }
        let mut events = Events::with_capacity(1024);
        while self.done < goal && (self.args.messages > 0 || Instant::now() < end) {
            self.poll
                .poll(&mut events, Some(Duration::from_millis(100)))
                .or_else(interrupted)?;
            for event in &events {
                let at = event.token().0;
                let before = self.done;
                self.left = 0;
                slots[at].wire.flush()?;
                if event.is_readable() {
                    self.read(&mut slots[at])?;
                }
                self.left = u64::MAX;
                if self.done > before && self.done < goal {
                    let mut fresh = self.connect(at, 1)?.remove(0);
                    self.write(&mut fresh, 1)?;
                    let old = std::mem::replace(&mut slots[at], fresh);
                    old.wire.close();
                }
            }
        }
        self.report(start);
        self.rest()
    }
}

fn check(table: &[u8], position: u64, data: &[u8]) -> Result<()> {
    let mut position = position;
    let mut data = data;
    while !data.is_empty() {
        let from = pattern::at(position);
        let length = data.len().min(table.len() - from);
        let (head, tail) = data.split_at(length);
        if head != &table[from..from + length] {
            return Err(format!("a wrong byte came back, behind byte {position}").into());
        }
        position += length as u64;
        data = tail;
    }
    Ok(())
}

fn interrupted(error: std::io::Error) -> std::io::Result<()> {
    match error.kind() {
        ErrorKind::Interrupted => Ok(()),
        _ => Err(error),
    }
}

fn say(line: &str) {
    println!("{line}");
    let _ = std::io::stdout().flush();
}
