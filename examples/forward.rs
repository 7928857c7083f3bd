//! A TCP proxy: each connection that comes in is joined with one that goes out.
//!
//! ```text
//! cargo run --release --example echo &
//! cargo run --release --example forward -- tcp:8010:interface=127.0.0.1 tcp:127.0.0.1:8007
//! ```
//!
//! Neither side is read faster than the other one takes it, and the end of one side's input is the end of the other side's, no
//! more: a client may close its write half and still get its answer.

mod support;

use std::cell::Cell;
use std::process::ExitCode;

use lexopt::{Arg, ValueExt};
use retwist::Address;
use retwist::endpoint::{client_from_string, server_from_string};
use retwist::protocols::Relay;

const HELP: &str = "
Joins each connection that comes in with one that it makes.

Usage: forward [LISTEN [CONNECT]]

LISTEN    where to listen; tcp:8010:interface=127.0.0.1 if it is not given
CONNECT   what to connect to; tcp:127.0.0.1:8007 if it is not given
";

fn main() -> ExitCode {
    support::main(HELP, |reactor, mut arguments| {
        let mut endpoints = Vec::new();
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Value(endpoint) if endpoints.len() < 2 => endpoints.push(endpoint.string()?),
                other => return Err(other.unexpected().into()),
            }
        }
        let mut endpoints = endpoints.iter().map(String::as_str);
        let listen =
            server_from_string(endpoints.next().unwrap_or("tcp:8010:interface=127.0.0.1"))?;
        let connect = client_from_string(endpoints.next().unwrap_or("tcp:127.0.0.1:8007"))?;

        let handle = reactor.handle();
        support::listen(reactor, &listen, move |_: &Address| {
            let (inbound, outbound) = Relay::pair();
            // The way out is begun here; `inbound` reads nothing before it is open, and closes if it cannot be opened.
            let outbound = Cell::new(Some(outbound));
            connect.connect(&handle, move |_: &Address| outbound.take());
            inbound
        })
    })
}
