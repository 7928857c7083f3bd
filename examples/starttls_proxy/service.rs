use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use retwist::deferred::Dialer;
use retwist::endpoint::{EndpointDialer, Network, ServerEndpoint, client_from_string};
use retwist::protocols::{
    Destination, Dialect, FactoryPolicy, HideStartTls, HttpConnect, Limits, PlainClient,
    PlainServer, Policy, ProxyHeader, Relay, SendProxyHeader, SocksClient, StartTlsClient,
    StartTlsServer, Timeout, TunnelServer,
};
use retwist::tls::{Reload, TlsFactory, TlsRole, TlsTransport};
use retwist::{
    FactoryRef, IntoFactory, Layer, Protocol, ProtocolRef, TransportRef, Worker, error_chain,
    factory,
};

use crate::facts;
use crate::mysql::{Mysql, Side};
use crate::support::prefixes::Prefixes;
use crate::support::{self, Mistake};
use crate::way::Way;

/// One proxy: where it listens, what it connects to, and how TLS begins.
pub(crate) struct Service {
    pub(crate) way: Way,
    pub(crate) mode: Mode,
    pub(crate) listen: ServerEndpoint,
    /// The string of an endpoint, which each worker makes for itself.
    pub(crate) connect: String,
    pub(crate) role: TlsRole,
    /// What the proxy calls itself.
    pub(crate) server_name: String,
    pub(crate) bounds: Bounds,
}

pub(crate) enum Mode {
    Add(Add),
    Strip(Strip),
}

/// What clients with TLS need.
pub(crate) struct Add {
    pub(crate) routes: BTreeMap<String, String>,
    pub(crate) send_proxy: bool,
    pub(crate) reload: Reload,
}

/// What a server with TLS needs.
pub(crate) struct Strip {
    /// The name of the server.
    pub(crate) name: String,
    /// What to reach through a proxy: a host and a port.
    pub(crate) target: Option<(String, u16)>,
    pub(crate) reload: Reload,
}

/// How often the files of certificates and trust roots are looked at.
const RELOAD: Duration = Duration::from_secs(5);

impl Strip {
    fn target(&self) -> Result<Option<Destination>, Mistake> {
        let target = self.target.as_ref();
        let target = target.map(|(host, port)| Destination::new(host, *port));
        Ok(target.transpose()?)
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) idle: Duration,
    pub(crate) start: Duration,
    pub(crate) total: usize,
    pub(crate) per_peer: usize,
}

impl Service {
    pub(crate) fn listen(&self, worker: &Worker) -> Result<(), Mistake> {
        let network = Network::new(worker);
        let dialer = |endpoint: &str| -> Result<EndpointDialer, Mistake> {
            Ok(client_from_string(endpoint)?.on(&network))
        };
        let server = dialer(&self.connect)?;
        let reload = match &self.mode {
            Mode::Add(add) => &add.reload,
            Mode::Strip(strip) => &strip.reload,
        };
        reload.every(RELOAD, worker.clock());
        if worker.number() == 0 {
            support::reload::all_of(reload);
        }
        let clients = match (&self.mode, self.way) {
            (mode, Way::StartTls(Dialect::Mysql)) => Mysql {
                server,
                role: self.role.clone(),
                side: match mode {
                    Mode::Add(add) => Side::Client {
                        send_proxy: add.send_proxy,
                    },
                    Mode::Strip(_) => Side::Server,
                },
                start: self.bounds.start,
            }
            .factory(),
            (Mode::Add(add), _) => {
                let routes = add.routes.iter();
                let routes = routes.map(|(name, endpoint)| Ok((name.clone(), dialer(endpoint)?)));
                let inside = Rc::new(Inside {
                    dialect: self.way.dialect(),
                    server,
                    routes: routes.collect::<Result<_, Mistake>>()?,
                    send_proxy: add.send_proxy,
                    start: self.bounds.start,
                });
                self.before_tls(factory(move |_| WithTls(inside.clone())))
            }
            (Mode::Strip(strip), _) => {
                let outside = Rc::new(Outside {
                    way: self.way,
                    server,
                    role: self.role.clone(),
                    name: strip.name.clone(),
                    target: strip.target()?,
                    server_name: self.server_name.clone(),
                    start: self.bounds.start,
                });
                let plain = factory(move |_| WithoutTls(outside.clone()));
                match self.way.dialect() {
                    Some(dialect) => PlainClient::new(dialect)
                        .deadline(self.bounds.start)
                        .factory(plain)
                        .into_factory(),
                    None => plain.into_factory(),
                }
            }
        };
        let Bounds {
            idle,
            total,
            per_peer,
            ..
        } = self.bounds;
        let timed = Timeout::new().idle(idle).factory(clients);
        let bounded = Limits::new().total(total).per_peer(per_peer).factory(timed);
        self.listen.listen_factory(worker, bounded)?;
        Ok(())
    }

    /// The clients of `inside`, from their first byte on.
    fn before_tls(&self, inside: impl IntoFactory) -> FactoryRef {
        let tls = TlsFactory::new(self.role.clone(), inside);
        match self.way {
            Way::StartTls(dialect) => StartTlsServer::new(dialect)
                .name(&self.server_name)
                .deadline(self.bounds.start)
                .factory(tls)
                .into_factory(),
            Way::ProxyHeader => Prefixes::default().proxies().factory(tls).into_factory(),
            Way::Http => TunnelServer::http()
                .deadline(self.bounds.start)
                .factory(tls)
                .into_factory(),
            Way::Socks => TunnelServer::socks()
                .deadline(self.bounds.start)
                .factory(tls)
                .into_factory(),
            Way::Tls => tls.into_factory(),
        }
    }
}

/// Connects `protocol` to the server, and says in the log if that fails.
pub(crate) fn connect(server: &EndpointDialer, protocol: ProtocolRef) {
    let name = server.clone();
    server.connect(protocol).done(move |connected| {
        if let Err(failure) = connected {
            log::warn!("connecting to {name} failed: {}", error_chain(&failure));
        }
    });
}

/// What the clients with TLS have in common.
struct Inside {
    dialect: Option<Dialect>,
    server: EndpointDialer,
    routes: BTreeMap<String, EndpointDialer>,
    send_proxy: bool,
    start: Duration,
}

/// A client that has TLS. Only now is its server connected.
struct WithTls(Rc<Inside>);

impl Protocol for WithTls {
    fn connection_made(&mut self, transport: &TransportRef) {
        let inside = &self.0;
        let info = TlsTransport::of(transport);
        let name = info.as_ref().and_then(|info| info.server_name.as_deref());
        let route = name.and_then(|name| inside.routes.get(name));
        // The relay reads nothing before the way out is open. If that fails, it drops its other end,
        // and this connection breaks.
        let (inbound, outbound) = Relay::pair();
        let mut outbound = ProtocolRef::from(outbound);
        if let Some(dialect) = inside.dialect {
            let hidden = HideStartTls::new(dialect).wrap(outbound);
            outbound = PlainServer::new(dialect)
                .deadline(inside.start)
                .wrap(hidden);
        }
        if inside.send_proxy {
            outbound = SendProxyHeader::v2(&facts::header(transport)).wrap(outbound);
        }
        connect(route.unwrap_or(&inside.server), outbound);
        transport.switch_protocol(inbound.into());
    }
}

/// What the clients without TLS have in common.
struct Outside {
    way: Way,
    server: EndpointDialer,
    role: TlsRole,
    name: String,
    target: Option<Destination>,
    server_name: String,
    start: Duration,
}

/// A client that has no TLS. It is read once the server has.
struct WithoutTls(Rc<Outside>);

impl Protocol for WithoutTls {
    fn connection_made(&mut self, transport: &TransportRef) {
        let outside = &self.0;
        let (inbound, outbound) = Relay::pair();
        let mut outbound = ProtocolRef::from(outbound);
        if let Some(dialect) = outside.way.dialect() {
            let greets = HideStartTls::new(dialect).greeting(&outside.server_name);
            outbound = greets.wrap(outbound);
        }
        let tls = TlsTransport::new(outside.role.clone(), outbound).as_protocol();
        let outbound = match (outside.way, &outside.target) {
            (Way::StartTls(dialect), _) => StartTlsClient::new(dialect)
                .name(&outside.name)
                .deadline(outside.start)
                .wrap(tls),
            (Way::ProxyHeader, _) => {
                SendProxyHeader::v2(&ProxyHeader::on_behalf_of(transport)).wrap(tls)
            }
            (Way::Http, Some(target)) => HttpConnect::to(target.clone()).wrap(tls),
            (Way::Socks, Some(target)) => SocksClient::to(target.clone()).wrap(tls),
            (Way::Tls | Way::Http | Way::Socks, _) => tls,
        };
        connect(&outside.server, outbound);
        transport.switch_protocol(inbound.into());
    }
}
