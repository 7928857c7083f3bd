//! AMP: both sides in memory.

use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use retwist_protocols::amp::{
    Amp, AmpBox, AmpError, AmpList, AmpReceiver, AmpTransport, Boxes, Bytes, Command, CommandError,
    DateTime, Decimal, NotCalled, Reply, Request, StartTls, Started,
};
use retwist_protocols::{Framed, Policy, Tap, amp_arguments};
use retwist_reactor::testing::{Pair, RecordingTransport};
use retwist_reactor::{Protocol, Reason, TransportRef, error_chain};

use crate::common::CUTS;

amp_arguments! {
    #[derive(Eq)]
    struct Sum { a: i64, b: i64 }
    #[derive(Eq)]
    struct Total { total: i64 }
    struct Divide { numerator: i64, denominator: i64 }
    struct Quotient { result: f64 }
    struct Slow { ms: u64 }
    struct Nothing {}
    struct Unknown {}
    struct Everything {
        integer: i128,
        bytes: Bytes,
        text = "the-text": String,
        float: f64,
        yes: bool,
        decimal: Decimal,
        moment: DateTime,
        list: Vec<Vec<String>>,
        boxes: AmpList<Sum>,
        absent: Option<u8>,
        present: Option<u8>,
    }
    struct Switch {}
}

#[derive(Debug, PartialEq)]
struct ZeroDivision;

impl fmt::Display for ZeroDivision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("division by zero")
    }
}

impl std::error::Error for ZeroDivision {}

impl CommandError for ZeroDivision {
    fn code(&self) -> &str {
        "ZERO_DIVISION"
    }

    fn from_code(code: &str, _: &str) -> Option<Self> {
        (code == "ZERO_DIVISION").then_some(ZeroDivision)
    }

    fn is_fatal(&self) -> bool {
        true
    }
}

macro_rules! commands {
    ($($command:ident: $response:ty, $error:ty);* $(;)?) => {$(
        impl Command for $command {
            const NAME: &'static str = stringify!($command);
            type Response = $response;
            type Error = $error;
        }
    )*};
}

commands! {
    Sum: Total, Infallible;
    Divide: Quotient, ZeroDivision;
    Slow: Nothing, Infallible;
    Unknown: (), Infallible;
    Everything: Everything, Infallible;
    Switch: Nothing, Infallible;
}

type Log = Rc<RefCell<Vec<String>>>;

/// Answers all commands but one.
#[derive(Default)]
struct Server {
    kept: Rc<RefCell<Vec<Reply<Slow, Server>>>>,
    log: Log,
}

impl Server {
    fn sum(&mut self, _: &AmpTransport<Self>, Sum { a, b }: Sum) -> Result<Total, Infallible> {
        Ok(Total { total: a + b })
    }

    fn divide(&mut self, _: &AmpTransport<Self>, divide: Divide) -> Result<Quotient, ZeroDivision> {
        if divide.denominator == 0 {
            return Err(ZeroDivision);
        }
        let result = divide.numerator as f64 / divide.denominator as f64;
        Ok(Quotient { result })
    }

    fn slow(&mut self, transport: &AmpTransport<Self>, slow: Slow, reply: Reply<Slow, Self>) {
        if slow.ms == 0 {
            return self.kept.borrow_mut().push(reply);
        }
        let delay = Duration::from_millis(slow.ms);
        transport
            .clock()
            .call_later(delay, move || reply.answer(Nothing {}));
    }

    fn everything(
        &mut self,
        _: &AmpTransport<Self>,
        all: Everything,
    ) -> Result<Everything, Infallible> {
        Ok(all)
    }

    fn start(&mut self, transport: &AmpTransport<Self>) {
        let Ok(()) = transport.start(|below| Ok::<_, Infallible>(Tap::new().insert_below(below)));
    }
}

impl AmpReceiver for Server {
    fn request_received(&mut self, transport: &AmpTransport<Self>, request: Request<Self>) {
        request
            .on(self, transport, Self::sum)
            .on(self, transport, Self::divide)
            .on(self, transport, Self::everything)
            .on_later(self, transport, Self::slow)
            .on_switch(
                self,
                transport,
                |_, _, _: StartTls| Ok(Started {}),
                Self::start,
            )
            .on_switch(
                self,
                transport,
                |_, _, _: Switch| Ok(Nothing {}),
                |server, transport| {
                    transport.switch_protocol(Shout(server.log.clone()).into());
                },
            );
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.log.borrow_mut().push(error_chain(reason));
    }
}

/// What a connection speaks behind [`Switch`].
struct Shout(Log);

impl Protocol for Shout {
    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        self.0.borrow_mut().push(data.escape_ascii().to_string());
        transport.write(&data.to_ascii_uppercase());
    }
}

type Act = Box<dyn FnOnce(&AmpTransport<Client>)>;

/// Does one thing when it is connected.
struct Client {
    act: Option<Act>,
    log: Log,
}

impl AmpReceiver for Client {
    fn connection_made(&mut self, transport: &AmpTransport<Self>) {
        if let Some(act) = self.act.take() {
            act(transport);
        }
    }

    fn connection_lost(&mut self, _: &Reason) {
        self.log.borrow_mut().push("lost".into());
    }
}

/// A client that does this, and notes it there.
fn client(
    log: &Log,
    act: impl FnOnce(&AmpTransport<Client>) + 'static,
) -> Framed<Boxes, Amp<Client>> {
    Framed::amp(Client {
        act: Some(Box::new(act)),
        log: log.clone(),
    })
}

/// Calls a command and notes the outcome.
macro_rules! note {
    ($transport:expr, $command:expr) => {
        $transport
            .call($command, |client, _, outcome| {
                let said = match outcome {
                    Ok(response) => format!("{response:?}"),
                    Err(error) => retwist_reactor::error_chain(&error),
                };
                client.log.borrow_mut().push(said);
            })
            .expect("it is connected")
    };
}

/// What a client noted that did this, at a cut.
fn conversation(cut: usize, act: impl FnOnce(&AmpTransport<Client>) + 'static) -> Vec<String> {
    let log = Log::default();
    let pair = Pair::new(client(&log, act), Framed::amp(Server::default())).cut(cut);
    pair.run();
    pair.advance(Duration::from_secs(1));
    log.borrow().clone()
}

// Behind the macros that they use.
mod arguments;
mod peers;

#[test]
fn calls_are_answered() {
    for cut in CUTS {
        let said = conversation(cut, |transport| {
            note!(transport, Slow { ms: 20 });
            note!(transport, Sum { a: -3, b: 45 });
            note!(
                transport,
                Divide {
                    numerator: 1,
                    denominator: 8
                }
            );
            note!(transport, Unknown {});
        });
        assert_eq!(
            said,
            [
                "Total { total: 42 }",
                "Quotient { result: 0.125 }",
                "the other side answered with UNHANDLED: Unhandled Command: 'Unknown'",
                "Nothing",
            ]
        );
    }
}

#[test]
fn a_fatal_error_ends_the_connection_behind_its_answer() {
    for cut in CUTS {
        let said = conversation(cut, |transport| {
            note!(
                transport,
                Divide {
                    numerator: 1,
                    denominator: 0
                }
            );
            note!(transport, Slow { ms: 0 });
        });
        assert_eq!(said[0], "division by zero");
        assert_eq!(
            said[1],
            "the connection ended before the answer came: connection closed cleanly"
        );
        assert_eq!(said[2], "lost");
    }
}

#[test]
fn a_reply_that_is_dropped_is_an_error() {
    let server = Server::default();
    let kept = server.kept.clone();
    let log = Log::default();
    let client = client(&log, |transport| note!(transport, Slow { ms: 0 }));
    let pair = Pair::new(client, Framed::amp(server));
    pair.run();
    kept.take();
    pair.run();
    assert_eq!(
        *log.borrow(),
        ["the other side answered with UNKNOWN: Unknown Error"]
    );
}

#[test]
fn a_layer_starts_between_two_boxes() {
    for cut in CUTS {
        let said = conversation(cut, |transport| {
            let asked = transport.call_and_switch(StartTls {}, |client, transport, outcome| {
                client
                    .log
                    .borrow_mut()
                    .push(format!("{:?}", outcome.expect("the server agrees")));
                let Ok(()) =
                    transport.start(|below| Ok::<_, Infallible>(Tap::new().insert_below(below)));
            });
            asked.expect("it is connected");
            // Held until TLS has started.
            note!(transport, Sum { a: 1, b: 1 });
            assert_eq!(
                transport.call_and_switch(StartTls {}, |_, _, _| {}),
                Err(NotCalled::Switching)
            );
        });
        assert_eq!(said, ["Started", "Total { total: 2 }"], "{cut}");
    }
}

#[test]
fn nothing_leaves_between_a_switch_and_its_answer() {
    let log = Log::default();
    let client = client(&log, |transport| {
        transport
            .call_and_switch(StartTls {}, |_, _, _| {})
            .expect("it is connected");
        note!(transport, Sum { a: 1, b: 1 });
    });
    let recording = RecordingTransport::connect(client);
    let (first, used) = AmpBox::decode(&recording.written())
        .unwrap()
        .expect("a box");
    assert_eq!(first.get("_command"), Some(&b"StartTLS"[..]));
    assert_eq!(used, recording.take_written().len());
    let mut answer = AmpBox::new();
    answer.set("_answer", first.get("_ask").expect("it asks"));
    recording.receive(&answer.encode().unwrap());
    let (second, _) = AmpBox::decode(&recording.written())
        .unwrap()
        .expect("a box");
    assert_eq!(second.get("_command"), Some(&b"Sum"[..]));
}

#[test]
fn every_byte_behind_a_switch_is_for_the_next_protocol() {
    let mut switch = AmpBox::new();
    switch.set("_ask", *b"a");
    switch.set("_command", *b"Switch");
    let bytes = [switch.encode().unwrap(), b"\0hello".to_vec()].concat();
    for cut in CUTS {
        let server = Server::default();
        let log = server.log.clone();
        let recording = RecordingTransport::connect(Framed::amp(server));
        for piece in bytes.chunks(cut) {
            recording.receive(piece);
        }
        assert_eq!(log.borrow().concat(), "\\x00hello");
        assert!(recording.written().ends_with(b"\0HELLO"));
    }
}

#[test]
fn a_call_on_a_connection_that_has_ended_is_told() {
    let kept = Rc::new(RefCell::new(None));
    let keep = kept.clone();
    let client = client(&Log::default(), move |transport| {
        keep.replace(Some(transport.clone()));
    });
    let recording = RecordingTransport::connect(client);
    recording.lose(Reason::Done);
    let transport = kept.take().expect("it was connected");
    assert_eq!(
        transport.call(Unknown {}, |_, _, _| {}),
        Err(NotCalled::NotConnected)
    );
}

#[test]
fn a_response_of_another_command_is_an_error() {
    let log = Log::default();
    let client = client(&log, |transport| {
        let asked = transport.call(Sum { a: 1, b: 1 }, |client, _, outcome| {
            assert!(matches!(outcome, Err(AmpError::Response(_))));
            client
                .log
                .borrow_mut()
                .push(error_chain(&outcome.unwrap_err()));
        });
        asked.expect("it is connected");
    });
    let recording = RecordingTransport::connect(client);
    recording.receive(b"\0\x07_answer\0\x011\0\0");
    let expected = "the response does not belong to the command: the argument \"total\" is missing";
    assert_eq!(*log.borrow(), [expected]);
}
