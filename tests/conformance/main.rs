//! What users of retwist rely on: the suite of `retwist-conformance` over every kind of transport,
//! and, below it, what concerns the loop, ports, clients and processes, over sockets alone.
//!
//! The cases of the suite are in `conformance/`. To run them over one more kind, give it a line here;
//! `ARCHITECTURE.md` says how to add a kind.

#![allow(
    unreachable_pub,
    reason = "a test has no users outside; pub is what the modules offer each other"
)]

#[cfg(unix)]
use retwist_conformance::streams::{Descriptors, Pipes, SocketPair};
use retwist_conformance::streams::{Holding, Layered, Memory, Plain, TcpV4, TcpV6};

#[cfg(unix)]
use ways::OnReactor;
use ways::{Http, Limited, Policies, Proxied, Socks, Throttled, Through, Tls};

mod ways;

#[cfg(unix)]
mod child;
mod clients;
#[cfg(unix)]
mod crowd;
mod deadlines;
#[cfg(unix)]
mod descriptors;
mod drain;
mod drops;
mod fairness;
mod idle;
mod lifecycle;
#[cfg(unix)]
mod port_options;
mod ports;
mod relays;
mod shutdown;
#[cfg(unix)]
mod signals;
mod threads;
mod time;
#[cfg(unix)]
mod unix;
mod upgrades;
#[cfg(unix)]
mod workers;

retwist_conformance::streams! {
    tcp_v4: TcpV4,
    tcp_v6: TcpV6,
    #[cfg(unix)]
    unix_stream: retwist_conformance::streams::Unix,
    #[cfg(unix)]
    adopted_tcp: OnReactor<ways::AdoptedTcp>,
    #[cfg(unix)]
    adopted_unix: OnReactor<ways::AdoptedUnix>,
    #[cfg(unix)]
    passed_tcp: OnReactor<ways::PassedTcp>,
    #[cfg(unix)]
    passed_unix: OnReactor<ways::PassedUnix>,
    #[cfg(unix)]
    unix_passing: OnReactor<ways::UnixPassing>,
    #[cfg(unix)]
    child_process: retwist_conformance::streams::Child,
    #[cfg(unix)]
    pipes: Descriptors<Pipes>,
    // macOS makes them by another call.
    #[cfg(all(unix, not(target_vendor = "apple")))]
    fifos: Descriptors<ways::Fifos>,
    #[cfg(unix)]
    socket_pair: Descriptors<SocketPair>,
    memory: Memory,
    layer_over_tcp: Layered<Plain, TcpV4>,
    two_layers: Layered<Plain, Layered<Plain, Memory>>,
    holding_layer: Layered<Holding, Memory>,
    layer_over_holding_layer: Layered<Plain, Layered<Holding, Memory>>,
    policies: Layered<Policies, Memory>,
    write_throttle: Layered<Throttled, Memory>,
    proxy_header: Layered<Proxied, Memory>,
    limits: Layered<Limited, Memory>,
    through_socks: Layered<Through<Socks>, Memory>,
    through_http: Layered<Through<Http>, Memory>,
    tls_over_tcp: Layered<Tls, TcpV4>,
    #[cfg(unix)]
    tls_over_unix: Layered<Tls, retwist_conformance::streams::Unix>,
    #[cfg(unix)]
    tls_over_child: Layered<Tls, retwist_conformance::streams::Child>,
    #[cfg(unix)]
    tls_over_pipes: Layered<Tls, Descriptors<Pipes>>,
    tls_over_memory: Layered<Tls, Memory>,
    tls_in_tls: Layered<Tls, Layered<Tls, Memory>>,
}
