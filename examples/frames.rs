//! Sends each message back in the framing that it came in.
//!
//! ```text
//! cargo run --release --example frames -- --framing netstring --max 1000
//! printf '5:hello,' | nc -w 1 127.0.0.1 8012
//! ```
//!
//! The protocol is four lines long, and the same for all framings. A message that is longer than
//! the maximum, or is not valid, ends the connection before all of it arrives.

mod support;

use std::process::ExitCode;
use std::time::Duration;

use lexopt::{Arg, ValueExt};
use retwist::protocols::{
    ByteFraming, FrameReceiver, FrameTransport, Framed, Int8Strings, Int16Strings, Int32Strings,
    Lines, Netstrings,
};
use retwist::{FactoryRef, Reason, Worker, WorkerCount, Workers};
use support::Mistake;

const HELP: &str = "
Sends each message back in the framing that it came in.

Usage: frames [ENDPOINT...] [--workers N] [--framing NAME] [--max BYTES]

ENDPOINT         where to listen (default: tcp:8012:interface=127.0.0.1)
--workers N      number of reactors, each in a thread of its own, on the same ports; auto: one for each core (default: 1)
--framing NAME   line (received with LF or CRLF, sent with CRLF), netstring, int8, int16 or int32
                 (a length before each message) (default: line)
--max BYTES      maximum length of a message (default: 16384)

A message that has begun has to be complete within a minute.
";

/// How long a message may take from its first byte to its last.
const LIMIT: Duration = Duration::from_secs(60);

struct Echo;

impl<F: ByteFraming> FrameReceiver<F> for Echo {
    fn frame_received(&mut self, transport: &FrameTransport<F>, frame: &[u8]) {
        if let Err(error) = transport.send(frame) {
            log::error!("{error}");
        }
    }

    fn connection_lost(&mut self, reason: &Reason) {
        log::info!("{reason}");
    }
}

/// The factory whose protocols use what `framing` returns.
fn echo<F: ByteFraming>(framing: impl Fn() -> F + 'static) -> FactoryRef {
    retwist::factory(move |_| Framed::new(framing(), Echo).frame_timeout(LIMIT)).into()
}

/// The factory for the framing of this name.
fn factory(framing: &str, max: usize) -> Result<FactoryRef, Mistake> {
    Ok(match framing {
        "line" => echo(move || Lines::lf_or_crlf().limit(max)),
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
        let mut workers = WorkerCount::default();
        let mut framing = "line".to_owned();
        let mut max = 16_384;
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Value(endpoint) => endpoints.push(endpoint.string()?),
                Arg::Long("workers") => workers = support::value(&mut arguments, "--workers")?,
                Arg::Long("framing") => framing = arguments.value()?.string()?,
                Arg::Long("max") => max = support::value(&mut arguments, "--max")?,
                other => return Err(other.unexpected().into()),
            }
        }
        let endpoints = support::servers_from(&endpoints, "tcp:8012:interface=127.0.0.1")?;
        Ok((Workers::new(workers), move |worker: &Worker| {
            let factory = FactoryRef::from(support::patient(factory(&framing, max)?));
            for endpoint in &endpoints {
                endpoint.listen_factory(worker, factory.clone())?;
            }
            Ok(())
        }))
    })
}
