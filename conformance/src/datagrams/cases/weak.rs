//! A protocol that names itself: calls that come when it is free, and end with the port.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use retwist_reactor::{Address, DatagramProtocol, DatagramTransport, WeakDatagramProtocol};

use crate::datagrams::{Open, Peer, World};

/// Sends a number every so often.
struct Ticker {
    count: u8,
    to: Address,
}

impl Ticker {
    fn tick(&mut self, transport: &DatagramTransport) {
        self.count += 1;
        transport.send_to(&[self.count], &self.to);
        transport.call_later(Duration::from_millis(1), self, Self::tick);
    }
}

impl DatagramProtocol for Ticker {
    fn start_protocol(&mut self, transport: &DatagramTransport) {
        self.tick(transport);
    }
}

pub(crate) fn timers_of_its_own(world: World) {
    let server = Peer::new();
    let (_port, to) = world.listen(Open::free(), server.quiet());
    let (port, _) = world.listen(Open::free(), Ticker { count: 0, to });
    world.until(|| server.received().len() >= 5);
    port.stop_listening();
    world.comes_to_rest();
    let count = server.received().len();
    world.until(|| world.clock().pending_calls() == 0);
    world.comes_to_rest();
    assert_eq!(server.received().len(), count);
    assert_eq!(server.received()[..5], [[1], [2], [3], [4], [5]]);
}

struct Recaller {
    me: Rc<RefCell<Option<WeakDatagramProtocol<Recaller>>>>,
    log: Rc<RefCell<Vec<String>>>,
}

impl DatagramProtocol for Recaller {
    fn start_protocol(&mut self, transport: &DatagramTransport) {
        *self.me.borrow_mut() = Some(transport.me(self));
    }

    fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], from: &Address) {
        let name = String::from_utf8_lossy(data).into_owned();
        self.log.borrow_mut().push(name.clone());
        let from = from.clone();
        transport.me(self).call(move |this, transport| {
            this.log.borrow_mut().push(format!("after {name}"));
            transport.send_to(b"done", &from);
        });
        self.log.borrow_mut().push("returns".to_owned());
    }
}

pub(crate) fn a_call_in_a_callback_comes_before_the_next_datagram(world: World) {
    let (client, log, me) = (
        Peer::new(),
        Rc::new(RefCell::new(Vec::new())),
        Rc::default(),
    );
    let (_port, there) = world.listen(
        Open::free(),
        Recaller {
            me,
            log: log.clone(),
        },
    );
    world.listen(Open::free(), client.quiet());
    world.until(|| !client.events().is_empty());
    client.transport().send_to(b"a", &there);
    client.transport().send_to(b"b", &there);
    world.until(|| client.received().len() == 2);
    assert_eq!(
        *log.borrow(),
        ["a", "returns", "after a", "b", "returns", "after b"]
    );
}

/// Calls itself again from each call.
struct Restless {
    calls: Rc<Cell<usize>>,
    enough: Rc<Cell<bool>>,
}

/// If it kept the loop to itself, it would make all of them.
const CALLS: usize = 10_000;

impl Restless {
    fn again(&mut self, transport: &DatagramTransport) {
        self.calls.set(self.calls.get() + 1);
        if !self.enough.get() && self.calls.get() < CALLS {
            transport.me(self).call(Self::again);
        }
    }
}

impl DatagramProtocol for Restless {
    fn start_protocol(&mut self, transport: &DatagramTransport) {
        self.again(transport);
    }
}

pub(crate) fn a_call_from_each_call_leaves_the_loop_to_others(world: World) {
    let (calls, enough) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(false)));
    let restless = Restless {
        calls: calls.clone(),
        enough: enough.clone(),
    };
    world.listen(Open::free(), restless);
    let others = enough.clone();
    world.clock().call_soon(move || others.set(true));
    world.until(|| enough.get());
    world.comes_to_rest();
    assert!((2..CALLS).contains(&calls.get()), "{}", calls.get());
}

pub(crate) fn no_call_once_it_was_stopped(world: World) {
    let me: Rc<RefCell<Option<WeakDatagramProtocol<Recaller>>>> = Rc::default();
    let recaller = Recaller {
        me: me.clone(),
        log: Rc::default(),
    };
    let (port, _) = world.listen(Open::free(), recaller);
    world.until(|| me.borrow().is_some());
    let me = me.take().unwrap();
    assert_eq!(
        me.ask(|this, transport| (this.log.borrow().len(), transport.is_listening())),
        Some((0, true))
    );
    port.stop_listening();
    assert_eq!(me.ask(|_, _| ()), None);
    me.call(|_, _| panic!("it was stopped"));
    world.comes_to_rest();
}
