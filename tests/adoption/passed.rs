//! Connections that one reactor passes to another one.

use std::cell::{Cell, RefCell};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

use retwist::protocols::{Policy, Timeout};
use retwist::testing::Pair;
use retwist::{
    PassError, PassTarget, Producer, ProducerKind, Protocol, Reactor, Reason, TransportRef,
    UnixDescriptors,
};

use crate::{Log, reactor};

/// Two reactors in one thread, whose passes the test makes.
struct Two {
    first: Reactor,
    second: Reactor,
    log: Log,
}

/// Serves until it is told to pass the connection on, and then gives back all that came behind that.
struct Porter {
    log: Log,
    target: Rc<RefCell<PassTarget>>,
    greeting: Vec<u8>,
}

impl Protocol for Porter {
    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        let id = transport.connection_id().unwrap();
        let Some(at) = data.iter().position(|byte| *byte == b'>') else {
            return transport.write(data);
        };
        transport.write(&data[..at]);
        transport.write(&self.greeting);
        match transport.pass_to(&self.target.borrow(), &data[at + 1..]) {
            Ok(()) => {
                self.log.say(format!("passed:{id}"));
                if transport.is_connected() || transport.is_reading() {
                    self.log.say("is-connected-still");
                }
                if let Err(error) = transport.pass_to(&self.target.borrow(), b"twice") {
                    self.log.say(format!("{error:?}"));
                }
                transport.unread(b"this is too late");
                transport.write(b"this is too late");
            }
            Err(error) => self.log.say(format!("{error:?}")),
        }
    }

    fn connection_lost(&mut self, reason: &Reason) {
        if !reason.is_clean() {
            self.log.say("unclean");
        }
        self.log.say(format!("lost:{reason}"));
    }
}

/// Tells what it gets, and sends it back in brackets.
struct Second(Log);

impl Protocol for Second {
    fn connection_made(&mut self, transport: &TransportRef) {
        let id = transport.connection_id().unwrap();
        self.0.say(format!("made:{id}:{}", transport.peer()));
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        transport.write_sequence(&[b"[", data, b"]"]);
    }

    fn read_connection_lost(&mut self, transport: &TransportRef) {
        self.0.say("end-of-input");
        transport.lose_connection();
    }
}

impl Two {
    fn new() -> Self {
        let (first, second, log) = (reactor(), reactor(), Log::default());
        Two { first, second, log }
    }

    fn target(&self) -> PassTarget {
        let log = self.log.clone();
        self.second
            .accept_passed(move |_| Second(log.clone()))
            .unwrap()
    }

    fn porter(&self, target: PassTarget) -> Porter {
        Porter {
            log: self.log.clone(),
            target: Rc::new(RefCell::new(target)),
            greeting: Vec::new(),
        }
    }

    /// A client of a porter on the first reactor.
    fn connect(&self, porter: Porter) -> TcpStream {
        let porter = Cell::new(Some(porter));
        let port = self.first.listen_tcp("127.0.0.1:0", move |_| porter.take());
        connect(port.unwrap().address().socket().unwrap())
    }

    fn turn(&self) {
        self.first.iterate(Duration::ZERO).unwrap();
        self.second.iterate(Duration::from_millis(1)).unwrap();
    }

    #[track_caller]
    fn until(&self, is_so: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while !is_so() {
            assert!(Instant::now() < end, "{}", self.log.story());
            self.turn();
        }
    }

    /// What comes until it is so long.
    #[track_caller]
    fn hear(&self, client: &mut impl Read, length: usize) -> Vec<u8> {
        let heard = RefCell::new(Vec::new());
        let client = RefCell::new(client);
        self.until(|| {
            read_some(&mut *client.borrow_mut(), &mut heard.borrow_mut());
            heard.borrow().len() >= length
        });
        heard.into_inner()
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(address).unwrap();
    client.set_nonblocking(true).unwrap();
    client
}

/// Reads what there is. True at the end of input.
fn read_some(client: &mut impl Read, heard: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 4096];
    match client.read(&mut buffer) {
        Ok(0) => true,
        Ok(count) => {
            heard.extend_from_slice(&buffer[..count]);
            false
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
            false
        }
    }
}

#[test]
fn the_next_protocol_gets_what_was_not_used_and_then_what_comes() {
    let two = Two::new();
    let mut client = two.connect(two.porter(two.target()));
    client.write_all(b"one>two").unwrap();
    assert_eq!(two.hear(&mut client, 8), b"one[two]");
    client.write_all(b"three").unwrap();
    assert_eq!(two.hear(&mut client, 7), b"[three]");
    let peer = client.local_addr().unwrap();
    let story = two.log.story();
    let id = story.split([':', ' ']).nth(1).unwrap();
    let order = format!(
        "passed:{id} NotConnected lost:connection passed to another reactor made:{id}:{peer}"
    );
    assert_eq!(story, order);

    let (first, second) = (two.first.stats(), two.second.stats());
    assert_eq!((first.begun, first.ended, first.broken), (1, 1, 0));
    assert_eq!((second.begun, second.ended, second.accepted), (1, 0, 1));
    assert_eq!(two.first.remote().served(), 0);
    assert_eq!(two.second.remote().served(), 1);
    drop(client);
    two.until(|| two.second.remote().served() == 0);
}

#[test]
fn unsent_bytes_go_with_it_and_nothing_is_out_of_order() {
    let two = Two::new();
    // More than the system takes of one who does not read.
    let greeting: Vec<u8> = (0..24 * 1024 * 1024_u32)
        .map(|at| (at % 251) as u8)
        .collect();
    let porter = Porter {
        greeting: greeting.clone(),
        ..two.porter(two.target())
    };
    let mut client = two.connect(porter);
    client.write_all(b">unused").unwrap();
    two.until(|| two.log.story().contains("made:"));
    let heard = two.hear(&mut client, greeting.len() + 8);
    assert!(heard[..greeting.len()] == greeting);
    assert_eq!(&heard[greeting.len()..], b"[unused]");
}

#[test]
fn the_end_of_input_is_told_to_the_next_protocol() {
    let two = Two::new();
    let mut client = two.connect(two.porter(two.target()));
    client.write_all(b">last words").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut heard = Vec::new();
    let end = Instant::now() + Duration::from_secs(60);
    while !read_some(&mut client, &mut heard) {
        assert!(Instant::now() < end);
        two.turn();
    }
    assert_eq!(heard, b"[last words]");
    assert!(two.log.story().ends_with("end-of-input"));
}

#[test]
fn a_unix_socket_is_passed_too() {
    let two = Two::new();
    let (mut client, served) = UnixStream::pair().unwrap();
    client.set_nonblocking(true).unwrap();
    let porter = two.porter(two.target());
    two.first.adopt_stream_connection(served, porter).unwrap();
    client.write_all(b"one>two").unwrap();
    assert_eq!(two.hear(&mut client, 8), b"one[two]");
}

#[test]
fn a_reactor_can_pass_to_itself_and_from_outside_a_callback() {
    let two = Two::new();
    let log = two.log.clone();
    let target = two
        .first
        .accept_passed(move |_| Second(log.clone()))
        .unwrap();
    let (mut client, served) = UnixStream::pair().unwrap();
    client.set_nonblocking(true).unwrap();
    let porter = two.porter(target.clone());
    let transport = two.first.adopt_stream_connection(served, porter).unwrap();
    two.turn();
    transport.write(b"before ");
    transport.pass_to(&target, b"given").unwrap();
    transport.write(b"too late");
    assert_eq!(two.hear(&mut client, 14), b"before [given]");
}

/// Passes the connection on with each delivery, and sends back a byte of it before that.
struct Restless {
    next: Rc<RefCell<Option<PassTarget>>>,
    passed: Rc<Cell<usize>>,
}

impl Protocol for Restless {
    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        let at = data.len().min(1 + self.passed.get() % 700);
        transport.write(&data[..at]);
        let next = self.next.borrow().clone().unwrap();
        transport.pass_to(&next, &data[at..]).unwrap();
        self.passed.set(self.passed.get() + 1);
    }
}

#[test]
fn a_connection_that_is_passed_on_all_the_time_keeps_each_byte() {
    let two = Two::new();
    let passed = Rc::new(Cell::new(0));
    let [to_first, to_second] = [(); 2].map(|()| Rc::new(RefCell::new(None)));
    for (reactor, own, next) in [
        (&two.first, &to_first, &to_second),
        (&two.second, &to_second, &to_first),
    ] {
        let (next, passed) = (next.clone(), passed.clone());
        let target = reactor.accept_passed(move |_| Restless {
            next: next.clone(),
            passed: passed.clone(),
        });
        own.replace(Some(target.unwrap()));
    }
    let (next, count) = (to_second.clone(), passed.clone());
    let port = two.first.listen_tcp("127.0.0.1:0", move |_| Restless {
        next: next.clone(),
        passed: count.clone(),
    });
    let mut client = connect(port.unwrap().address().socket().unwrap());
    let data: Vec<u8> = (0..200_000_u32).map(|at| (at % 253) as u8).collect();
    let (mut sent, mut heard) = (0, Vec::new());
    let end = Instant::now() + Duration::from_secs(60);
    while heard.len() < data.len() {
        assert!(Instant::now() < end, "{} of {}", heard.len(), data.len());
        if let Ok(count) = client.write(&data[sent..(sent + 3_000).min(data.len())]) {
            sent += count;
        }
        two.turn();
        read_some(&mut client, &mut heard);
    }
    assert!(heard == data);
    assert!(passed.get() > 100, "{}", passed.get());
}

#[test]
fn a_target_that_is_gone_gives_the_connection_back() {
    let two = Two::new();
    let gone = {
        let another = reactor();
        another.accept_passed(|_| Second(Log::default())).unwrap()
    };
    assert!(!gone.is_open());
    let mut client = two.connect(two.porter(gone));
    client.write_all(b"one>").unwrap();
    assert_eq!(two.hear(&mut client, 3), b"one");
    assert_eq!(two.log.story(), "TargetGone");
    client.write_all(b"two").unwrap();
    assert_eq!(two.hear(&mut client, 3), b"two");
}

#[test]
fn a_reactor_that_drains_takes_what_was_passed_before_and_nothing_after() {
    let two = Two::new();
    let target = two.target();
    let mut clients = [(); 2].map(|()| two.connect(two.porter(target.clone())));
    clients[0].write_all(b">first").unwrap();
    while !two.log.story().contains("passed") {
        two.first.iterate(Duration::from_millis(10)).unwrap();
    }
    // It has not arrived: the second reactor has made no pass.
    assert_eq!(target.served(), 1);
    two.second.start().unwrap();
    two.second.drain(Duration::from_secs(3600));
    assert_eq!(two.hear(&mut clients[0], 7), b"[first]");
    assert!(!target.is_open());
    clients[1].write_all(b">second").unwrap();
    two.until(|| two.log.story().contains("TargetGone"));
}

#[test]
fn a_connection_that_has_not_arrived_ends_with_its_reactor() {
    let mut two = Two::new();
    let mut client = two.connect(two.porter(two.target()));
    client.write_all(b">").unwrap();
    while !two.log.story().contains("passed") {
        two.first.iterate(Duration::from_millis(10)).unwrap();
    }
    two.second = reactor();
    let mut heard = Vec::new();
    let end = Instant::now() + Duration::from_secs(60);
    while !read_some(&mut client, &mut heard) {
        assert!(Instant::now() < end);
    }
    assert_eq!(heard, b"");
}

#[test]
fn a_factory_can_refuse_what_is_passed() {
    let two = Two::new();
    let nothing = |_: &_| None::<retwist::ProtocolRef>;
    let target = two.second.accept_passed(nothing).unwrap();
    let mut client = two.connect(two.porter(target));
    client.write_all(b">").unwrap();
    two.until(|| two.second.stats().refused.by_factory == 1);
    let mut heard = Vec::new();
    let end = Instant::now() + Duration::from_secs(60);
    while !read_some(&mut client, &mut heard) {
        assert!(Instant::now() < end);
    }
}

/// Never finishes.
struct Endless;

impl Producer for Endless {
    fn resume_producing(&self) {}
    fn pause_producing(&self) {}
    fn stop_producing(&self) {}
}

#[test]
fn what_cannot_be_passed_says_why_and_stays_as_it_was() {
    let two = Two::new();
    let target = two.target();
    let pair = |how: &dyn Fn(&TransportRef)| {
        let (mut client, served) = UnixStream::pair().unwrap();
        client.set_nonblocking(true).unwrap();
        let porter = two.porter(target.clone());
        let transport = two.first.adopt_stream_connection(served, porter).unwrap();
        two.turn();
        how(&transport);
        let error = transport.pass_to(&target, b"").unwrap_err();
        client.write_all(b"still here").unwrap();
        assert_eq!(two.hear(&mut client, 10), b"still here");
        error
    };
    let error = pair(&|transport| {
        transport
            .register_producer(Rc::new(Endless), ProducerKind::Push)
            .unwrap();
    });
    assert!(matches!(error, PassError::Producer), "{error}");
    let error = pair(&|transport| {
        let descriptors = UnixDescriptors::of(transport).unwrap();
        descriptors.accept(1);
    });
    assert!(matches!(error, PassError::Descriptors), "{error}");

    let (_client, served) = UnixStream::pair().unwrap();
    let porter = two.porter(target.clone());
    let transport = two.first.adopt_stream_connection(served, porter).unwrap();
    two.turn();
    transport.lose_write_connection();
    let error = transport.pass_to(&target, b"").unwrap_err();
    assert!(matches!(error, PassError::WriteClosed), "{error}");
    transport.lose_connection();
    let error = transport.pass_to(&target, b"").unwrap_err();
    assert!(matches!(error, PassError::NotConnected), "{error}");
}

/// Tries to pass what cannot be passed.
struct Tries(PassTarget, Log);

impl Protocol for Tries {
    fn connection_made(&mut self, transport: &TransportRef) {
        let error = transport.pass_to(&self.0, b"").unwrap_err();
        self.1.say(format!("{error:?}"));
    }
}

#[test]
fn layers_and_memory_are_refused() {
    let two = Two::new();
    let layered = Timeout::new().idle(Duration::from_secs(60));
    let tries = Tries(two.target(), two.log.clone());
    let (_client, served) = UnixStream::pair().unwrap();
    let above = Policy::wrap(&layered, tries);
    two.first.adopt_stream_connection(served, above).unwrap();
    two.turn();
    assert_eq!(two.log.story(), "Layered");

    struct Client;
    impl Protocol for Client {}
    let pair = Pair::new(Client, Tries(two.target(), two.log.clone()));
    pair.run();
    assert_eq!(two.log.story(), "Layered NoSocket");
}
