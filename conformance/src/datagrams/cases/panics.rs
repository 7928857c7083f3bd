//! A panic in a callback closes the port, and costs nothing else.

use std::panic;

use retwist_reactor::{Address, DatagramProtocol, DatagramTransport};

use crate::datagrams::{Actor, Event, Open, Peer, World};

/// Panics that a case expects say nothing.
fn quietly(run: impl FnOnce()) {
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let guard = ONE_AT_A_TIME
        .lock()
        .unwrap_or_else(|error| error.into_inner());
    let before = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let outcome = panic::catch_unwind(panic::AssertUnwindSafe(run));
    panic::set_hook(before);
    drop(guard);
    if let Err(payload) = outcome {
        panic::resume_unwind(payload);
    }
}

fn panicked() -> Event {
    Event::Stopped("Panicked".to_owned())
}

pub(crate) fn a_panic_closes_the_port_alone(world: World) {
    quietly(|| {
        let (server, other, client) = (Peer::new(), Peer::new(), Peer::new());
        let (port, there) = world.listen(
            Open::free(),
            Fails(&server).on(|event| matches!(event, Event::Received(..))),
        );
        let (_other, well) = world.listen(Open::free(), other.echoing());
        world.listen(Open::free(), client.quiet());
        world.until(|| !client.events().is_empty());
        client.transport().send_to(b"bad", &there);
        client.transport().send_to(b"bad too", &there);
        client.transport().send_to(b"good", &well);
        world.until(|| server.is_stopped() && !client.received().is_empty());
        world.comes_to_rest();
        assert_eq!(server.received(), [b"bad"]);
        assert_eq!(server.events().last(), Some(&panicked()));
        assert!(!port.is_listening());
        // Its owner may open it again.
        port.start_listening().unwrap();
        world.until(|| server.events().last() == Some(&Event::Started));
    });
}

pub(crate) fn a_panic_as_it_starts(world: World) {
    quietly(|| {
        let server = Peer::new();
        let (port, _) = world.listen(
            Open::free(),
            Fails(&server).on(|event| *event == Event::Started),
        );
        world.until(|| server.is_stopped());
        world.comes_to_rest();
        assert_eq!(server.events(), [Event::Started, panicked()]);
        assert!(!port.is_listening());
    });
}

/// What a protocol does in a call that it asked for is its own, too.
pub(crate) fn a_panic_in_a_call_of_its_own(world: World) {
    struct Timed(Peer);
    impl DatagramProtocol for Timed {
        fn start_protocol(&mut self, transport: &DatagramTransport) {
            transport.call_later(std::time::Duration::from_millis(1), self, |_, _| {
                panic!("late")
            });
        }
        fn stop_protocol(&mut self, reason: &retwist_reactor::Reason) {
            self.0.quiet().stop_protocol(reason);
        }
    }
    quietly(|| {
        let server = Peer::new();
        let (port, _) = world.listen(Open::free(), Timed(server.clone()));
        world.until(|| server.is_stopped());
        assert_eq!(server.events(), [panicked()]);
        assert!(!port.is_listening());
    });
}

pub(crate) fn a_drop_that_panics(world: World) {
    struct Grenade;
    impl DatagramProtocol for Grenade {}
    impl Drop for Grenade {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    quietly(|| {
        let other = Peer::new();
        let (port, _) = world.listen(Open::free(), Grenade);
        world.comes_to_rest();
        port.stop_listening();
        drop(port);
        world.comes_to_rest();
        world.listen(Open::free(), other.quiet());
        world.until(|| !other.events().is_empty());
    });
}

/// A protocol that panics once it was told of something.
struct Fails<'a>(&'a Peer);

impl Fails<'_> {
    fn on(&self, is_it: fn(&Event) -> bool) -> impl DatagramProtocol {
        Failing {
            peer: self.0.clone(),
            is_it,
        }
    }
}

struct Failing {
    peer: Peer,
    is_it: fn(&Event) -> bool,
}

impl Failing {
    fn told(&self, event: Event, tell: impl FnOnce(&mut Actor)) {
        tell(&mut self.peer.quiet());
        assert!(!(self.is_it)(&event), "as the case wants");
    }
}

impl DatagramProtocol for Failing {
    fn start_protocol(&mut self, transport: &DatagramTransport) {
        self.told(Event::Started, |actor| actor.start_protocol(transport));
    }

    fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], from: &Address) {
        let event = Event::Received(data.to_vec(), from.clone());
        self.told(event, |actor| {
            actor.datagram_received(transport, data, from)
        });
    }

    fn stop_protocol(&mut self, reason: &retwist_reactor::Reason) {
        self.peer.quiet().stop_protocol(reason);
    }
}
