//! MySQL: the server speaks first, and its greeting is needed on both sides of TLS. So the server is
//! connected before the client has TLS, and the client sees the server's own greeting.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use retwist::endpoint::EndpointDialer;
use retwist::protocols::{
    Dialect, MysqlGreeting, MysqlLogin, MysqlSequence, PlainClient, PlainServer, Policy,
    ProxyHeader, Relay, RelayBroken, SendProxyHeader, StartTlsClient, StartTlsServer,
};
use retwist::tls::{TlsRole, TlsTransport};
use retwist::{
    FactoryRef, IntoFactory, Layer, Protocol, ProtocolRef, Reason, TransportRef, factory,
};

use crate::service::connect;

/// What the connections of a MySQL proxy have in common.
pub(crate) struct Mysql {
    pub(crate) server: EndpointDialer,
    pub(crate) role: TlsRole,
    pub(crate) side: Side,
    pub(crate) start: Duration,
}

/// Which side of the proxy has TLS.
#[derive(Clone, Copy)]
pub(crate) enum Side {
    Client { send_proxy: bool },
    Server,
}

impl Mysql {
    pub(crate) fn factory(self) -> FactoryRef {
        let proxy = Rc::new(self);
        factory(move |_| Client {
            proxy: proxy.clone(),
            meeting: None,
        })
        .into_factory()
    }
}

/// Two connections, until a relay joins them: while one of them waits for the other, the end of one
/// is the end of both.
struct Meeting {
    client: RefCell<TransportRef>,
    server: RefCell<Option<TransportRef>>,
    over: Cell<bool>,
}

impl Meeting {
    /// The relay takes over. Its two ends are for the client and the server.
    fn join(&self) -> (Relay, Relay) {
        self.over.set(true);
        Relay::pair()
    }

    fn fail(&self) {
        if self.over.replace(true) {
            return;
        }
        let (client, server) = (self.client.borrow(), self.server.borrow());
        let both = [Some(&*client), server.as_ref()];
        for transport in both.into_iter().flatten() {
            if transport.is_connected() {
                transport.fail_connection(Reason::failed(RelayBroken::NeverConnected));
            }
        }
    }
}

/// A client that waits for the greeting of the server.
struct Client {
    proxy: Rc<Mysql>,
    meeting: Option<Rc<Meeting>>,
}

impl Protocol for Client {
    fn connection_made(&mut self, transport: &TransportRef) {
        let meeting = Rc::new(Meeting {
            client: RefCell::new(transport.clone()),
            server: RefCell::default(),
            over: Cell::new(false),
        });
        let mut server = PlainServer::new(Dialect::Mysql)
            .deadline(self.proxy.start)
            .wrap(Server {
                proxy: self.proxy.clone(),
                meeting: meeting.clone(),
            });
        if let Side::Client { send_proxy: true } = self.proxy.side {
            let header = ProxyHeader::on_behalf_of(transport);
            server = SendProxyHeader::v2(&header).wrap(server);
        }
        connect(&self.proxy.server, server);
        self.meeting = Some(meeting);
    }

    /// A client that does not wait speaks some other protocol.
    fn data_received(&mut self, transport: &TransportRef, _: &[u8]) {
        transport.lose_connection();
    }

    fn connection_lost(&mut self, _: &Reason) {
        if let Some(meeting) = &self.meeting {
            meeting.fail();
        }
    }
}

/// A server, as soon as it has greeted.
struct Server {
    proxy: Rc<Mysql>,
    meeting: Rc<Meeting>,
}

impl Protocol for Server {
    fn connection_made(&mut self, transport: &TransportRef) {
        let meeting = &self.meeting;
        meeting.server.replace(Some(transport.clone()));
        let client = meeting.client.borrow().clone();
        let Some(greeting) = MysqlGreeting::of(transport).filter(|_| client.is_connected()) else {
            return transport.lose_connection();
        };
        let role = self.proxy.role.clone();
        match self.proxy.side {
            Side::Client { .. } => {
                let (inbound, outbound) = meeting.join();
                let numbered = MysqlSequence::server_in_clear().wrap(outbound);
                transport.switch_protocol(numbered);
                let tls = TlsTransport::new(role, inbound).as_protocol();
                let starts = StartTlsServer::mysql(greeting).deadline(self.proxy.start);
                client.switch_protocol(starts.wrap(tls));
            }
            Side::Server if greeting.offers_tls() => {
                let login = Login {
                    proxy: self.proxy.clone(),
                    meeting: meeting.clone(),
                };
                let asks = PlainClient::mysql(greeting).deadline(self.proxy.start);
                let layer = asks.layer(login.into());
                client.switch_protocol(layer.as_protocol());
                meeting.client.replace(layer.transport());
            }
            Side::Server => {
                log::warn!("the server {} does not offer TLS", self.proxy.server);
                transport.lose_connection();
            }
        }
    }

    /// A server has nothing to say before it is asked for TLS.
    fn data_received(&mut self, transport: &TransportRef, _: &[u8]) {
        transport.lose_connection();
    }

    fn connection_lost(&mut self, _: &Reason) {
        self.meeting.fail();
    }
}

impl Drop for Server {
    /// It was never connected.
    fn drop(&mut self) {
        self.meeting.fail();
    }
}

/// A client in clear that has begun to log in: now its server can be asked for TLS.
struct Login {
    proxy: Rc<Mysql>,
    meeting: Rc<Meeting>,
}

impl Protocol for Login {
    fn connection_made(&mut self, transport: &TransportRef) {
        let server = self.meeting.server.borrow().clone();
        let (Some(server), Some(login)) = (server, MysqlLogin::of(transport)) else {
            return transport.lose_connection();
        };
        let (inbound, outbound) = self.meeting.join();
        let numbered: ProtocolRef = MysqlSequence::client_in_clear().wrap(outbound);
        let tls = TlsTransport::new(self.proxy.role.clone(), numbered).as_protocol();
        let asks = StartTlsClient::mysql((*login).clone()).deadline(self.proxy.start);
        server.switch_protocol(asks.wrap(tls));
        transport.switch_protocol(inbound.into());
    }

    fn connection_lost(&mut self, _: &Reason) {
        self.meeting.fail();
    }
}
