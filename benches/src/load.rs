//! The load generator: one thread, readiness from mio, every byte compared with what was sent.
//!
//! When everyone is connected and has talked once it prints `ready`. For each line on standard
//! input it makes one window of load, and then prints how many messages (or connections, where each
//! message has one of its own) came back in it, and how many seconds it took. All that a window
//! sends has come back when it ends, so between windows nothing is under way.

use std::io::{BufRead, ErrorKind, Write};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::args::{Args, Result};
use crate::pattern::Pattern;

mod conversation;
mod datagrams;
mod lines;
mod speech;
pub(crate) mod tickets;
mod wire;

use conversation::Conversation;
use datagrams::Datagrams;
use speech::Speech;
use wire::Dialer;

/// This many connect at a time: the server's queue of connections has its limit.
const AT_A_TIME: usize = 500;

struct Load<'a> {
    args: &'a Args,
    dialer: Dialer,
    poll: Poll,
    pattern: Pattern,
    buffer: Vec<u8>,
    /// Messages that were sent, that have come back whole, and that may still be sent.
    sent: u64,
    done: u64,
    left: u64,
    /// Connections of this window whose TLS session was an earlier one.
    resumed: u64,
    /// Whether it is the first window, which has no earlier session.
    first: bool,
}

/// What follows when this many messages have come back on a connection.
type Next<'a> = fn(&mut Load<'a>, &mut Conversation, u64) -> Result<()>;

pub fn run(args: &Args) -> Result<()> {
    if args.workload == "udp" {
        let client = Datagrams::new(args)?;
        return windows(|| client.window());
    }
    let mut load = Load {
        args,
        dialer: Dialer::new(args)?,
        poll: Poll::new()?,
        pattern: Pattern::new(args.size * args.depth),
        buffer: vec![0; 256 * 1024],
        sent: 0,
        done: 0,
        left: 0,
        resumed: 0,
        first: true,
    };
    let mut all = match args.workload.as_str() {
        "echo" => load.everyone()?,
        "churn" | "lines" => Vec::new(),
        other => return Err(format!("there is no workload {other}").into()),
    };
    windows(|| {
        let before = load.done;
        match args.workload.as_str() {
            "echo" => load.echo(&mut all)?,
            "churn" => load.churn()?,
            _ => load.done += lines::send(args)?,
        }
        Ok(load.done - before)
    })
}

/// A window for each line on standard input; `window` returns how many came back in it.
fn windows(mut window: impl FnMut() -> Result<u64>) -> Result<()> {
    say("ready");
    for line in std::io::stdin().lock().lines() {
        line?;
        let started = Instant::now();
        let done = window()?;
        say(&format!("{done} {}", started.elapsed().as_secs_f64()));
    }
    Ok(())
}

impl<'a> Load<'a> {
    /// Connects, and lets everyone talk once.
    fn everyone(&mut self) -> Result<Vec<Conversation>> {
        let mut all = Vec::new();
        while all.len() < self.args.connections {
            let some = all.len()..self.args.connections.min(all.len() + AT_A_TIME);
            self.left = some.len() as u64;
            for at in some.clone() {
                all.push(self.connect(at)?);
            }
            for conversation in &mut all[some] {
                self.write(conversation, 1)?;
            }
            self.pump(&mut all, None, Load::write)?;
        }
        Ok(all)
    }

    /// One that is known to the poll by its place.
    fn connect(&mut self, at: usize) -> Result<Conversation> {
        let mut wire = self.dialer.dial(at)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        registry.register(wire.socket(), Token(at), interest)?;
        Ok(Conversation::new(at, wire, Speech::new(self.args)?))
    }

    /// Each answer is answered with a message.
    fn echo(&mut self, all: &mut [Conversation]) -> Result<()> {
        let talking = match self.args.talking {
            0 => all.len(),
            some => some,
        };
        let end = self.begin();
        for conversation in &mut all[..talking] {
            self.write(conversation, self.args.depth as u64)?;
        }
        self.pump(all, end, Load::write)
    }

    /// Each answer is followed by a close and a new connection.
    fn churn(&mut self) -> Result<()> {
        let end = self.begin();
        let mut all = Vec::new();
        for at in 0..self.args.connections {
            let mut conversation = self.connect(at)?;
            self.write(&mut conversation, 1)?;
            all.push(conversation);
        }
        let before = self.done;
        self.pump(&mut all, end, Load::replace)?;
        for conversation in all {
            self.close(conversation);
        }
        self.check_resumption(self.done - before)
    }

    /// How much this window may send, and until when.
    fn begin(&mut self) -> Option<Instant> {
        match self.args.messages {
            0 => {
                self.left = u64::MAX;
                Some(Instant::now() + Duration::from_secs_f64(self.args.seconds))
            }
            messages => {
                self.left = messages;
                None
            }
        }
    }

    /// Until all that was sent has come back, and after the end no more is sent.
    fn pump(
        &mut self,
        all: &mut [Conversation],
        end: Option<Instant>,
        next: Next<'a>,
    ) -> Result<()> {
        let mut events = Events::with_capacity(1024);
        while self.done < self.sent {
            if end.is_some_and(|end| Instant::now() >= end) {
                self.left = 0;
            }
            match self.poll.poll(&mut events, Some(Duration::from_secs(20))) {
                Ok(()) if events.is_empty() => return Err("the server does not answer".into()),
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
                _ => {}
            }
            for event in &events {
                let conversation = &mut all[event.token().0];
                conversation.wire.flush()?;
                if event.is_readable() {
                    self.read(conversation, next)?;
                }
            }
        }
        Ok(())
    }

    fn read(&mut self, conversation: &mut Conversation, next: Next<'a>) -> Result<()> {
        loop {
            let count = match conversation.wire.receive(&mut self.buffer) {
                Ok(0) => return Err("the server closed".into()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let received = &self.buffer[..count];
            let whole = conversation.received(received, &self.pattern, self.args.size)?;
            self.done += whole;
            if whole > 0 {
                next(self, conversation, whole)?;
            }
            if count < self.buffer.len() && !conversation.wire.has_more() {
                return Ok(());
            }
        }
    }

    fn write(&mut self, conversation: &mut Conversation, messages: u64) -> Result<()> {
        let messages = messages.min(self.left);
        if messages == 0 {
            return Ok(());
        }
        self.left -= messages;
        self.sent += messages;
        conversation.send(messages, self.args.size, &self.pattern)
    }

    fn replace(&mut self, conversation: &mut Conversation, _: u64) -> Result<()> {
        if self.left == 0 {
            return Ok(());
        }
        let fresh = self.connect(conversation.place)?;
        let old = std::mem::replace(conversation, fresh);
        self.close(old);
        self.write(conversation, 1)
    }

    fn close(&mut self, conversation: Conversation) {
        self.resumed += u64::from(conversation.wire.is_resumed());
        conversation.wire.close();
    }

    /// A figure of resumed handshakes is one only if the server resumes. A few may find that it has
    /// forgotten their session.
    fn check_resumption(&mut self, connections: u64) -> Result<()> {
        let resumed = std::mem::take(&mut self.resumed);
        let first = std::mem::take(&mut self.first);
        if self.args.resume && !first && resumed < connections * 9 / 10 {
            return Err(format!("of {connections} sessions the server resumed {resumed}").into());
        }
        Ok(())
    }
}

fn say(line: &str) {
    println!("{line}");
    let _ = std::io::stdout().flush();
}
