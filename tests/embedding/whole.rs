//! Everything that a reactor does, driven in each way: accept, echo, timers, a call from a thread, TLS
//! with its orderly close, and the end.

use std::net::Ipv4Addr;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use retwist::tls::{ClientOptions, Identity, ServerOptions, TlsFactory, TlsRole, TrustRoots};
use retwist::{
    Address, Phase, Protocol, Reactor, ReactorHandle, Reason, SystemEvent, TcpListen, TransportRef,
    factory,
};

use crate::drivers::DRIVERS;
use crate::{Log, reactor};

/// A server and a client that know each other.
fn roles() -> (TlsRole, TlsRole) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.pem();
    let identity = Identity::from_pem(&certificate, made.signing_key.serialize_pem()).unwrap();
    let roots = TrustRoots::from_pem(&certificate).unwrap();
    let client = ClientOptions::new(roots).build().unwrap();
    (
        TlsRole::server(ServerOptions::new(identity).build().unwrap()),
        TlsRole::client(client, "localhost").unwrap(),
    )
}

/// More than fits into the buffers of the system, so that sending it takes many passes.
const BULK: usize = 3_000_000;

/// Sends back what it gets, and has much to say at the end.
struct Server(Log);

impl Protocol for Server {
    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        transport.write(data);
    }

    fn shutting_down(&mut self, transport: &TransportRef) {
        self.0.say("server-asked");
        transport.write(&vec![b'.'; BULK]);
        transport.lose_connection();
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.0.say(format!("server-lost:{}", reason.is_clean()));
    }
}

struct Client {
    log: Log,
    reactor: ReactorHandle,
    received: usize,
}

impl Protocol for Client {
    fn connection_made(&mut self, transport: &TransportRef) {
        self.log.say("made");
        transport.write(b"hello");
    }

    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        self.received += data.len();
        if self.received != 5 {
            return;
        }
        self.log.say("echo");
        let (log, reactor) = (self.log.clone(), self.reactor.clone());
        self.reactor.call_later(Duration::from_millis(5), move || {
            log.say("timer");
            let remote = reactor.remote();
            thread::spawn(move || remote.call_from_thread(|reactor| reactor.stop()));
        });
    }

    /// It stays, to hear what the server has to say.
    fn shutting_down(&mut self, _: &TransportRef) {
        self.log.say("client-asked");
    }

    fn connection_lost(&mut self, reason: &Reason) {
        let (clean, all) = (reason.is_clean(), self.received == 5 + BULK);
        self.log.say(format!("client-lost:{clean}:{all}"));
    }
}

fn set_up(reactor: &Reactor, log: &Log) {
    use {Phase::*, SystemEvent::*};
    for (phase, event, word) in [
        (Before, Startup, "before-startup"),
        (During, Startup, "during-startup"),
        (Before, Shutdown, "before-shutdown"),
        (During, Shutdown, "during-shutdown"),
        (After, Shutdown, "after-shutdown"),
    ] {
        let (log, handle) = (log.clone(), reactor.handle());
        reactor.add_system_event_trigger(phase, event, move |hold| {
            log.say(word);
            if phase == Before {
                // A while, and from another thread.
                handle.call_later(Duration::from_millis(2), move || {
                    thread::spawn(move || drop(hold));
                });
            }
        });
    }
    let (server, client) = roles();
    let serves = {
        let log = log.clone();
        TlsFactory::new(server, factory(move |_: &Address| Server(log.clone())))
    };
    let listen = TcpListen::port(0).interface(Ipv4Addr::LOCALHOST);
    let port = reactor.listen_tcp_factory(listen, serves).unwrap();
    let connects = {
        let (log, reactor) = (log.clone(), reactor.handle());
        let build = move |_: &Address| Client {
            log: log.clone(),
            reactor: reactor.clone(),
            received: 0,
        };
        Rc::new(TlsFactory::new(client, factory(build)))
    };
    let handle = reactor.handle();
    reactor.call_when_running(move || {
        let address = port.address().socket().unwrap();
        handle.connect_tcp_factory(address, connects);
    });
}

#[test]
fn each_way_to_drive_it_brings_it_to_the_same_end() {
    for (name, drive) in DRIVERS {
        let (reactor, log) = (Rc::new(reactor()), Log::default());
        set_up(&reactor, &log);
        drive(&reactor);
        let story = log.story();
        let asked_and_lost: Vec<_> = story.split(' ').collect();
        let (before, after) = (
            &asked_and_lost[..6],
            &asked_and_lost[asked_and_lost.len() - 2..],
        );
        assert_eq!(
            before.join(" "),
            "before-startup during-startup made echo timer before-shutdown",
            "{name}: {story}"
        );
        for said in [
            "server-asked",
            "client-asked",
            "server-lost:true",
            "client-lost:true:true",
        ] {
            let times = asked_and_lost.iter().filter(|word| **word == said).count();
            assert_eq!(times, 1, "{name}: {said}: {story}");
        }
        assert_eq!(
            after,
            ["during-shutdown", "after-shutdown"],
            "{name}: {story}"
        );
        assert_eq!(asked_and_lost.len(), 12, "{name}: {story}");
    }
}
