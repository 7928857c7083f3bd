//! Repeats each line of standard input behind a prompt, as a first program for a terminal.

use std::error::Error;

use retwist::protocols::{Framed, LineReceiver, LineTransport, Lines};
use retwist::{Reactor, ReactorHandle, Reason, StandardIo};

struct Parrot {
    reactor: ReactorHandle,
}

impl LineReceiver for Parrot {
    fn connection_made(&mut self, transport: &LineTransport) {
        transport.write(b"? ");
    }

    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        transport.send_line([line, b"! ", line, b"!"].concat());
        transport.write(b"? ");
    }

    fn connection_lost(&mut self, _: &Reason) {
        self.reactor.stop();
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let reactor = Reactor::new()?;
    let parrot = Parrot {
        reactor: reactor.handle(),
    };
    reactor.open_standard_io(
        StandardIo::new(),
        Framed::new(Lines::delimited_by(b"\n"), parrot),
    )?;
    Ok(reactor.run()?)
}
