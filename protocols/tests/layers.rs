//! What holds for every layer, alone and in stacks of any order: it is not there, as far as its
//! neighbours can tell.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use retwist_protocols::{
    FactoryPolicy, FileSender, Limits, Policy, ProxyHeader, ProxyProtocol, SendProxyHeader, Tap,
    ThrottleReads, ThrottleWrites, Timeout,
};
use retwist_reactor::testing::{Pair, Side};
use retwist_reactor::{
    Address, Factory, Joint, Layer, LayerExt, Producer, ProducerKind, Protocol, ProtocolHandle,
    ProtocolRef, Reason, TransportRef,
};

const CUTS: [usize; 7] = [1, 2, 3, 7, 64, 1000, usize::MAX];
const HOUR: Duration = Duration::from_secs(3600);

/// A layer to be put under a client and the one that belongs under its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Timeout,
    ReadThrottle,
    WriteThrottle,
    Limits,
    Tap,
    ProxyV1,
    ProxyV2,
    Negotiation,
}

const KINDS: [Kind; 8] = [
    Kind::Timeout,
    Kind::ReadThrottle,
    Kind::WriteThrottle,
    Kind::Limits,
    Kind::Tap,
    Kind::ProxyV1,
    Kind::ProxyV2,
    Kind::Negotiation,
];

impl Kind {
    fn under_client(self, above: ProtocolRef) -> ProtocolRef {
        let header = ProxyHeader::client(address("192.0.2.1:1234"), address("198.51.100.9:443"));
        match self {
            Kind::ProxyV1 => SendProxyHeader::v1(&header).wrap(above),
            Kind::ProxyV2 => SendProxyHeader::v2(&header).wrap(above),
            _ => self.under_server(above),
        }
    }

    fn under_server(self, above: ProtocolRef) -> ProtocolRef {
        match self {
            Kind::Timeout => Timeout::new().idle(HOUR).total(2 * HOUR).wrap(above),
            Kind::ReadThrottle => ThrottleReads::each(100_000, 10_000).wrap(above),
            Kind::WriteThrottle => ThrottleWrites::each(100_000, 10_000).wrap(above),
            Kind::Limits => Limits::new()
                .total(1)
                .factory(move |_: &Address| above.clone())
                .build_protocol(&Address::Unknown)
                .expect("there is room"),
            Kind::Tap => Tap::new()
                .to(|_, event| drop(event.to_string()))
                .wrap(above),
            Kind::ProxyV1 | Kind::ProxyV2 => {
                ProxyProtocol::trusting(["192.0.2.1".parse().expect("a prefix")]).wrap(above)
            }
            Kind::Negotiation => Negotiation::new(above).below(),
        }
    }
}

fn address(text: &str) -> Address {
    let address: std::net::SocketAddr = text.parse().expect("a good address");
    address.into()
}

/// The first of `kinds` is nearest to the wire.
fn stack(kinds: &[Kind], client: ProtocolRef, server: ProtocolRef) -> Pair {
    let client = kinds
        .iter()
        .rfold(client, |above, kind| kind.under_client(above));
    let server = kinds
        .iter()
        .rfold(server, |above, kind| kind.under_server(above));
    Pair::new(client, server)
}

/// Says that a handshake is completed before it delivers anything.
struct Negotiation {
    joint: Joint,
}

impl Negotiation {
    fn new(above: ProtocolRef) -> Rc<Self> {
        Rc::new_cyclic(|me| Negotiation {
            joint: Joint::new(me, above),
        })
    }
}

impl Layer for Negotiation {
    fn joint(&self) -> &Joint {
        &self.joint
    }

    fn connection_made(&self) {
        self.joint.seat().open();
        self.joint.seat().handshake_completed();
    }
}

type Log = Rc<RefCell<Vec<String>>>;

type Begin = dyn FnOnce(&TransportRef);
type Answer = dyn FnMut(&TransportRef, &[u8]);

/// Writes down what it hears, does one thing when it is connected, and answers bytes.
struct Witness {
    log: Log,
    received: Rc<RefCell<Vec<u8>>>,
    begin: Option<Box<Begin>>,
    answer: Box<Answer>,
    end: fn(&TransportRef),
}

impl Witness {
    fn new() -> Self {
        Witness {
            log: Log::default(),
            received: Rc::default(),
            begin: None,
            answer: Box::new(|_, _| ()),
            end: |transport| transport.lose_connection(),
        }
    }

    fn begin(self, begin: impl FnOnce(&TransportRef) + 'static) -> Self {
        Witness {
            begin: Some(Box::new(begin)),
            ..self
        }
    }

    fn answer(self, answer: impl FnMut(&TransportRef, &[u8]) + 'static) -> Self {
        Witness {
            answer: Box::new(answer),
            ..self
        }
    }

    fn note(&self, what: impl Into<String>) {
        self.log.borrow_mut().push(what.into());
    }
}

impl Protocol for Witness {
    fn connection_made(&mut self, transport: &TransportRef) {
        self.note(format!("made {} {}", transport.peer(), transport.host()));
        if let Some(begin) = self.begin.take() {
            begin(transport);
        }
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        self.received.borrow_mut().extend(data);
        (self.answer)(transport, data);
    }

    fn transport_switched(&mut self, _: &TransportRef) {
        self.note("switched");
    }

    fn handshake_completed(&mut self, _: &TransportRef) {
        self.note("handshake");
    }

    fn read_connection_lost(&mut self, transport: &TransportRef) {
        self.note(format!(
            "end of input after {}",
            self.received.borrow().len()
        ));
        (self.end)(transport);
    }

    fn write_connection_lost(&mut self, _: &TransportRef) {
        self.note("end of output");
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.note(format!("lost: {reason}"));
    }
}

/// What the log of one end must be, whatever the stack, with these things in between.
fn expected(kinds: &[Kind], side: Side, between: &[&str]) -> Vec<String> {
    let proxied = kinds
        .iter()
        .any(|kind| matches!(kind, Kind::ProxyV1 | Kind::ProxyV2));
    let made = match side {
        Side::Client => "made server client",
        Side::Server if proxied => "made 192.0.2.1:1234 198.51.100.9:443",
        Side::Server => "made client server",
    };
    let handshakes = kinds
        .iter()
        .filter(|kind| **kind == Kind::Negotiation)
        .count();
    let mut log = vec![made.to_owned()];
    // More than one handshake may be told as one.
    log.extend((0..handshakes.min(1)).map(|_| "handshake".to_owned()));
    log.extend(between.iter().map(|&what| what.to_owned()));
    log
}

fn heard(log: &Log) -> Vec<String> {
    let mut log = log.borrow().clone();
    log.dedup_by(|a, b| a == "handshake" && b == "handshake");
    log
}

/// A request, closed on the writing side; an answer that comes after it, of several writes; a
/// close. All of it, at any cut, in order.
fn converse(kinds: &[Kind], cut: usize) {
    let request: Vec<u8> = (0..10_000_u32).map(|byte| byte as u8).collect();
    let sent = request.clone();
    let client = Witness::new().begin(move |transport| {
        transport.write(&sent[..10]);
        transport.write(&sent[10..]);
        transport.lose_write_connection();
    });
    let mut server = Witness::new();
    let received = server.received.clone();
    server.answer = Box::new(|transport, data| transport.write(data));
    server.end = |transport| {
        transport.write(b"bye");
        transport.lose_connection();
    };
    let (client_log, server_log) = (client.log.clone(), server.log.clone());
    let answered = client.received.clone();
    let pair = stack(kinds, client.into(), server.into()).cut(cut);
    pair.advance(Duration::from_secs(60));
    assert!(*received.borrow() == request, "{kinds:?}: the request");
    let answer = [&request[..], b"bye"].concat();
    assert!(
        *answered.borrow() == answer,
        "{kinds:?}: {} bytes came back",
        answered.borrow().len()
    );
    let lost = "lost: connection closed cleanly";
    assert_eq!(
        heard(&server_log),
        expected(kinds, Side::Server, &["end of input after 10000", lost]),
        "{kinds:?}"
    );
    assert_eq!(
        heard(&client_log),
        expected(
            kinds,
            Side::Client,
            &["end of output", "end of input after 10003", lost]
        ),
        "{kinds:?}"
    );
    assert_eq!(
        pair.clock().pending_calls(),
        0,
        "{kinds:?}: a timer is left"
    );
}

#[test]
fn a_conversation_passes_through_each_layer_at_any_cut() {
    for kind in KINDS {
        for cut in CUTS {
            converse(&[kind], cut);
        }
    }
    converse(&[], 7);
}

fn any_stack() -> impl Strategy<Value = Vec<Kind>> {
    vec(prop::sample::select(KINDS.to_vec()), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn layers_stack_in_any_order(kinds in any_stack(), cut in prop::sample::select(CUTS.to_vec())) {
        converse(&kinds, cut);
    }
}

#[test]
fn a_reset_comes_through_with_its_reason() {
    for kind in KINDS {
        let server = Witness::new();
        let log = server.log.clone();
        let client = Witness::new().begin(|transport| transport.write(&[1; 1000]));
        let pair = stack(&[kind], client.into(), server.into()).reset_after(Side::Client, 500);
        pair.advance(Duration::from_secs(1));
        assert_eq!(
            heard(&log),
            expected(&[kind], Side::Server, &["lost: connection lost"]),
            "{kind:?}"
        );
        assert_eq!(pair.clock().pending_calls(), 0, "{kind:?}: a timer is left");
    }
}

#[test]
fn an_abort_is_one() {
    for kind in KINDS {
        let server = Witness::new().answer(|transport, _| {
            transport.write(b"never sent");
            transport.abort_connection();
        });
        let log = server.log.clone();
        let client = Witness::new().begin(|transport| transport.write(b"x"));
        let received = client.received.clone();
        let pair = stack(&[kind], client.into(), server.into());
        pair.advance(Duration::from_secs(1));
        let lost = "lost: connection aborted by this side";
        assert_eq!(
            heard(&log),
            expected(&[kind], Side::Server, &[lost]),
            "{kind:?}"
        );
        assert!(received.borrow().is_empty(), "{kind:?}");
    }
}

/// A push producer that counts.
struct Source {
    transport: TransportRef,
    left: std::cell::Cell<usize>,
    paused: std::cell::Cell<bool>,
    pauses: Rc<std::cell::Cell<usize>>,
}

impl Producer for Source {
    fn resume_producing(&self) {
        self.paused.set(false);
        while !self.paused.get() && self.left.get() > 0 {
            self.left.set(self.left.get() - 1);
            self.transport.write(&[7; 1000]);
        }
        if self.left.get() == 0 {
            self.transport.unregister_producer();
            self.transport.lose_connection();
        }
    }

    fn pause_producing(&self) {
        self.pauses.set(self.pauses.get() + 1);
        self.paused.set(true);
    }

    fn stop_producing(&self) {
        self.left.set(0);
        self.paused.set(true);
    }
}

#[test]
fn a_producer_is_held_back_by_a_slow_reader() {
    for kind in KINDS {
        let pauses = Rc::new(std::cell::Cell::new(0));
        let counted = pauses.clone();
        let server = Witness::new().answer(move |transport, _| {
            let source = Rc::new(Source {
                transport: transport.clone(),
                left: std::cell::Cell::new(500),
                paused: std::cell::Cell::new(false),
                pauses: counted.clone(),
            });
            transport
                .register_producer(source.clone(), ProducerKind::Push)
                .expect("no producer");
            source.resume_producing();
        });
        let held = Rc::new(RefCell::new(None));
        let kept = held.clone();
        let client = Witness::new().begin(move |transport| {
            transport.write(b"go");
            transport.pause_producing();
            *kept.borrow_mut() = Some(transport.clone());
        });
        let received = client.received.clone();
        let server = ProtocolHandle::new(server);
        let pair = stack(&[kind], client.into(), (&server).into());
        pair.advance(Duration::from_secs(10));
        assert!(
            received.borrow().is_empty(),
            "{kind:?}: a paused protocol received something"
        );
        assert!(pauses.get() > 0, "{kind:?}: nobody held the producer back");
        assert!(
            pair.server().buffered() < 300_000,
            "{kind:?}: {}",
            pair.server().buffered()
        );
        let client = held.borrow().clone().expect("it is connected");
        client.resume_producing();
        pair.advance(Duration::from_secs(10));
        assert_eq!(received.borrow().len(), 500_000, "{kind:?}");
        assert_eq!(pair.clock().pending_calls(), 0, "{kind:?}: a timer is left");
    }
}

#[test]
fn a_pull_producer_is_waited_for() {
    for kind in KINDS {
        let server = Witness::new().begin(|transport| {
            let file = std::io::Cursor::new(vec![9; 100_000]);
            FileSender::new(file, |_| ())
                .begin(transport)
                .expect("no producer");
            transport.lose_connection();
        });
        let client = Witness::new();
        let received = client.received.clone();
        let pair = stack(&[kind], client.into(), server.into());
        pair.advance(Duration::from_secs(10));
        assert_eq!(received.borrow().len(), 100_000, "{kind:?}");
    }
}

#[test]
fn a_switch_inside_a_layer_leaves_it_in_place() {
    for kind in KINDS {
        let next = Witness::new().answer(|transport, _| transport.write(b"second"));
        let (log, received) = (next.log.clone(), next.received.clone());
        let mut next = Some(next);
        let server = Witness::new().answer(move |transport, data| {
            let next = next.take().expect("it is switched once");
            transport.unread(&data[1..]);
            transport.switch_protocol(next.into());
        });
        let client = Witness::new().begin(|transport| transport.write(b"12"));
        let answered = client.received.clone();
        let below = Rc::new(RefCell::new(None));
        let pair = stack(&[kind], client.into(), server.into());
        pair.run();
        *below.borrow_mut() = pair.server().protocol();
        pair.advance(Duration::from_secs(1));
        assert_eq!(*received.borrow(), b"2", "{kind:?}");
        assert_eq!(*answered.borrow(), b"second", "{kind:?}");
        let made = expected(&[kind], Side::Server, &[])[0].clone();
        assert_eq!(*log.borrow(), [made], "{kind:?}");
        let same = below
            .borrow()
            .as_ref()
            .zip(pair.server().protocol())
            .is_some_and(|(a, b)| a.ptr_eq(&b));
        assert!(same, "{kind:?}: the layer has gone");
    }
}

#[test]
fn a_layer_slips_under_a_connection_and_its_protocol_stays() {
    let received = Rc::new(RefCell::new(Vec::<u8>::new()));
    let heard = received.clone();
    let server = Witness::new().answer(|transport, data| {
        if data == b"x" {
            transport.unread(b"later");
            let timed = Timeout::new().idle(HOUR).slip_under(transport);
            timed.write(b"ok");
        } else {
            transport.write(data);
        }
    });
    let log = server.log.clone();
    let client = Witness::new()
        .begin(|transport| transport.write(b"x"))
        .answer(move |_, data| heard.borrow_mut().extend(data));
    let pair = Pair::new(client, server);
    pair.run();
    assert_eq!(*received.borrow(), b"oklater");
    assert_eq!(log.borrow()[1], "switched");
}

#[test]
fn a_paused_protocol_stays_paused_when_a_layer_slips_under_it() {
    let server = Witness::new().begin(|transport| transport.pause_producing());
    let received = server.received.clone();
    let client = Witness::new().begin(|transport| transport.write(b"x"));
    let pair = Pair::new(client, server);
    pair.run();
    let above = Tap::new().slip_under(&pair.server());
    pair.run();
    assert!(received.borrow().is_empty());
    above.resume_producing();
    pair.run();
    assert_eq!(*received.borrow(), b"x");
}

/// A pull producer that can be told where to write.
struct Moving(RefCell<TransportRef>);

impl Producer for Moving {
    fn resume_producing(&self) {
        self.0.borrow().write(&[7; 100]);
    }

    fn pause_producing(&self) {}

    fn stop_producing(&self) {}
}

#[test]
fn a_throttle_that_slips_under_a_producer_holds_it_back() {
    let server = Witness::new().begin(|transport| {
        let producer = Rc::new(Moving(RefCell::new(transport.clone())));
        transport
            .register_producer(producer.clone(), ProducerKind::Pull)
            .expect("no producer");
        let above = ThrottleWrites::each(10_000, 1000).slip_under(transport);
        producer.0.replace(above);
    });
    let client = Witness::new();
    let received = client.received.clone();
    let pair = Pair::new(client, server);
    pair.advance(Duration::from_secs(1));
    let early = received.borrow().len();
    assert!((10_000..=11_000).contains(&early), "{early}");
}
