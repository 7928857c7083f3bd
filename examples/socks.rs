//! A SOCKS server, version 5 and 4a.
//!
//! ```text
//! cargo run --release --example socks -- --allow 127.0.0.0/8 --user alice --password secret
//! curl --proxy socks5h://alice:secret@127.0.0.1:1080 http://localhost:8000/
//! ```
//!
//! It connects to addresses and to `localhost`. Looking up other names would hold up everybody
//! else's connections.

mod support;

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use lexopt::{Arg, ValueExt};
use retwist::TcpConnect;
use retwist::protocols::{Destination, SocksReply, SocksRequest, SocksServer};
use support::prefixes::Prefixes;

const HELP: &str = "
Connects its clients to where they ask for, by SOCKS version 5 or 4a.

Usage: socks [ENDPOINT...] [--allow PREFIX]... [--user NAME --password WORD]

ENDPOINT          where to listen; tcp:1080:interface=127.0.0.1 if none is given
--allow PREFIX    connect to these addresses (192.0.2.0/24, 2001:db8::1, any); if none are given, to any
--user NAME       demand this name of the clients, which then have to speak version 5,
--password WORD   and this password
";

/// The address of a destination, as far as it needs no looking up.
fn address(destination: &Destination) -> Option<SocketAddr> {
    match destination {
        Destination::Ip(address) => Some(*address),
        Destination::Domain(name, port) if name.as_str().eq_ignore_ascii_case("localhost") => {
            Some((Ipv4Addr::LOCALHOST, *port).into())
        }
        Destination::Domain(..) => None,
    }
}

fn main() -> ExitCode {
    support::main(HELP, |reactor, mut arguments| {
        let mut endpoints = Vec::new();
        let mut allowed = Prefixes::default();
        let (mut user, mut password) = (None, None);
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Value(endpoint) => endpoints.push(endpoint.string()?),
                Arg::Long("allow") => allowed.add(arguments.value()?)?,
                Arg::Long("user") => user = Some(arguments.value()?.string()?),
                Arg::Long("password") => password = Some(arguments.value()?.string()?),
                other => return Err(other.unexpected().into()),
            }
        }

        let allow = move |request: &SocksRequest| match address(request.destination()) {
            Some(address) => allowed.is_empty() || allowed.contain(address.ip()),
            // There will be a better answer than that it is forbidden.
            None => true,
        };
        let handle = reactor.handle();
        let connect = move |request: SocksRequest| match address(request.destination()) {
            Some(address) => {
                handle.connect_tcp(TcpConnect::address(address), request);
            }
            None => {
                log::warn!(
                    "{} is a name, which is not looked up",
                    request.destination()
                );
                request.refuse(SocksReply::HostUnreachable);
            }
        };
        let mut server = SocksServer::new(allow, connect);
        match (user, password) {
            (Some(user), Some(password)) => {
                server = server.users(move |given_user, given_password| {
                    given_user == user.as_bytes() && given_password == password.as_bytes()
                });
            }
            (None, None) => {}
            _ => return Err("--user and --password go together".into()),
        }

        let factory = retwist::FactoryRef::from(server);
        for endpoint in support::servers_from(&endpoints, "tcp:1080:interface=127.0.0.1")? {
            support::listen(reactor, &endpoint, factory.clone())?;
        }
        Ok(())
    })
}
