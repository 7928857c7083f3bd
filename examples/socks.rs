//! A SOCKS server, version 5 and 4a.
//!
//! ```text
//! cargo run --release --example socks -- --allow 127.0.0.0/8 --user alice --password secret
//! curl --proxy socks5h://alice:secret@127.0.0.1:1080 http://localhost:8000/
//! ```
//!
//! The system looks names up, in another thread. What is allowed applies to the addresses that the
//! names lead to.

mod support;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;

use lexopt::{Arg, ValueExt};
use retwist::deferred::{
    Deferred, Dialer, HostnameEndpoint, ResolveError, Resolver, SystemResolver, ThreadPool,
};
use retwist::protocols::{Destination, SocksReply, SocksRequest, SocksServer};
use retwist::{FactoryRef, ReactorHandle, Worker, WorkerCount, Workers, error_chain};
use support::prefixes::Prefixes;

const HELP: &str = "
Connects its clients to the destinations that they ask for, by SOCKS version 5 or 4a.

Usage: socks [ENDPOINT...] [--workers N] [--allow PREFIX]... [--user NAME --password WORD]

ENDPOINT          where to listen (default: tcp:1080:interface=127.0.0.1)
--workers N       number of reactors, each in a thread of its own, on the same ports; auto: one for each core (default: 1)
--allow PREFIX    connect to these addresses (192.0.2.0/24, 2001:db8::1, any) (default: any)
--user NAME       require this user name from the clients, which then have to speak version 5,
--password WORD   and this password
";

/// Connects to the destinations of the clients.
struct Connects {
    reactor: ReactorHandle,
    resolver: Rc<dyn Resolver>,
    allowed: Prefixes,
}

impl Connects {
    fn allows(&self, address: &SocketAddr) -> bool {
        self.allowed.is_empty() || self.allowed.contain(address.ip())
    }

    fn connect(self: &Rc<Self>, request: SocksRequest) {
        match request.destination().clone() {
            Destination::Ip(address) => {
                self.reactor.connect_tcp_factory(address, request);
            }
            Destination::Domain(name, port) => {
                let me = self.clone();
                let found = self.resolver.resolve(name.as_str(), port);
                found.done(move |found| match found {
                    Ok(found) => me.connect_to_one(request, found),
                    Err(failure) => {
                        log::info!("{}: {}", request.client(), error_chain(&failure));
                        request.refuse(SocksReply::HostUnreachable);
                    }
                });
            }
        }
    }

    fn connect_to_one(&self, request: SocksRequest, mut found: Vec<SocketAddr>) {
        let (destination, port) = (request.destination().clone(), request.destination().port());
        found.retain(|address| self.allows(address));
        if found.is_empty() {
            log::info!("{} may not connect to {destination}", request.client());
            return request.refuse(SocksReply::NotAllowed);
        }
        let those = move |_: &str, _: u16| Deferred::<_, ResolveError>::succeed(found.clone());
        let reactor = Rc::new(self.reactor.clone());
        HostnameEndpoint::new(reactor, Rc::new(those), destination.to_string(), port)
            .connect(request.outbound())
            .done(move |connected| {
                if let Err(failure) = connected {
                    log::info!("{destination}: {}", error_chain(&failure));
                }
            });
    }
}

fn main() -> ExitCode {
    support::serve(HELP, |mut arguments| {
        let mut endpoints = Vec::new();
        let mut workers = WorkerCount::default();
        let mut allowed = Prefixes::default();
        let (mut user, mut password) = (None, None);
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Value(endpoint) => endpoints.push(endpoint.string()?),
                Arg::Long("workers") => workers = support::value(&mut arguments, "--workers")?,
                Arg::Long("allow") => allowed.add(arguments.value()?)?,
                Arg::Long("user") => user = Some(arguments.value()?.string()?),
                Arg::Long("password") => password = Some(arguments.value()?.string()?),
                other => return Err(other.unexpected().into()),
            }
        }
        let user = match (user, password) {
            (Some(user), Some(password)) => Some((user, password)),
            (None, None) => None,
            _ => return Err("--user and --password go together".into()),
        };
        let endpoints = support::servers_from(&endpoints, "tcp:1080:interface=127.0.0.1")?;
        Ok((Workers::new(workers), move |worker: &Worker| {
            let factory = factory(worker, allowed.clone(), user.clone());
            let factory = FactoryRef::from(support::patient(factory));
            for endpoint in &endpoints {
                endpoint.listen_factory(worker, factory.clone())?;
            }
            Ok(())
        }))
    })
}

fn factory(
    reactor: &ReactorHandle,
    allowed: Prefixes,
    user: Option<(String, String)>,
) -> FactoryRef {
    let pool = ThreadPool::new(reactor);
    let connects = Rc::new(Connects {
        reactor: reactor.handle(),
        resolver: Rc::new(SystemResolver::new(&pool, reactor.clock())),
        allowed,
    });
    let rule = connects.clone();
    let allow = move |request: &SocksRequest| match request.destination() {
        Destination::Ip(address) => rule.allows(address),
        // What counts is the addresses that it leads to.
        Destination::Domain(..) => true,
    };
    let mut server = SocksServer::new(allow, move |request| connects.connect(request));
    if let Some((user, password)) = user {
        server = server.users(move |given_user, given_password| {
            given_user == user.as_bytes() && given_password == password.as_bytes()
        });
    }
    server.into()
}
