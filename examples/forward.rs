//! A TCP proxy: each connection that comes in is joined with one that goes out.
//!
//! ```text
//! cargo run --release --example echo &
//! cargo run --release --example forward -- tcp:8010:interface=127.0.0.1 tcp:127.0.0.1:8007
//! ```
//!
//! Neither side is read faster than the other one takes it, and the end of one side's input is the
//! end of the other side's, no more: a client may close its write half and still get its answer.
//!
//! With `--proxy-protocol send` the server is told on whose behalf the connection is made; with
//! `--proxy-protocol receive` whoever connects has to say so. A proxy in the middle of a chain is
//! given both.

mod support;

use std::process::ExitCode;
use std::rc::Rc;

use lexopt::{Arg, ValueExt};
use retwist::deferred::Dialer;
use retwist::endpoint::{EndpointDialer, Network, client_from_string, server_from_string};
use retwist::protocols::{FactoryPolicy, Policy, ProxyHeader, Relay, SendProxyHeader};
use retwist::{Protocol, ProtocolRef, TransportRef, Worker, Workers, error_chain, factory};
use support::prefixes::Prefixes;

const HELP: &str = "
Joins each connection that comes in with one that it makes.

Usage: forward [LISTEN [CONNECT]] [--workers N] [--proxy-protocol WAY]... [--trust PREFIX]...

LISTEN                 where to listen; tcp:8010:interface=127.0.0.1 if it is not given
CONNECT                what to connect to; tcp:127.0.0.1:8007 if it is not given
--workers N            as many reactors, each in a thread of its own, on the same port; 1 if it is not given
--proxy-protocol WAY   send a PROXY header to the server (send for version 1, send-v2), or
                       demand one of the client (receive); may be given for both
--trust PREFIX         receive from proxies with these addresses (192.0.2.0/24, 2001:db8::1, any); if
                       none are given, from this machine alone
";

/// What this proxy does for each of its connections.
struct Forward {
    server: EndpointDialer,
    send: Option<fn(&ProxyHeader) -> SendProxyHeader>,
}

/// A connection that has come in, until the way out is begun.
struct Entrance(Rc<Forward>);

impl Protocol for Entrance {
    fn connection_made(&mut self, transport: &TransportRef) {
        // What comes in is not read before the way out is open, and if it cannot be opened, both
        // are closed.
        let (inbound, outbound) = Relay::pair();
        let outbound: ProtocolRef = match self.0.send {
            Some(version) => version(&ProxyHeader::on_behalf_of(&**transport)).wrap(outbound),
            None => outbound.into(),
        };
        let server = self.0.server.clone();
        server.connect(outbound).done(move |connected| {
            if let Err(failure) = connected {
                log::warn!("connecting to {server} failed: {}", error_chain(&failure));
            }
        });
        transport.switch_protocol(inbound.into());
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        transport.unread(data);
    }
}

fn main() -> ExitCode {
    support::serve(HELP, |mut arguments| {
        let (mut listen, mut connect) = (None, None);
        let mut workers = 1;
        let (mut send, mut receive) = (None, false);
        let mut trusted = Prefixes::default();
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Value(text) if listen.is_none() => listen = Some(text.string()?),
                Arg::Value(text) if connect.is_none() => connect = Some(text.string()?),
                Arg::Long("workers") => workers = arguments.value()?.parse()?,
                Arg::Long("proxy-protocol") => match arguments.value()?.string()?.as_str() {
                    "send" => send = Some(SendProxyHeader::v1 as fn(&_) -> _),
                    "send-v2" => send = Some(SendProxyHeader::v2 as fn(&_) -> _),
                    "receive" => receive = true,
                    way => {
                        let ways = "send, send-v2 and receive";
                        return Err(format!("there is no way {way:?}, only {ways}").into());
                    }
                },
                Arg::Long("trust") => trusted.add(arguments.value()?)?,
                other => return Err(other.unexpected().into()),
            }
        }
        let listen = listen.as_deref().unwrap_or("tcp:8010:interface=127.0.0.1");
        let listen = server_from_string(listen)?;
        let connect = connect.unwrap_or_else(|| "tcp:127.0.0.1:8007".to_owned());
        Ok((Workers::new(workers), move |worker: &Worker| {
            let forward = Rc::new(Forward {
                server: client_from_string(&connect)?.on(&Network::new(worker)),
                send,
            });
            let entrance = factory(move |_| Entrance(forward.clone()));
            if receive {
                listen.listen_factory(worker, trusted.proxies().factory(entrance))?;
            } else {
                listen.listen_factory(worker, entrance)?;
            }
            Ok(())
        }))
    })
}
