//! This project.

use retwist_reactor::{Address, Protocol, Reactor, TcpListen, TransportRef};

use crate::args::{Args, Result};

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        transport.write(data);
    }
}

struct Sink;

impl Protocol for Sink {
    fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
}

pub(super) fn serve(args: &Args) -> Result<()> {
    let reactor = Reactor::new()?;
    let how = TcpListen::port(args.port).interface([127, 0, 0, 1]);
    let port = match args.sink {
        true => reactor.listen_tcp(how, |_: &Address| Sink)?,
        false => reactor.listen_tcp(how, |_: &Address| Echo)?,
    };
    if let Some(address) = port.address().socket() {
        super::listening(address);
    }
    reactor.run()?;
    Ok(())
}
