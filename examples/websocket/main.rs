//! A chat in the browser: a page, and the WebSocket that it opens, on one port.
//!
//! ```text
//! cargo run --release --example websocket
//! cargo run --release --example websocket -- tls:8443:privateKey=both.pem
//! ```
//!
//! A callback protocol at the door (`door.rs`) reads an HTTP request and answers it. If the request
//! is for a WebSocket, the live connection goes over to async code, with the bytes that came behind
//! the request: a WebSocket library runs on it there (`guest.rs`), and what its guest says is heard
//! by all (`room.rs`).

mod door;
mod guest;
mod room;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::time::Duration;

use retwist::deferred::Executor;
use retwist::protocols::{FactoryPolicy, Framed, Timeout};
use retwist::{FactoryRef, Phase, SystemEvent, factory};

use crate::door::Door;
use crate::room::Room;

const HELP: &str = "
A chat in the browser, by WebSocket.

Usage: websocket [ENDPOINT...]

ENDPOINT   where to listen (default: tcp:8009:interface=127.0.0.1). The page is at / there

When the program stops, drains or is replaced, all guests hear it at once (1001), and may come again.
";

/// A guest is asked for a sign of life every half minute.
const SILENCE: Duration = Duration::from_secs(90);

/// How long a request may take. A guest who was let in may stay.
const REQUEST: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    support::main(HELP, |reactor, arguments| {
        let executor = Executor::new(reactor);
        let (room, tasks) = (Room::new(reactor.clock()), executor.spawner());
        let goodbye = room.clone();
        reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move |hold| {
            goodbye.close_and_hold(hold);
        });
        let drained = room.clone();
        reactor.add_system_event_trigger(Phase::During, SystemEvent::Drain, move |_| {
            drained.close();
        });
        // It lives as long as the reactor does.
        reactor.add_system_event_trigger(Phase::After, SystemEvent::Shutdown, |_| drop(executor));
        let doors = factory(move |_| Framed::lines(Door::new(room.clone(), tasks.clone())));
        let patient = Timeout::new().idle(SILENCE).total(REQUEST);
        let factory = FactoryRef::from(patient.factory(doors));
        for endpoint in support::servers(arguments, "tcp:8009:interface=127.0.0.1")? {
            support::listen(reactor, &endpoint, factory.clone())?;
        }
        Ok(())
    })
}
