//! One program, which knows no reactor but only what a reactor does, on a real one, in memory, and on a
//! host that this test simulates: a
//! service that stays connected over TLS to a host by its name, a job for a thread, a timer, a server
//! from a string, datagrams, async code, and an orderly end.

#![allow(
    unreachable_pub,
    reason = "a test has no users outside; pub is what the modules offer each other"
)]

#[cfg(unix)]
mod host;

use std::cell::RefCell;
use std::error::Error;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use retwist::deferred::{
    ClientService, Deferred, Executor, ResolveError, Resolver, ThreadPool, Value, sleep,
};
use retwist::endpoint::{Network, client_from_string, datagram_from_string, server_from_string};
use retwist::testing::MemoryReactor;
use retwist::tls::{ClientOptions, Identity, ServerOptions, TlsRole, TrustRoots};
use retwist::{
    Address, DatagramProtocol, DatagramTransport, FullReactor, ListeningPort, Phase, Protocol,
    Reactor, ReactorSettings, ReactorState, SystemEvent, TransportRef,
};

const NAME: &str = "greeter.example";

/// What has happened, in any order.
#[derive(Clone, Default)]
struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    fn say(&self, what: impl Into<String>) {
        self.0.borrow_mut().push(what.into());
    }

    fn sorted(&self) -> Vec<String> {
        let mut all = self.0.borrow().clone();
        all.sort();
        all
    }
}

/// Greets, and echoes datagrams.
struct Greeter;

impl Protocol for Greeter {
    fn connection_made(&mut self, transport: &TransportRef) {
        transport.write(b"hello");
    }

    fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
}

impl DatagramProtocol for Greeter {
    fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], from: &Address) {
        transport.send_to(data, from);
    }
}

/// Hears a greeting.
struct Listener(Log);

impl Protocol for Listener {
    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        self.0
            .say(format!("greeted: {}", String::from_utf8_lossy(data)));
    }
}

/// Asks the echo once.
struct Asks {
    to: Address,
    log: Log,
}

impl DatagramProtocol for Asks {
    fn start_protocol(&mut self, transport: &DatagramTransport) {
        transport.send_to(b"ping", &self.to);
    }

    fn datagram_received(&mut self, transport: &DatagramTransport, _: &[u8], _: &Address) {
        self.log.say("echoed");
        transport.stop_listening();
    }
}

/// The parts of the program that live as long as it.
struct Program {
    _ports: Vec<ListeningPort>,
    _executor: Executor,
    _service: ClientService<Listener>,
}

/// The program. It stops its reactor when all has happened.
fn program(
    network: &Network,
    (client, server): (TlsRole, TlsRole),
    log: &Log,
) -> Result<Program, Box<dyn Error>> {
    let reactor = network.reactor();

    let endpoint = server_from_string("tcp:0:interface=127.0.0.1")?.tls(server);
    let port = endpoint.listen(&*reactor, |_| Greeter)?;
    let number = port.address().port().ok_or("a port has a number")?;

    let endpoint = client_from_string(&format!("tcp:{NAME}:{number}"))?.tls(client);
    let heard = log.clone();
    let service = ClientService::new(&reactor.time(), endpoint.on(network), move || {
        Listener(heard.clone())
    });
    let done = log.clone();
    service.when_connected(None).done(move |connected| {
        if connected.is_ok() {
            done.say("connected");
        }
    });
    service.start();

    let echo = datagram_from_string("udp:0:interface=127.0.0.1")?.listen(&*reactor, Greeter)?;
    let asks = Asks {
        to: echo.address(),
        log: log.clone(),
    };
    datagram_from_string("udp:0:interface=127.0.0.1")?.listen(&*reactor, asks)?;

    let done = log.clone();
    let job = network.pool().defer_to_thread(|| Value(6 * 7));
    job.done(move |product| done.say(format!("computed: {product:?}")));

    let executor = Executor::new(&*reactor);
    let (clock, done) = (reactor.time(), log.clone());
    executor.spawn(async move {
        sleep(&clock, Duration::from_millis(20)).await;
        done.say("slept");
    });

    let started = log.clone();
    reactor.call_when_running(move || started.say("started"));
    let ended = log.clone();
    reactor.add_system_event_trigger(Phase::During, SystemEvent::Shutdown, move |_| {
        ended.say("ended");
    });
    stop_when_complete(reactor, service.clone(), log.clone());
    Ok(Program {
        _ports: vec![port, echo],
        _executor: executor,
        _service: service,
    })
}

/// Looks at the log every so often. Stops the service first, and the reactor when that has closed.
fn stop_when_complete(reactor: Rc<dyn FullReactor>, service: ClientService<Listener>, log: Log) {
    let clock = reactor.time();
    clock.call_later(Duration::from_millis(10), move || {
        // All but "ended".
        if log.sorted().len() < EXPECTED.len() - 1 {
            stop_when_complete(reactor, service, log);
        } else {
            service.stop().done(move |_| reactor.stop());
        }
    });
}

const EXPECTED: [&str; 7] = [
    "computed: Ok(42)",
    "connected",
    "echoed",
    "ended",
    "greeted: hello",
    "slept",
    "started",
];

/// Roles of a client and of a server whose certificate is for [`NAME`].
fn roles() -> (TlsRole, TlsRole) {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
    let certificate = made.cert.pem();
    let identity = Identity::from_pem(&certificate, made.signing_key.serialize_pem()).unwrap();
    let roots = TrustRoots::from_pem(&certificate).unwrap();
    let client = ClientOptions::new(roots).build().unwrap();
    let server = ServerOptions::new(identity).build().unwrap();
    (
        TlsRole::client(client, NAME).unwrap(),
        TlsRole::server(server),
    )
}

/// A resolver that knows one name, and looks it up in a thread.
fn resolver(pool: ThreadPool) -> impl Resolver {
    move |host: &str, port: u16| -> Deferred<Vec<SocketAddr>, ResolveError> {
        let host = host.to_owned();
        pool.defer_to_thread(move || match &*host {
            NAME => Ok(vec![([127, 0, 0, 1], port).into()]),
            _ => Err(ResolveError::NoAddress(host)),
        })
    }
}

#[test]
fn on_a_reactor() {
    let settings = ReactorSettings {
        signals: false,
        ..ReactorSettings::default()
    };
    let reactor = Reactor::with_settings(settings).unwrap();
    let names = resolver(ThreadPool::new(&reactor));
    let network = Network::with(Rc::new(reactor.handle()), Rc::new(names));
    let log = Log::default();
    let _program = program(&network, roles(), &log).unwrap();
    reactor.run().unwrap();
    assert_eq!(log.sorted(), EXPECTED);
}

#[test]
fn in_memory() {
    let reactor = Rc::new(MemoryReactor::new());
    let names = resolver(ThreadPool::new(&*reactor));
    let network = Network::with(reactor.clone(), Rc::new(names));
    let log = Log::default();
    let _program = program(&network, roles(), &log).unwrap();

    // Nothing happens by itself.
    assert_eq!(log.sorted(), [""; 0]);
    assert!(reactor.start());
    assert_eq!(log.sorted(), ["echoed", "started"]);
    assert_eq!(reactor.pending_jobs(), 2);
    while reactor.run_job() {}
    assert_eq!(log.sorted(), ["computed: Ok(42)", "echoed", "started"]);
    let dialled = reactor.connecting().remove(0);
    reactor.complete(&dialled).unwrap().run();
    assert_eq!(
        log.sorted(),
        [
            "computed: Ok(42)",
            "connected",
            "echoed",
            "greeted: hello",
            "started"
        ]
    );
    reactor.clock().advance(Duration::from_millis(100));
    assert!(reactor.is_stopping());
    assert!(reactor.shut_down());
    assert_eq!(log.sorted(), EXPECTED);
    assert_eq!(network.reactor().progress(), ReactorState::Ended);
    assert!(reactor.listening().is_empty());
    assert_eq!(reactor.clock().pending_calls(), 0);
    assert_eq!(reactor.pending_jobs(), 0);
}

#[cfg(unix)]
#[test]
fn on_a_simulated_host() {
    let clock = Rc::new(retwist::testing::ManualClock::new());
    let host = Rc::new(host::Host::on(&clock));
    let names = resolver(ThreadPool::new(&*host));
    let network = Network::with(host.clone(), Rc::new(names));
    let log = Log::default();
    let _program = program(&network, roles(), &log).unwrap();
    host.run();
    assert_eq!(log.sorted(), EXPECTED);
}
