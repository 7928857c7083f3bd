//! Connecting and accepting, for callbacks and for tasks: over memory, and over real sockets.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use futures_util::io::{AsyncReadExt, AsyncWriteExt};
use retwist_deferred::{
    AsyncTransport, Executor, Failure, connect, connect_protocol, listen, listen_with,
};
use retwist_reactor::testing::MemoryReactor;
use retwist_reactor::{
    Channel, ConnectError, Layer, Protocol, ProtocolHandle, ProtocolRef, Reactor, ReactorSettings,
    Reason, Seat, TcpConnect, TcpListen, TransportRef,
};

const ADDRESS: &str = "192.0.2.1:7";

fn to() -> TcpConnect {
    TcpConnect::address(ADDRESS.parse().unwrap())
}

fn at() -> TcpListen {
    TcpListen::address(ADDRESS.parse().unwrap())
}

/// Notes what it hears, and says hello if it is to.
struct Client {
    calls: Vec<&'static str>,
    greeting: &'static [u8],
}

impl Default for Client {
    fn default() -> Self {
        Client {
            calls: Vec::new(),
            greeting: b"hello",
        }
    }
}

impl Protocol for Client {
    fn connection_made(&mut self, transport: &TransportRef) {
        self.calls.push("made");
        transport.write(self.greeting);
    }

    fn data_received(&mut self, _: &TransportRef, _: &[u8]) {
        self.calls.push("data");
    }

    fn connection_lost(&mut self, _: &Reason) {
        self.calls.push("lost");
    }
}

/// Negotiates until it is told the outcome.
struct Negotiation {
    seat: Seat,
}

impl Negotiation {
    fn new(above: ProtocolRef) -> Rc<Self> {
        Rc::new_cyclic(|me| Negotiation {
            seat: Seat::new(me, above),
        })
    }
}

impl Channel for Negotiation {
    fn seat(&self) -> &Seat {
        &self.seat
    }
}

impl Layer for Negotiation {
    fn connection_made(&self) {}

    fn data_received(&self, data: &mut [u8]) {
        if data == b"fail" {
            self.seat
                .fail(Reason::failed(io::Error::other("no agreement")));
            self.seat.with_lower(|lower| lower.abort_connection());
        } else {
            self.seat.open();
            self.seat.deliver(data);
        }
    }
}

#[test]
fn the_typed_protocol_has_heard_that_it_is_connected() {
    let reactor = MemoryReactor::new();
    let server = Rc::new(RefCell::new(listen(&reactor, at()).unwrap()));
    let seen = Rc::new(RefCell::new(None));
    let place = seen.clone();
    let connecting = connect_protocol(&reactor, to(), Client::default());
    connecting.done(move |outcome| {
        let client: ProtocolHandle<Client> = outcome.unwrap();
        *place.borrow_mut() = client.try_call(|client| client.calls.clone());
    });
    let pending = reactor.connecting().remove(0);
    let pair = reactor.complete(&pending).unwrap();
    assert!(seen.borrow().is_none());
    pair.run();
    assert_eq!(seen.take().unwrap(), ["made"]);
    assert_eq!(
        pair.client()
            .protocol()
            .map(|protocol| protocol.is_connected_before()),
        Some(true)
    );
    drop(server);
}

#[test]
fn what_goes_wrong_is_the_error() {
    let reactor = MemoryReactor::new();
    let mut refused = connect(&reactor, to());
    reactor.complete(&reactor.connecting()[0]);
    let failure = refused.take().unwrap().unwrap_err();
    assert!(matches!(
        failure.error(),
        Some(ConnectError::ConnectionRefused(_))
    ));

    let mut slow = connect_protocol(
        &reactor,
        to().timeout(Duration::from_secs(3)),
        Client::default(),
    );
    reactor.clock().advance(Duration::from_secs(3));
    let failure = slow.take().unwrap().unwrap_err();
    assert!(matches!(failure.error(), Some(ConnectError::TimedOut(_))));
    assert_eq!(reactor.clock().pending_calls(), 0);
}

#[test]
fn a_layer_that_cannot_agree_is_an_error_with_its_cause() {
    for fails in [true, false] {
        let reactor = MemoryReactor::new();
        let executor = Executor::on_clock(reactor.clock());
        let mut incoming = listen_with(&reactor, at(), |above| {
            Negotiation::new(above).as_protocol()
        })
        .unwrap();
        let accepted = executor.spawn(async move {
            incoming
                .accept()
                .await
                .ok_or(io::ErrorKind::NotFound.into())
        });
        let mut accepted = accepted.map_err(|error: io::Error| error);
        let client = ProtocolHandle::new(Client {
            greeting: b"",
            ..Client::default()
        });
        let pair = reactor
            .accept(&at().requested_addr().into(), &client)
            .unwrap();
        pair.run();
        assert!(!accepted.is_called(), "not before it has negotiated");
        pair.client().write(if fails { b"fail" } else { b"fine" });
        pair.run();
        assert_eq!(accepted.is_called(), !fails);
        drop(accepted.take());
    }
}

#[test]
fn cancelled_at_any_point_nothing_is_left() {
    // On the way.
    let reactor = MemoryReactor::new();
    let mut connecting = connect(&reactor, to());
    connecting.cancel();
    assert!(matches!(connecting.take(), Some(Err(Failure::Cancelled))));
    reactor.clock().run();
    assert!(reactor.connecting().is_empty());
    assert_eq!(reactor.clock().pending_calls(), 0);

    // Connected, but not told yet.
    let incoming = listen(&reactor, at()).unwrap();
    let client = ProtocolHandle::new(Client::default());
    let mut connecting = connect(&reactor, to());
    let pair = reactor.complete(&reactor.connecting()[0]).unwrap();
    connecting.cancel();
    assert!(matches!(connecting.take(), Some(Err(Failure::Cancelled))));
    pair.run();
    assert!(!pair.client().is_connected());
    drop(incoming);
    reactor.clock().advance(Duration::from_secs(60));
    assert_eq!(reactor.clock().pending_calls(), 0);
    drop(client);
}

#[test]
fn dropping_it_stops_listening() {
    let reactor = MemoryReactor::new();
    let incoming = listen(&reactor, at()).unwrap();
    let waiting = ProtocolHandle::new(Client::default());
    let pair = reactor
        .accept(&at().requested_addr().into(), &waiting)
        .unwrap();
    pair.run();
    drop(incoming);
    assert!(reactor.listening().is_empty());
    pair.advance(Duration::from_secs(5));
    assert_eq!(
        waiting.try_call(|client| client.calls.clone()).unwrap(),
        ["made", "lost"]
    );
}

#[test]
fn accepting_ends_with_the_port() {
    let reactor = MemoryReactor::new();
    let executor = Executor::on_clock(reactor.clock());
    let mut incoming = listen(&reactor, at()).unwrap();
    let port = incoming.port().clone();
    let mut task =
        executor.spawn(async move { Ok::<_, io::Error>(incoming.accept().await.is_none()) });
    reactor.clock().run();
    assert!(!task.is_called());
    port.stop_listening();
    reactor.clock().run();
    assert!(task.take().unwrap().unwrap());
}

#[test]
fn more_than_may_wait_are_not_refused() -> Result<(), Box<dyn std::error::Error>> {
    let reactor = Reactor::with_settings(ReactorSettings {
        signals: false,
        ..ReactorSettings::default()
    })?;
    let executor = Executor::new(&reactor);
    let mut incoming =
        listen(&*reactor, TcpListen::address("127.0.0.1:0".parse()?))?.max_pending(2);
    let address = incoming.port().address().socket().unwrap();
    let clients = (0..7).map(|_| std::net::TcpStream::connect(address));
    let clients = clients.collect::<io::Result<Vec<_>>>()?;
    for _ in 0..20 {
        reactor.iterate(Duration::ZERO)?;
    }
    assert!(
        format!("{incoming:?}").contains("waiting: 2"),
        "{incoming:?}"
    );
    let handle = reactor.handle();
    executor
        .spawn(async move {
            let mut peers = std::collections::BTreeSet::new();
            while peers.len() < 7 {
                let connection = incoming.accept().await.ok_or("no port")?;
                peers.insert(connection.peer().to_string());
            }
            handle.stop();
            Ok::<_, Box<dyn std::error::Error>>(peers)
        })
        .done(move |peers| {
            let peers = peers.unwrap();
            for client in &clients {
                assert!(peers.contains(&client.local_addr().unwrap().to_string()));
            }
        });
    reactor.run()?;
    Ok(())
}

#[test]
fn many_connections_over_real_sockets() -> Result<(), Box<dyn std::error::Error>> {
    let reactor = Reactor::with_settings(ReactorSettings {
        signals: false,
        ..ReactorSettings::default()
    })?;
    let executor = Executor::new(&reactor);
    let spawner = executor.spawner();
    let mut incoming = listen(&*reactor, TcpListen::address("127.0.0.1:0".parse()?))?;
    let address = incoming.port().address().socket().unwrap();
    let serving = executor.spawn(async move {
        while let Some(connection) = incoming.accept().await {
            spawner
                .spawn(echo(connection))
                .done(|outcome| outcome.unwrap());
        }
    });
    let clients = (0..50).map(|number| {
        let handle = reactor.handle();
        executor.spawn(async move {
            let mut connection = connect(&handle, address).await?;
            let text = format!("client {number} ").repeat(5_000);
            connection.write_all(text.as_bytes()).await?;
            connection.close().await?;
            let mut answer = String::new();
            connection.read_to_string(&mut answer).await?;
            assert!(answer == text);
            Ok::<_, Box<dyn std::error::Error>>(())
        })
    });
    let handle = reactor.handle();
    retwist_deferred::gather_results(clients.collect()).done(move |outcome| {
        outcome.unwrap();
        serving.cancel();
        handle.stop();
    });
    reactor.run()?;
    assert_eq!(reactor.clock().pending_calls(), 0);
    Ok(())
}

async fn echo(connection: AsyncTransport) -> io::Result<()> {
    let (mut reader, mut writer) = connection.split();
    let mut buffer = [0; 1000];
    loop {
        match reader.read(&mut buffer).await? {
            0 => return writer.close().await,
            count => writer.write_all(&buffer[..count]).await?,
        }
    }
}

#[test]
fn addresses_are_read_from_text() {
    let reactor = MemoryReactor::new();
    let connecting = connect(&reactor, "192.0.2.1:7");
    let there: std::net::SocketAddr = "192.0.2.1:7".parse().unwrap();
    assert_eq!(
        reactor.connecting()[0].options(),
        &TcpConnect::address(there)
    );
    connecting.cancel();
    let mut failed = connect(&reactor, "example.org:7");
    let failure = failed.take().unwrap().unwrap_err();
    assert!(failure.to_string().contains("Network"), "{failure}");
    assert!(listen(&reactor, "nowhere").is_err());
}
