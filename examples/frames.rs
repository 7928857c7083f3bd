//! Sends each message back in the framing that it came in.
//!
//! ```text
//! cargo run --release --example frames -- --framing netstring --max 1000
//! printf '5:hello,' | nc -N 127.0.0.1 8012
//! ```
//!
//! The protocol is four lines long, and the same for all framings. A message that is longer than
//! the maximum, or is none, ends the connection before it is waited for.

mod support;

use std::process::ExitCode;

use lexopt::{Arg, ValueExt};
use retwist::protocols::{
    Frame, FrameReceiver, FrameTransport, Framed, Framing, Int8Strings, Int16Strings, Int32Strings,
    LengthLimitExceeded, Lines, Netstrings, StringTooLong,
};
use retwist::{FactoryRef, Reason, TransportRef, Worker, Workers};
use support::Mistake;

const HELP: &str = "
Sends each message back in the framing that it came in.

Usage: frames [ENDPOINT...] [--workers N] [--framing NAME] [--max BYTES]

ENDPOINT         where to listen; tcp:8012:interface=127.0.0.1 if none is given
--workers N      as many reactors, each in a thread of its own, on the same ports; 1 if it is not given
--framing NAME   line (ended by LF or CRLF), netstring, int8, int16 or int32 (a length before each
                 message); line if it is not given
--max BYTES      how long a message may be; 16384 if it is not given
";

struct Echo;

impl<F: Framing> FrameReceiver<F> for Echo {
    fn frame_received(&mut self, transport: &FrameTransport<F>, frame: &[u8]) {
        if let Err(error) = transport.send(frame) {
            log::error!("{error}");
        }
    }

    fn connection_lost(&mut self, reason: &Reason) {
        log::info!("{reason}");
    }
}

/// Lines as both kinds of clients send them: a CR before the LF is handed over with the line, so
/// that it is sent back, and does not count.
struct AnyLines {
    lines: Lines,
    max: usize,
}

impl AnyLines {
    fn new(max: usize) -> Self {
        let lines = Lines::delimited_by(b"\n").limit(max.saturating_add(1));
        AnyLines { lines, max }
    }
}

impl Framing for AnyLines {
    type Error = LengthLimitExceeded;

    fn find(&self, bytes: &[u8], seen: usize) -> Result<Option<Frame>, LengthLimitExceeded> {
        let found = self.lines.find(bytes, seen)?;
        let line = found.as_ref().map(|frame| &bytes[frame.unit.clone()]);
        match line {
            Some(line) if line.len() > self.max && !line.ends_with(b"\r") => {
                Err(LengthLimitExceeded { limit: self.max })
            }
            _ => Ok(found),
        }
    }

    fn send(&self, transport: &TransportRef, line: &[u8]) -> Result<(), StringTooLong> {
        self.lines.send(transport, line)
    }
}

/// What makes a protocol for each connection: `framing` makes the framing of one.
fn echo<F: Framing>(framing: impl Fn() -> F + 'static) -> FactoryRef {
    retwist::factory(move |_| Framed::new(framing(), Echo)).into()
}

/// The same, for the framing of this name.
fn factory(framing: &str, max: usize) -> Result<FactoryRef, Mistake> {
    Ok(match framing {
        "line" => echo(move || AnyLines::new(max)),
        "netstring" => echo(move || Netstrings::new().limit(max)),
        "int8" => echo(move || Int8Strings::new().limit(max)),
        "int16" => echo(move || Int16Strings::new().limit(max)),
        "int32" => echo(move || Int32Strings::new().limit(max)),
        other => {
            let names = "line, netstring, int8, int16 and int32";
            return Err(format!("there is no framing {other:?}, only {names}").into());
        }
    })
}

fn main() -> ExitCode {
    support::serve(HELP, |mut arguments| {
        let mut endpoints = Vec::new();
        let mut workers = 1;
        let mut framing = "line".to_owned();
        let mut max = 16_384;
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Value(endpoint) => endpoints.push(endpoint.string()?),
                Arg::Long("workers") => workers = arguments.value()?.parse()?,
                Arg::Long("framing") => framing = arguments.value()?.string()?,
                Arg::Long("max") => max = arguments.value()?.parse()?,
                other => return Err(other.unexpected().into()),
            }
        }
        let endpoints = support::servers_from(&endpoints, "tcp:8012:interface=127.0.0.1")?;
        Ok((Workers::new(workers), move |worker: &Worker| {
            let factory = factory(&framing, max)?;
            for endpoint in &endpoints {
                endpoint.listen_factory(worker, factory.clone())?;
            }
            Ok(())
        }))
    })
}
