//! What is not a connection that was accepted: what this side has made, ports of datagrams, children.

use super::*;

#[test]
fn a_connection_that_this_side_made_goes_on_until_the_others_have_ended() {
    let (reactor, log) = (reactor(), Log::default());
    let server = Peer::new();
    let backend = crate::shutdown::serve(&reactor, server.quiet());
    let client_log = log.clone();
    let to_backend: SocketAddr = backend.address().socket().unwrap();
    reactor.connect_tcp(TcpConnect::address(to_backend), move |_| Server {
        log: client_log.clone(),
        closes_when_idle: false,
    });
    let (handle, made) = (reactor.handle(), log.clone());
    when(
        &reactor,
        move || made.story() == "made",
        move || handle.drain(LONG),
    );
    // The backend is the one connection that is served here: when it goes on, the drain does.
    let (draining, other) = (reactor.handle(), server.clone());
    when(
        &reactor,
        move || draining.state() == ReactorState::Draining && !backend.is_listening(),
        move || other.transport().lose_connection(),
    );
    reactor.run().unwrap();
    let story = log.story();
    assert!(!story.contains("drain"), "{story}");
    assert!(server.is_over());
}

/// Says when it is asked, and closes only when the reactor stops if `stays`.
pub struct Port {
    pub log: Log,
    pub stays: bool,
}

impl DatagramProtocol for Port {
    fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], from: &Address) {
        self.log.say("datagram");
        transport.send_to(data, from);
    }

    fn shutting_down(&mut self, transport: &DatagramTransport) {
        let draining = transport.is_draining();
        self.log.say(if draining { "drain" } else { "stop" });
        if !draining || !self.stays {
            transport.stop_listening();
        }
    }

    fn stop_protocol(&mut self, _: &Reason) {
        self.log.say("over");
    }
}

#[test]
fn a_port_of_datagrams_reads_what_waits_and_is_asked() {
    for stays in [false, true] {
        let (reactor, log) = (reactor(), Log::default());
        let port = reactor
            .listen_udp(
                SocketAddr::from(([127, 0, 0, 1], 0)),
                Port {
                    log: log.clone(),
                    stays,
                },
            )
            .unwrap();
        let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        client.send_to(b"here", port.address()).unwrap();
        let handle = reactor.handle();
        reactor.call_when_running(move || handle.drain(LONG));
        reactor.run().unwrap();
        let story = if stays {
            "datagram drain stop over"
        } else {
            "datagram drain over"
        };
        assert_eq!(log.story(), story);
    }
}

/// Says when it is asked, and how its child ends.
#[cfg(unix)]
struct Child(Log);

#[cfg(unix)]
impl retwist::ProcessProtocol for Child {
    fn shutting_down(&mut self, process: &retwist::ProcessTransport) {
        self.0.say(if process.is_draining() {
            "drain"
        } else {
            "stop"
        });
    }

    fn process_ended(&mut self, exit: &retwist::ProcessExit) {
        self.0
            .say(if exit.is_success() { "ended" } else { "killed" });
    }
}

#[cfg(unix)]
#[test]
fn a_drain_waits_for_a_child_process() {
    let (reactor, log) = (reactor(), Log::default());
    let process = reactor.spawn_process("cat", Child(log.clone())).unwrap();
    let handle = reactor.handle();
    reactor.call_when_running(move || handle.drain(LONG));
    let asked = log.clone();
    when(
        &reactor,
        move || asked.story() == "drain",
        move || process.close_stdin(),
    );
    reactor.run().unwrap();
    assert_eq!(log.story(), "drain ended");
}
