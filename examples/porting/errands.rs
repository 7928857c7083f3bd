//! A prompt for errands: each command is a line, and some take their time.

use std::error::Error;

use retwist::deferred::DialerExt;
use retwist::endpoint::{Network, client_from_string};
use retwist::protocols::{Framed, LineReceiver, LineTransport, Lines, WeakReceiver};
use retwist::{Reactor, ReactorHandle, Reason, StandardIo};

struct Counter {
    reactor: ReactorHandle,
    network: Network,
}

impl LineReceiver for Counter {
    fn connection_made(&mut self, transport: &LineTransport) {
        transport.send_line("at your service");
    }

    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let (command, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match command {
            "help" => transport.send_line("ask ENDPOINT, help, quit"),
            "quit" => {
                transport.send_line("goodbye");
                transport.lose_connection();
            }
            "ask" => self.ask(transport, rest),
            other => transport.send_line(format!("no such errand: {other}")),
        }
    }

    fn connection_lost(&mut self, _: &Reason) {
        self.reactor.stop();
    }
}

impl Counter {
    /// Brings the first line that a server says.
    fn ask(&mut self, transport: &LineTransport, place: &str) {
        let counter = transport.me(self);
        let failed = "there is no answer";
        let Ok(endpoint) = client_from_string(place) else {
            return transport.send_line(failed);
        };
        let first_line = Framed::lines(FirstLine(counter.clone()));
        let connecting = endpoint.on(&self.network).connect_to(first_line);
        connecting.done(move |connected| {
            if connected.is_err() {
                counter.call(move |_, transport| transport.send_line(failed));
            }
        });
    }
}

struct FirstLine(WeakReceiver<Lines, Counter>);

impl LineReceiver for FirstLine {
    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        let answer = [b"it says: ", line].concat();
        self.0.call(move |_, transport| transport.send_line(answer));
        transport.lose_connection();
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let reactor = Reactor::new()?;
    let counter = Counter {
        reactor: reactor.handle(),
        network: Network::new(&reactor),
    };
    reactor.open_standard_io(
        StandardIo::new(),
        Framed::new(Lines::delimited_by(b"\n"), counter),
    )?;
    Ok(reactor.run()?)
}
