//! Takes all that it is sent and answers nothing: a sink, to measure senders with.
//!
//! ```text
//! cargo run --release --example discard
//! head -c 1G /dev/zero | nc -w 1 127.0.0.1 8009
//! ```

mod support;

use std::process::ExitCode;

use lexopt::{Arg, ValueExt};
use retwist::{
    Address, Protocol, Reason, TransportRef, Worker, WorkerCount, Workers, error_chain, factory,
};

const HELP: &str = "
Takes all that it is sent and answers nothing. With RUST_LOG=info it says how much came.

Usage: discard [ENDPOINT...] [--workers N]

ENDPOINT      where to listen (default: tcp:8009:interface=127.0.0.1)
--workers N   number of reactors, each in a thread of its own, on the same ports; auto: one for each core (default: 1)
";

struct Discard {
    peer: Address,
    bytes: u64,
}

impl Protocol for Discard {
    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        self.bytes += data.len() as u64;
    }

    fn connection_lost(&mut self, reason: &Reason) {
        let (peer, bytes) = (&self.peer, self.bytes);
        log::info!("{peer}: {bytes} bytes, {}", error_chain(reason));
    }
}

fn main() -> ExitCode {
    support::serve(HELP, |mut arguments| {
        let mut endpoints = Vec::new();
        let mut workers = WorkerCount::default();
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Value(endpoint) => endpoints.push(endpoint.string()?),
                Arg::Long("workers") => workers = support::value(&mut arguments, "--workers")?,
                other => return Err(other.unexpected().into()),
            }
        }
        let endpoints = support::servers_from(&endpoints, "tcp:8009:interface=127.0.0.1")?;
        Ok((Workers::new(workers), move |worker: &Worker| {
            for endpoint in &endpoints {
                let discards = factory(|peer| Discard {
                    peer: peer.clone(),
                    bytes: 0,
                });
                endpoint.listen_factory(worker, support::patient(discards))?;
            }
            Ok(())
        }))
    })
}
