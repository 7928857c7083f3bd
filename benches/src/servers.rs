//! The servers of this project, each written as its users would write it. Every one prints the port
//! that it listens on, and runs until it is killed.

use retwist_reactor::{
    FactoryRef, IntoFactory, Reactor, TcpListen, UdpListen, UnixListen, UnixName, factory,
};
use retwist_tls::{Identity, ServerOptions, TlsFactory, TlsRole};

use crate::args::{Args, Result};
use crate::listener;

mod echo;
mod forward;
mod lines;
mod udp;

pub fn serve(args: &Args) -> Result<()> {
    let reactor = Reactor::new()?;
    match args.peer.as_str() {
        "retwist-udp" => return serve_udp(&reactor, args),
        "retwist-unix" => return serve_unix(&reactor),
        _ => {}
    }
    let factory: FactoryRef = match args.peer.as_str() {
        "retwist" => factory(|_| echo::Echo).into(),
        "retwist-tls" => tls(args)?,
        "retwist-lines" => lines::factory(),
        "retwist-forward" => forward::factory(&reactor, args.to),
        other => return Err(format!("there is no server {other}").into()),
    };
    serve_on(&reactor, args, factory)
}

/// Serves the connections to the port that was named, on this reactor.
pub fn serve_on(reactor: &Reactor, args: &Args, factory: impl IntoFactory) -> Result<()> {
    let how = TcpListen::port(args.port).interface([127, 0, 0, 1]);
    let port = reactor.listen_tcp_factory(how, factory)?;
    if let Some(address) = port.address().socket() {
        listener::listening(address);
    }
    reactor.run()?;
    Ok(())
}

fn serve_udp(reactor: &Reactor, args: &Args) -> Result<()> {
    let options = UdpListen::port(args.port).interface([127, 0, 0, 1]);
    let port = reactor.listen_udp(options, udp::Echo)?;
    if let Some(address) = port.address().socket() {
        listener::listening(address);
    }
    reactor.run()?;
    Ok(())
}

fn serve_unix(reactor: &Reactor) -> Result<()> {
    let number = listener::unused();
    let name = UnixName::parse(&format!("@{}", listener::unix_name(number)))?;
    let _port = reactor.listen_unix(UnixListen::name(name), |_| echo::Echo)?;
    listener::listening_on(number);
    reactor.run()?;
    Ok(())
}

fn tls(args: &Args) -> Result<FactoryRef> {
    let folder = args.tls.as_deref().ok_or("TLS needs --tls")?;
    let identity = Identity::from_pem_files(folder.join("cert.pem"), folder.join("key.pem"))?;
    let role = TlsRole::server(ServerOptions::new(identity).build()?);
    Ok(TlsFactory::new(role, factory(|_| echo::Echo)).into())
}
