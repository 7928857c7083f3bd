//! Lines, their modes, and what is done to them from outside their callbacks.

use std::cell::RefCell;
use std::rc::Rc;

use retwist_protocols::{
    FileSendError, FileSender, Framed, LengthLimitExceeded, LineReceiver, LineTransport,
};
use retwist_reactor::testing::RecordingTransport;
use retwist_reactor::{Protocol, ProtocolHandle, Reason, TransportRef};

#[derive(Default)]
struct Keeper {
    transport: Option<LineTransport>,
    lines: Vec<String>,
    raw: Vec<u8>,
    lost: Option<Reason>,
    survives: bool,
}

impl LineReceiver for Keeper {
    fn connection_made(&mut self, transport: &LineTransport) {
        self.transport = Some(transport.clone());
    }

    fn transport_switched(&mut self, transport: &LineTransport) {
        self.transport = Some(transport.clone());
    }

    fn line_received(&mut self, _: &LineTransport, line: &[u8]) {
        self.lines.push(line.escape_ascii().to_string());
    }

    fn raw_data_received(&mut self, _: &LineTransport, data: &[u8]) {
        self.raw.extend(data);
    }

    fn line_length_exceeded(&mut self, transport: &LineTransport, rest: &[u8]) {
        if self.survives {
            let end = rest.iter().position(|&byte| byte == b'\n');
            transport.set_line_mode(end.map_or(b"", |end| &rest[end + 1..]));
        } else {
            transport.send_line("too long");
            transport.lose_connection();
        }
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.lost = Some(reason.clone());
    }
}

type Handle = ProtocolHandle<Framed<retwist_protocols::Lines, Keeper>>;

fn keeper(keeper: Keeper) -> (Handle, RecordingTransport) {
    let handle = ProtocolHandle::new(Framed::lines(keeper));
    let recording = RecordingTransport::connect(&handle);
    (handle, recording)
}

fn ask<R>(handle: &Handle, question: impl FnOnce(&mut Keeper) -> R) -> R {
    handle
        .try_call(|framed| question(framed.receiver()))
        .expect("nothing else runs")
}

fn transport(handle: &Handle) -> LineTransport {
    ask(handle, |keeper| keeper.transport.clone()).expect("it is connected")
}

#[test]
fn the_default_limit_is_16384() {
    let (handle, recording) = keeper(Keeper::default());
    recording.receive(&[b'x'; 16_384]);
    recording.receive(b"\r\n");
    assert_eq!(ask(&handle, |keeper| keeper.lines[0].len()), 16_384);
    recording.receive(&[b'y'; 16_386]);
    assert_eq!(recording.take_written(), b"too long\r\n");
    assert!(recording.is_closing());
    recording.lose(Reason::Done);
    let lost = ask(&handle, |keeper| keeper.lost.clone()).expect("it is lost");
    let reason = lost.downcast_ref::<LengthLimitExceeded>();
    assert_eq!(reason.map(|reason| reason.limit), Some(16_384));
}

#[test]
fn a_line_that_is_too_long_can_be_survived() {
    let (handle, recording) = keeper(Keeper {
        survives: true,
        ..Keeper::default()
    });
    recording.receive(&[&[b'y'; 20_000], &b"\r\nnext\r\n"[..]].concat());
    recording.lose(Reason::Done);
    assert_eq!(ask(&handle, |keeper| keeper.lines.clone()), ["next"]);
    assert!(ask(&handle, |keeper| keeper.lost.clone()).is_some_and(|lost| lost.is_clean()));
}

#[test]
fn modes_are_set_from_outside() {
    let (handle, recording) = keeper(Keeper::default());
    recording.receive(b"one\r\nhal");
    transport(&handle).set_raw_mode();
    recording.clock().run();
    assert_eq!(
        ask(&handle, |keeper| keeper.raw.clone()),
        b"hal",
        "what is here is not kept back"
    );
    recording.receive(b"f\r\n");
    transport(&handle).set_line_mode(b"two\r\nthr");
    assert_eq!(
        ask(&handle, |keeper| keeper.lines.len()),
        1,
        "a method calls no protocol"
    );
    recording.clock().run();
    recording.receive(b"ee\r\n");
    assert_eq!(ask(&handle, |keeper| keeper.raw.clone()), b"half\r\n");
    assert_eq!(
        ask(&handle, |keeper| keeper.lines.clone()),
        ["one", "two", "three"]
    );
}

#[test]
fn a_switch_from_outside_hands_on_the_half_line() {
    struct Next(Rc<RefCell<Vec<u8>>>);
    impl Protocol for Next {
        fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
            self.0.borrow_mut().extend(data);
        }
    }
    let heard = Rc::new(RefCell::new(Vec::new()));
    let (handle, recording) = keeper(Keeper::default());
    recording.receive(b"one\r\nhal");
    let lines = transport(&handle).switch_protocol(Next(heard.clone()).into());
    recording.clock().run();
    recording.receive(b"f");
    assert_eq!(heard.borrow().as_slice(), b"half");
    // And back again: half a line from before is not prefixed to one from now.
    recording.transport().switch_protocol(lines);
    recording.clock().run();
    recording.receive(b"two\r\n");
    assert_eq!(ask(&handle, |keeper| keeper.lines.clone()), ["one", "two"]);
}

#[test]
fn half_a_line_from_another_transport_is_forgotten() {
    let (handle, recording) = keeper(Keeper::default());
    recording.receive(b"RCPT TO:<plaintext>");
    let lines = recording
        .transport()
        .switch_protocol(Framed::lines(Keeper::default()).into());
    recording.transport().switch_protocol(lines);
    recording.clock().run();
    recording.receive(b"NOOP\r\n");
    assert_eq!(ask(&handle, |keeper| keeper.lines.clone()), ["NOOP"]);
}

#[test]
fn a_paused_receiver_gets_nothing() {
    let (handle, recording) = keeper(Keeper::default());
    recording.receive(b"one\r\ntw");
    transport(&handle).pause_producing();
    recording.receive(b"o\r\nthree\r\n");
    assert_eq!(ask(&handle, |keeper| keeper.lines.len()), 1);
    transport(&handle).resume_producing();
    recording.clock().run();
    assert_eq!(
        ask(&handle, |keeper| keeper.lines.clone()),
        ["one", "two", "three"]
    );
}

#[test]
fn a_file_is_sent_in_pieces_and_its_end_is_told() {
    let (_handle, recording) = keeper(Keeper::default());
    let outcome = Rc::new(RefCell::new(None));
    let told = outcome.clone();
    let file = std::io::Cursor::new(vec![7_u8; 40_000]);
    let sender = FileSender::new(file, move |sent| *told.borrow_mut() = Some(sent));
    sender.begin(&recording.transport()).expect("no producer");
    recording.transport().lose_connection();
    recording.clock().run();
    let mut pieces = Vec::new();
    while outcome.borrow().is_none() {
        pieces.push(recording.take_written().len());
    }
    assert_eq!(pieces.iter().sum::<usize>(), 40_000);
    assert!(pieces.iter().all(|&piece| piece <= 16_384));
    assert!(matches!(*outcome.borrow(), Some(Ok(40_000))));
    assert!(!recording.has_producer());
}

#[test]
fn a_file_that_is_stopped_says_so() {
    let outcome = Rc::new(RefCell::new(None));
    let told = outcome.clone();
    let pair = retwist_reactor::testing::Pair::new(
        Framed::lines(Keeper::default()),
        Framed::lines(Keeper::default()),
    );
    pair.run();
    let sender = FileSender::new(std::io::repeat(1), move |sent| {
        *told.borrow_mut() = Some(sent)
    });
    sender.begin(&pair.server()).expect("no producer");
    pair.server().abort_connection();
    pair.run();
    assert!(matches!(
        *outcome.borrow(),
        Some(Err(FileSendError::Stopped { .. }))
    ));
}

#[test]
fn a_file_that_cannot_be_read_says_so() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::PermissionDenied.into())
        }
    }
    let (_handle, recording) = keeper(Keeper::default());
    let outcome = Rc::new(RefCell::new(None));
    let told = outcome.clone();
    let sender = FileSender::new(Broken, move |sent| *told.borrow_mut() = Some(sent));
    sender.begin(&recording.transport()).expect("no producer");
    recording.clock().run();
    assert!(matches!(
        *outcome.borrow(),
        Some(Err(FileSendError::Read(_)))
    ));
    assert!(!recording.has_producer(), "the next one may begin");
}
