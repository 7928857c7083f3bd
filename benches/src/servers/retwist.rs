//! This project.

use retwist_reactor::{Address, FactoryRef, Protocol, Reactor, TcpListen, TransportRef};
use retwist_tls::{Identity, ServerOptions, TlsFactory, TlsRole};

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
    match args.sink {
        true => run(args, |_: &Address| Sink),
        false => run(args, |_: &Address| Echo),
    }
}

pub(super) fn serve_tls(args: &Args) -> Result<()> {
    let folder = args.tls.as_deref().ok_or("TLS needs --tls")?;
    let identity = Identity::from_pem_files(folder.join("cert.pem"), folder.join("key.pem"))?;
    let role = TlsRole::server(ServerOptions::new(identity).build()?);
    run(args, TlsFactory::new(role, |_: &Address| Echo))
}

pub(super) fn run(args: &Args, factory: impl Into<FactoryRef>) -> Result<()> {
    let reactor = Reactor::new()?;
    let how = TcpListen::port(args.port).interface([127, 0, 0, 1]);
    let port = reactor.listen_tcp(how, factory)?;
    if let Some(address) = port.address().socket() {
        super::listening(address);
    }
    reactor.run()?;
    Ok(())
}
