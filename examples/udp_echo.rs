//! Sends each datagram back to its sender.
//!
//! ```text
//! cargo run --release --example udp_echo
//! echo hello | nc -u -w1 127.0.0.1 8007
//! ```

mod support;

use std::process::ExitCode;

use lexopt::{Arg, ValueExt};
use retwist::endpoint::datagram_from_string;
use retwist::{Address, DatagramProtocol, DatagramTransport};

const HELP: &str = "
Sends each datagram back to its sender. With RUST_LOG=info it says which ones.

Usage: udp_echo [ENDPOINT...]

ENDPOINT      where to receive datagrams; default udp:8007:interface=127.0.0.1
";

const DEFAULT: &str = "udp:8007:interface=127.0.0.1";

struct Echo;

impl DatagramProtocol for Echo {
    fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], from: &Address) {
        log::info!("{} bytes from {from}", data.len());
        // The answers to all datagrams of a turn go out together, most of them in one system call.
        transport.send_to(data, from);
    }
}

fn main() -> ExitCode {
    support::main_about(HELP, support::DATAGRAMS, |reactor, mut arguments| {
        let mut endpoints = Vec::new();
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Value(text) => endpoints.push(datagram_from_string(&text.string()?)?),
                other => return Err(other.unexpected().into()),
            }
        }
        if endpoints.is_empty() {
            endpoints.push(datagram_from_string(DEFAULT)?);
        }
        for endpoint in &endpoints {
            support::listen_datagrams(reactor, endpoint, Echo)?;
        }
        Ok(())
    })
}
