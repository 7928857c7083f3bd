//! Takes all that it is sent and answers nothing: a sink, to measure senders with.
//!
//! ```text
//! cargo run --release --example discard
//! head -c 1G /dev/zero | nc -N 127.0.0.1 8009
//! ```

mod support;

use std::process::ExitCode;

use retwist::{Address, Protocol, Reason, TransportRef, chain};

const HELP: &str = "
Takes all that it is sent and answers nothing. With RUST_LOG=info it says how much came.

Usage: discard [ENDPOINT...]

ENDPOINT   where to listen; tcp:8009:interface=127.0.0.1 if none is given
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
        log::info!("{peer}: {bytes} bytes, {}", chain(reason));
    }
}

fn main() -> ExitCode {
    support::main(HELP, |reactor, arguments| {
        for endpoint in support::servers(arguments, "tcp:8009:interface=127.0.0.1")? {
            support::listen(reactor, &endpoint, |peer: &Address| Discard {
                peer: peer.clone(),
                bytes: 0,
            })?;
        }
        Ok(())
    })
}
