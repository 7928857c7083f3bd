//! Sends back what it is sent: the server of the README.
//!
//! ```text
//! cargo run --release --example echo
//! cargo run --release --example echo -- tcp:8007:interface=127.0.0.1 'tcp6:8007:interface=\:\:1'
//! ```
//!
//! Then type something into `nc -N 127.0.0.1 8007`.

mod support;

use std::process::ExitCode;

use retwist::{Address, Protocol, Reason, TransportRef};

const HELP: &str = "
Sends back what it is sent, until the client closes.

Usage: echo [ENDPOINT...]

ENDPOINT   where to listen; tcp:8007:interface=127.0.0.1 if none is given
";

struct Echo;

impl Protocol for Echo {
    fn connection_made(&mut self, transport: &TransportRef) {
        log::info!("{} is connected", transport.peer());
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        // That is all. A client that does not read what it gets is soon read no further, and one that closes its write half still
        // gets everything before we close.
        transport.write(data);
    }

    fn connection_lost(&mut self, reason: &Reason) {
        log::info!("{reason}");
    }
}

fn main() -> ExitCode {
    support::main(HELP, |reactor, arguments| {
        for endpoint in support::servers(arguments, "tcp:8007:interface=127.0.0.1")? {
            support::listen(reactor, &endpoint, |_: &Address| Echo)?;
        }
        Ok(())
    })
}
