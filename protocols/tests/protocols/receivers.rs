//! Calls of a receiver from outside: between two units, with its own kind of transport, and only
//! while it is connected.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use retwist_protocols::{Framed, LineReceiver, LineTransport, Lines, WeakReceiver};
use retwist_reactor::testing::RecordingTransport;
use retwist_reactor::{CallTarget, Protocol, ProtocolHandle, Reason, TransportRef};

use crate::common::CUTS;

/// Answers each line. "call" has other code call it, "again" from inside such a call; "pause",
/// "raw" and "close" do what they say; "later" asks for a call in a second.
#[derive(Default)]
struct Talker {
    calls: usize,
    lost: Rc<RefCell<Option<WeakReceiver<Lines, Talker>>>>,
}

impl Talker {
    fn called(&mut self, transport: &LineTransport) {
        self.calls += 1;
        transport.send_line(format!("called {}", self.calls));
    }
}

impl LineReceiver for Talker {
    fn connection_made(&mut self, transport: &LineTransport) {
        self.lost.replace(Some(transport.me(self)));
    }

    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        let me = transport.me(self);
        match line {
            b"call" => me.call(Talker::called),
            b"again" => me.call(move |talker, transport| {
                let me = transport.me(talker);
                talker.called(transport);
                me.call(Talker::called);
            }),
            b"pause" => {
                me.call(Talker::called);
                transport.pause_producing();
            }
            b"raw" => {
                me.call(|_, transport| transport.set_raw_mode());
            }
            b"close" => {
                transport.call_later(Duration::from_secs(1), self, Talker::called);
                transport.lose_connection();
            }
            b"later" => {
                transport.call_later(Duration::from_secs(1), self, Talker::called);
            }
            _ => {}
        }
        transport.send_line(line);
    }

    fn raw_data_received(&mut self, transport: &LineTransport, data: &[u8]) {
        transport.me(self).call(|talker, transport| {
            transport.set_line_mode(b"");
            talker.called(transport);
        });
        transport.write(&[b"raw ", data, b"\r\n"].concat());
    }
}

fn connect() -> (RecordingTransport, ProtocolHandle<Framed<Lines, Talker>>) {
    let talker = ProtocolHandle::new(Framed::lines(Talker::default()));
    (RecordingTransport::connect(&talker), talker)
}

/// What is written in answer to these lines, however they are cut.
fn answers(lines: &[u8], cut: usize) -> String {
    let (transport, _) = connect();
    for piece in lines.chunks(cut) {
        transport.receive(piece);
    }
    String::from_utf8(transport.take_written()).unwrap()
}

#[test]
fn a_call_comes_before_the_next_unit() {
    for cut in CUTS {
        assert_eq!(
            answers(b"call\r\none\r\ncall\r\ncall\r\n", cut),
            "call\r\ncalled 1\r\none\r\ncall\r\ncalled 2\r\ncall\r\ncalled 3\r\n",
            "{cut}"
        );
    }
}

#[test]
fn a_call_out_of_a_call_waits_for_the_end_of_the_delivery() {
    assert_eq!(
        answers(b"again\r\none\r\n", usize::MAX),
        "again\r\ncalled 1\r\none\r\ncalled 2\r\n"
    );
}

#[test]
fn a_call_that_changes_the_mode_changes_it_for_the_next_byte() {
    assert_eq!(
        answers(b"raw\r\nbytes\r\n", usize::MAX),
        "raw\r\nraw bytes\r\n\r\ncalled 1\r\n"
    );
}

#[test]
fn a_receiver_that_has_paused_is_called_all_the_same() {
    for cut in CUTS {
        let (transport, _) = connect();
        for piece in b"pause\r\none\r\n".chunks(cut) {
            transport.receive(piece);
        }
        assert_eq!(transport.take_written(), b"pause\r\ncalled 1\r\n", "{cut}");
        transport.transport().resume_producing();
        transport.clock().advance(Duration::ZERO);
        assert_eq!(transport.take_written(), b"one\r\n", "{cut}");
    }
}

#[test]
fn timers_end_with_the_connection() {
    let (transport, handle) = connect();
    let calls = || handle.try_call(|framed| framed.receiver().calls);
    transport.receive(b"later\r\n");
    transport.clock().advance(Duration::from_secs(1));
    assert_eq!(transport.take_written(), b"later\r\ncalled 1\r\n");
    assert_eq!(calls(), Some(1));
    transport.receive(b"close\r\n");
    transport.lose(Reason::Done);
    transport.clock().advance(Duration::from_secs(10));
    assert_eq!(calls(), Some(1));
}

#[test]
fn other_code_calls_it_and_gets_what_it_returns() {
    let (transport, handle) = connect();
    let talker = WeakReceiver::from(&handle);
    drop(handle);
    talker.call(Talker::called);
    let calls = talker.try_call(|talker, transport| {
        transport.send_line("asked");
        talker.calls
    });
    assert_eq!(calls, Some(1));
    assert_eq!(transport.take_written(), b"called 1\r\nasked\r\n");
    assert!(talker.is_connected());
    transport.lose(Reason::Done);
    assert!(!talker.is_connected());
    talker.call(Talker::called);
    assert_eq!(talker.try_call(|talker, _| talker.calls), None);
    assert!(talker.transport().is_none());
}

#[test]
fn what_a_framing_calls_is_a_target_like_any_protocol() {
    struct Plain;
    impl Protocol for Plain {}

    fn greet<T: CallTarget>(
        target: &T,
        call: impl FnOnce(&mut T::Protocol, &T::Transport) + 'static,
    ) {
        target.call(call);
    }

    let (lines, handle) = connect();
    greet(&WeakReceiver::from(&handle), Talker::called);
    assert_eq!(lines.take_written(), b"called 1\r\n");
    let plain = ProtocolHandle::new(Plain);
    let transport = RecordingTransport::connect(&plain);
    greet(&plain.downgrade(), |_, transport: &TransportRef| {
        transport.write(b"hello")
    });
    assert_eq!(transport.take_written(), b"hello");
}

#[test]
fn nothing_is_kept_alive_by_it() {
    let talker = Talker::default();
    let kept = talker.lost.clone();
    let transport = RecordingTransport::connect(Framed::lines(talker));
    transport.receive(b"call\r\n");
    let me = kept.borrow_mut().take().unwrap();
    assert!(me.is_connected());
    drop(transport);
    assert_eq!(Rc::strong_count(&kept), 1);
    assert!(!me.is_connected());
}
