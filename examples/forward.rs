//! A TCP proxy: each connection that comes in is joined with one that goes out.
//!
//! ```text
//! cargo run --release --example echo &
//! cargo run --release --example forward -- tcp:8010:interface=127.0.0.1 tcp:127.0.0.1:8007
//! ```
//!
//! Each side is read only as fast as the other one takes the bytes. The end of one side's input ends
//! the other side's output and no more: a client may close its write half and still get its answer.
//! A connection that breaks is passed on as broken.
//!
//! With `--proxy-protocol send` this proxy tells the server on whose behalf it connects. With
//! `--proxy-protocol receive` it expects its clients to do the same. A proxy in the middle of a chain
//! gets both options.

mod support;

use std::process::ExitCode;
use std::rc::Rc;

use lexopt::{Arg, ValueExt};
use retwist::deferred::Dialer;
use retwist::endpoint::{EndpointDialer, Network, client_from_string};
use retwist::protocols::{FactoryPolicy, Policy, ProxyHeader, Relay, SendProxyHeader};
use retwist::{
    Protocol, ProtocolRef, TransportRef, Worker, WorkerCount, Workers, error_chain, factory,
};
use support::prefixes::Prefixes;

const HELP: &str = "
Joins each connection that comes in with one that it makes.

Usage: forward [LISTEN [CONNECT]] [--workers N] [--proxy-protocol WAY]... [--trust PREFIX]...

LISTEN                 where to listen (default: tcp:8010:interface=127.0.0.1)
CONNECT                what to connect to (default: tcp:127.0.0.1:8007)
--workers N            number of reactors, each in a thread of its own, on the same port; auto: one for each core (default: 1)
--proxy-protocol WAY   send a PROXY header to the server (send for version 1, send-v2), or
                       expect one from the client (receive); can be given for both
--trust PREFIX         receive from proxies with these addresses (192.0.2.0/24, 2001:db8::1, any)
                       (default: this machine)
";

/// What this proxy does for each of its connections.
struct Forward {
    server: EndpointDialer,
    send: Option<fn(&ProxyHeader) -> SendProxyHeader>,
}

/// A connection that has come in, until the way out is being opened.
struct Entrance(Rc<Forward>);

impl Protocol for Entrance {
    fn connection_made(&mut self, transport: &TransportRef) {
        // The relay reads nothing before the way out is open. If that fails, it drops its other end,
        // and this connection breaks.
        let (inbound, outbound) = Relay::pair();
        let outbound: ProtocolRef = match self.0.send {
            Some(version) => version(&ProxyHeader::on_behalf_of(transport)).wrap(outbound),
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
}

fn main() -> ExitCode {
    support::serve(HELP, |mut arguments| {
        let (mut listen, mut connect) = (None, None);
        let mut workers = WorkerCount::default();
        let (mut send, mut receive) = (None, false);
        let mut trusted = Prefixes::default();
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Value(text) if listen.is_none() => listen = Some(text.string()?),
                Arg::Value(text) if connect.is_none() => connect = Some(text.string()?),
                Arg::Long("workers") => workers = support::value(&mut arguments, "--workers")?,
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
        if !receive && !trusted.is_empty() {
            return Err(
                "--trust is for --proxy-protocol receive: it says whose headers are believed"
                    .into(),
            );
        }
        let listen = listen.as_deref().unwrap_or("tcp:8010:interface=127.0.0.1");
        let listen = support::server(listen)?;
        let connect = connect.unwrap_or_else(|| "tcp:127.0.0.1:8007".to_owned());
        Ok((Workers::new(workers), move |worker: &Worker| {
            let forward = Rc::new(Forward {
                server: client_from_string(&connect)?.on(&Network::new(worker)),
                send,
            });
            let entrance = factory(move |_| Entrance(forward.clone()));
            if receive {
                let behind_proxy = trusted.proxies().factory(entrance);
                listen.listen_factory(worker, support::patient(behind_proxy))?;
            } else {
                listen.listen_factory(worker, support::patient(entrance))?;
            }
            Ok(())
        }))
    })
}
