//! Talks to a server from a terminal, or in a pipe.
//!
//! ```text
//! cargo run --release --example stdio -- tcp:127.0.0.1:8007
//! printf 'hello\n' | cargo run --release --example stdio -- tls:example.org:443
//! ```
//!
//! What comes on standard input goes to the server, and what the server says to standard output.
//! The end of the input is told to the server, which may go on to answer; when the server closes, the
//! program ends.

#[cfg(unix)]
mod support;

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    client::main()
}

#[cfg(not(unix))]
fn main() {
    println!("standard input and output are a transport on UNIX");
}

#[cfg(unix)]
mod client {
    use std::cell::{Cell, RefCell};
    use std::process::ExitCode;
    use std::rc::Rc;

    use lexopt::{Arg, ValueExt};
    use retwist::deferred::Dialer;
    use retwist::endpoint::{Network, client_from_string};
    use retwist::protocols::{Policy, Relay, RelayBroken, Tap, TapEvent};
    use retwist::{
        ProtocolRef, Reactor, ReactorHandle, Reason, StandardIo, TransportRef, error_chain,
    };

    use crate::support::{self, client::Outcome};

    const HELP: &str = "
Sends standard input to a server, and prints what the server says, until both have ended.

Usage: stdio ENDPOINT

ENDPOINT   the server, such as tcp:127.0.0.1:8007 or tls:example.org:443

Exits with 0 when both sides have ended in order, with 1 when the server cannot be reached or the connection breaks, and
with 2 for a mistake in the arguments.
";

    /// The two streams: standard input and output, and the connection with the server.
    struct Both {
        reactor: ReactorHandle,
        outcome: Outcome,
        open: Cell<usize>,
        standard: RefCell<Option<TransportRef>>,
    }

    impl Both {
        /// Adds what this program has to know of a stream.
        fn watched(self: &Rc<Self>, name: &'static str, protocol: Relay) -> ProtocolRef {
            let both = self.clone();
            let tap = Tap::new().to(move |_, event| match event {
                TapEvent::Made => both.open.set(both.open.get() + 1),
                // The server has said all: what it gets from now on has no answer.
                TapEvent::ReadLost if name == SERVER => both.close_standard(),
                TapEvent::Lost(reason) => both.ended(name, reason),
                _ => {}
            });
            tap.wrap(protocol)
        }

        fn close_standard(&self) {
            if let Some(standard) = &*self.standard.borrow() {
                standard.lose_connection();
            }
        }

        fn ended(&self, name: &str, reason: &Reason) {
            // The side that broke says why. The other one follows.
            if !reason.is_clean() && reason.downcast_ref::<RelayBroken>().is_none() {
                self.fail(&format!("{name}: {}", error_chain(reason)));
            }
            self.open.set(self.open.get().saturating_sub(1));
            if self.open.get() == 0 {
                self.reactor.stop();
            }
        }

        fn fail(&self, fault: &str) {
            log::error!("{fault}");
            self.outcome.fail();
        }
    }

    const SERVER: &str = "the server";

    /// Connects, and then opens standard input and output, of which nothing is read before.
    fn begin(reactor: &Reactor, server: &impl Dialer, outcome: &Outcome) {
        let both = Rc::new(Both {
            reactor: reactor.handle(),
            outcome: outcome.clone(),
            open: Cell::new(0),
            standard: RefCell::default(),
        });
        let (near, far) = Relay::pair();
        let near = both.watched("standard input and output", near);
        let connecting = server.connect(both.watched(SERVER, far));
        connecting.done(move |connected| {
            if let Err(failure) = connected {
                both.fail(&format!("cannot connect: {}", error_chain(&failure)));
                return both.reactor.stop();
            }
            match both.reactor.open_standard_io(StandardIo::new(), near) {
                Ok(transport) => *both.standard.borrow_mut() = Some(transport),
                Err(error) => {
                    both.fail(&error_chain(&error));
                    both.reactor.stop();
                }
            }
        });
    }

    pub(super) fn main() -> ExitCode {
        let outcome = Outcome::default();
        let ended = support::main(HELP, |reactor, mut arguments| {
            let mut server = None;
            while let Some(argument) = arguments.next()? {
                match argument {
                    Arg::Value(text) if server.is_none() => server = Some(text.string()?),
                    other => return Err(other.unexpected().into()),
                }
            }
            let server = server.ok_or("say which server: stdio tcp:127.0.0.1:8007")?;
            let server = client_from_string(&server)?.on(&Network::new(reactor));
            begin(reactor, &server, &outcome);
            Ok(())
        });
        outcome.or(ended)
    }
}
