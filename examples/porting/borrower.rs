//! Borrows files, and shows the beginning of each.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read};
use std::rc::Rc;

use retwist::protocols::{Framed, LineReceiver, LineTransport};
use retwist::{
    Address, ConnectError, Connector, Factory, IntoProtocol, Reactor, ReactorHandle, Reason,
    UnixDescriptors,
};

struct Borrower;

impl Borrower {
    fn beginning(&self, transport: &LineTransport) -> io::Result<String> {
        let descriptors = UnixDescriptors::of(transport);
        let lent = descriptors.and_then(|descriptors| descriptors.take());
        let file = File::from(lent.ok_or(io::ErrorKind::NotFound)?);
        let mut beginning = Vec::new();
        file.take(80).read_to_end(&mut beginning)?;
        Ok(String::from_utf8_lossy(&beginning).into_owned())
    }
}

impl LineReceiver for Borrower {
    fn connection_made(&mut self, transport: &LineTransport) {
        if let Some(descriptors) = UnixDescriptors::of(transport) {
            descriptors.accept(64);
        }
    }

    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        let name = String::from_utf8_lossy(line);
        match self.beginning(transport) {
            Ok(beginning) => println!("{name}: {beginning}"),
            Err(error) => eprintln!("{name}: {error}"),
        }
    }
}

struct Errand(ReactorHandle);

impl Factory for Errand {
    fn build_protocol(self: &Rc<Self>, _: &Address) -> impl IntoProtocol {
        Framed::lines(Borrower)
    }

    fn client_connection_failed(self: &Rc<Self>, _: &Connector, _: &ConnectError) {
        println!("there is no lender");
        self.0.stop();
    }

    fn client_connection_lost(self: &Rc<Self>, _: &Connector, _: &Reason) {
        self.0.stop();
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let place = std::env::args().nth(1).ok_or("usage: borrower PATH")?;
    let reactor = Reactor::new()?;
    reactor.connect_unix_factory(place, Errand(reactor.handle()));
    Ok(reactor.run()?)
}
