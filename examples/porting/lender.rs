//! Lends files: each client gets all of them, open, with their names in lines.

use std::error::Error;
use std::fs::File;
use std::rc::Rc;

use retwist::protocols::{Framed, LineReceiver, LineTransport};
use retwist::{Address, Factory, IntoProtocol, Reactor, UnixDescriptors};

struct Lender {
    paths: Vec<String>,
}

impl Factory for Lender {
    fn build_protocol(self: &Rc<Self>, _: &Address) -> impl IntoProtocol {
        Framed::lines(Loan(self.clone()))
    }
}

struct Loan(Rc<Lender>);

impl Loan {
    fn lend(&self, transport: &LineTransport) -> Result<(), Box<dyn Error>> {
        let descriptors = UnixDescriptors::of(transport).ok_or("not a UNIX socket")?;
        for path in &self.0.paths {
            // The transport has the file from now on, and closes it here when it has been sent.
            let file = File::open(path)?;
            descriptors.write(format!("{path}\r\n").as_bytes(), [file.into()])?;
        }
        Ok(())
    }
}

impl LineReceiver for Loan {
    fn connection_made(&mut self, transport: &LineTransport) {
        if let Err(error) = self.lend(transport) {
            eprintln!("{error}");
        }
        transport.lose_connection();
    }

    fn line_received(&mut self, _: &LineTransport, _: &[u8]) {}
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().ok_or("usage: lender PATH FILE...")?;
    let lender = Lender {
        paths: arguments.collect(),
    };
    let reactor = Reactor::new()?;
    reactor.listen_unix_factory(&place, lender)?;
    println!("listening on {place}");
    Ok(reactor.run()?)
}
