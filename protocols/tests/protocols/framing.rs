//! What holds for every framing: the outcome does not depend on how the bytes are cut, whatever the
//! receiver does meanwhile.

use std::cell::RefCell;
use std::error::Error;
use std::rc::Rc;

use proptest::collection::vec;
use proptest::prelude::*;
use retwist_protocols::{
    Blocks, BlocksError, ByteFraming, FrameReceiver, FrameTransport, Framed, Framing, Int8Strings,
    Int16Strings, Int32Strings, Lines, Netstrings,
};
use retwist_reactor::testing::RecordingTransport;
use retwist_reactor::{Protocol, Reason, TransportRef};

use crate::common::CUTS;

pub(crate) type Log = Rc<RefCell<Vec<String>>>;

/// Writes down what it hears, and does what its units say.
pub(crate) struct Obedient {
    pub(crate) log: Log,
    pub(crate) raw: usize,
}

pub(crate) fn note(log: &Log, what: &str, data: &[u8]) {
    log.borrow_mut()
        .push(format!("{what} {}", data.escape_ascii()));
}

impl<F: ByteFraming> FrameReceiver<F> for Obedient {
    fn frame_received(&mut self, transport: &FrameTransport<F>, frame: &[u8]) {
        note(&self.log, "frame", frame);
        match frame.first() {
            Some(b'p') => transport.pause_producing(),
            Some(b'q') => {
                transport.pause_producing();
                transport.resume_producing();
            }
            Some(b'r') => {
                self.raw = frame.len();
                transport.set_raw_mode();
            }
            Some(b's') => {
                let next = Collector(self.log.clone());
                transport.switch_protocol(next.into());
            }
            Some(b'c') => transport.lose_connection(),
            Some(b'a') => transport.abort_connection(),
            Some(b'u') => transport.set_frame_mode(&frame[1..]),
            _ => drop(transport.send(frame)),
        }
    }

    fn raw_data_received(&mut self, transport: &FrameTransport<F>, data: &[u8]) {
        let (used, behind) = data.split_at(data.len().min(self.raw));
        for byte in used {
            note(&self.log, "raw", &[*byte]);
        }
        self.raw -= used.len();
        if self.raw == 0 {
            transport.set_frame_mode(behind);
        }
    }

    fn framing_failed(&mut self, transport: &FrameTransport<F>, error: &F::Error, _: &[u8]) {
        note(&self.log, "failed", error.to_string().as_bytes());
        transport.lose_connection();
    }

    fn connection_lost(&mut self, reason: &Reason) {
        note(&self.log, "lost", reason.to_string().as_bytes());
    }
}

/// Takes what an obedient one has left.
struct Collector(Log);

impl Protocol for Collector {
    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        for byte in data {
            note(&self.0, "next", &[*byte]);
        }
    }
}

/// What an obedient one says to `bytes`, cut at `cuts` and so on from the beginning.
fn log_of<F: ByteFraming>(framing: F, bytes: &[u8], cuts: &[usize]) -> Vec<String> {
    let log = Log::default();
    let receiver = Obedient {
        log: log.clone(),
        raw: 0,
    };
    let recording = RecordingTransport::connect(Framed::new(framing, receiver));
    let mut rest = bytes;
    for cut in cuts.iter().cycle() {
        let (piece, behind) = rest.split_at(rest.len().min((*cut).max(1)));
        recording.receive(piece);
        while recording.is_paused() {
            recording.transport().resume_producing();
            recording.clock().run();
        }
        rest = behind;
        if rest.is_empty() {
            break;
        }
    }
    recording.lose(Reason::Done);
    note(&log, "sent", &recording.written());
    log.take()
}

fn any_cut_is_the_same<F: ByteFraming>(framing: impl Fn() -> F, bytes: &[u8], cuts: &[usize]) {
    let whole = log_of(framing(), bytes, &[usize::MAX]);
    assert_eq!(log_of(framing(), bytes, cuts), whole);
    for cut in CUTS {
        assert_eq!(
            log_of(framing(), bytes, &[cut]),
            whole,
            "in pieces of {cut}"
        );
    }
}

/// Bytes that mean something to one of the framings, or to the receiver.
fn telling() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => prop::sample::select(b"\r\n\0:,0123456789".to_vec()),
        4 => prop::sample::select(b"pqrscauxx".to_vec()),
        1 => any::<u8>(),
    ];
    vec(byte, 0..200)
}

/// Units, of which each asks for something.
fn units() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let unit = (
        prop::sample::select(b"pqruxxxxsc".to_vec()),
        vec(prop::sample::select(b"x\r".to_vec()), 0..20),
    );
    let unit = unit.prop_map(|(what, mut more)| {
        more.insert(0, what);
        more
    });
    vec(unit, 0..20)
}

fn prefixed(units: &[Vec<u8>], width: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for unit in units {
        bytes.extend_from_slice(&(unit.len() as u64).to_be_bytes()[8 - width..]);
        bytes.extend(unit);
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_at_any_cut(bytes in telling(), cuts in vec(1_usize..20, 1..9)) {
        any_cut_is_the_same(Lines::new, &bytes, &cuts);
        any_cut_is_the_same(|| Lines::new().limit(30), &bytes, &cuts);
        any_cut_is_the_same(|| Lines::delimited_by(b"\n"), &bytes, &cuts);
        any_cut_is_the_same(Lines::lf_or_crlf, &bytes, &cuts);
        any_cut_is_the_same(|| Lines::lf_or_crlf().limit(9), &bytes, &cuts);
        any_cut_is_the_same(|| Lines::delimited_by(b"xx:").limit(12), &bytes, &cuts);
        any_cut_is_the_same(|| Lines::delimited_by(b"xx"), &bytes, &cuts);
        any_cut_is_the_same(|| Lines::delimited_by(b"").limit(50), &bytes, &cuts);
        any_cut_is_the_same(|| Netstrings::new().limit(40), &bytes, &cuts);
        any_cut_is_the_same(|| Int8Strings::new().limit(100), &bytes, &cuts);
        any_cut_is_the_same(Int16Strings::new, &bytes, &cuts);
        any_cut_is_the_same(Int32Strings::new, &bytes, &cuts);
        any_cut_is_the_same(|| Blocks::of(3), &bytes, &cuts);
    }

    #[test]
    fn units_at_any_cut(units in units(), cuts in vec(1_usize..20, 1..9)) {
        let lines: Vec<u8> = units.iter().flat_map(|unit| [unit, &b"\r\n"[..]].concat()).collect();
        any_cut_is_the_same(Lines::new, &lines, &cuts);
        let netstrings: Vec<u8> = units
            .iter()
            .flat_map(|unit| [format!("{}:", unit.len()).as_bytes(), unit, b","].concat())
            .collect();
        any_cut_is_the_same(Netstrings::new, &netstrings, &cuts);
        any_cut_is_the_same(Int8Strings::new, &prefixed(&units, 1), &cuts);
        any_cut_is_the_same(Int16Strings::new, &prefixed(&units, 2), &cuts);
        any_cut_is_the_same(Int32Strings::new, &prefixed(&units, 4), &cuts);
    }
}

#[test]
fn each_wish_of_a_receiver_is_heeded() {
    let script = b"one\r\np1\r\nq2\r\nu3\r\n4\r\nr567\r\n\r\n8\r\nx\r\n9\r\nswitch\r\n10\r\n";
    for cut in CUTS {
        let log = log_of(Lines::new(), script, &[cut]).join(" ");
        assert_eq!(
            log,
            // The end of `u3` comes before what is behind it; four bytes behind `r567` are raw.
            "frame one frame p1 frame q2 frame u3 frame 34 frame r567 raw \\r raw \\n raw 8 raw \\r \
             frame \\nx frame 9 frame switch next 1 next 0 next \\r next \\n \
             sent one\\r\\n34\\r\\n\\nx\\r\\n9\\r\\n",
            "in pieces of {cut}"
        );
        let log = log_of(Lines::new(), b"close\r\nx\r\n", &[cut]);
        assert_eq!(
            log,
            ["frame close", "lost connection closed cleanly", "sent "]
        );
        let log = log_of(Lines::new(), b"abort\r\nx\r\n", &[cut]);
        assert_eq!(
            log,
            [
                "frame abort",
                "lost connection aborted by this side",
                "sent "
            ]
        );
    }
    let endless = log_of(Lines::delimited_by(b"xx"), b"bx.xxxbxxxx", &[usize::MAX]);
    assert_eq!(
        endless[..4],
        [
            "frame bx.",
            "frame xb",
            "frame ",
            "lost connection closed cleanly"
        ]
    );
}

#[test]
fn what_is_expected_can_change_while_half_a_record_is_here() {
    let log = Log::default();
    let receiver = Obedient {
        log: log.clone(),
        raw: 0,
    };
    let handle = retwist_reactor::ProtocolHandle::new(Framed::new(Blocks::of(10), receiver));
    let recording = RecordingTransport::connect(&handle);
    recording.receive(b"pxpx.");
    handle.call(|framed| {
        let transport = framed.transport().expect("it is connected");
        transport.expect(2);
    });
    recording.receive(b"...");
    assert_eq!(*log.borrow(), ["frame px"]);
    recording.transport().resume_producing();
    recording.clock().run();
    recording.transport().resume_producing();
    recording.clock().run();
    assert_eq!(
        *log.borrow(),
        ["frame px", "frame px", "frame ..", "frame .."]
    );
}

/// Sends what it receives, and a unit that is too long for some.
struct Echo;

impl<F: ByteFraming> FrameReceiver<F> for Echo {
    fn frame_received(&mut self, transport: &FrameTransport<F>, frame: &[u8]) {
        let _ = transport.send(frame);
    }
}

fn echo<F: ByteFraming>(framing: F, bytes: &[u8]) -> Vec<u8> {
    let recording = RecordingTransport::connect(Framed::new(framing, Echo));
    recording.receive(bytes);
    recording.take_written()
}

#[test]
fn what_is_sent_is_what_is_received() {
    for bytes in ["one\r\n\r\nthree\r\n", "\r\r\n"] {
        assert_eq!(echo(Lines::new(), bytes.as_bytes()), bytes.as_bytes());
    }
    assert_eq!(
        echo(Netstrings::new(), b"0:,12:hello, world,"),
        b"0:,12:hello, world,"
    );
    assert_eq!(echo(Int8Strings::new(), b"\x00\x02hi"), b"\x00\x02hi");
    assert_eq!(echo(Int16Strings::new(), b"\0\x02hi"), b"\0\x02hi");
    assert_eq!(echo(Int32Strings::new(), b"\0\0\0\x02hi"), b"\0\0\0\x02hi");
}

#[test]
fn too_long_to_send_is_an_error() {
    struct Talker;
    impl FrameReceiver<Int8Strings> for Talker {
        fn connection_made(&mut self, transport: &FrameTransport<Int8Strings>) {
            let error = transport.send(&[0; 256]).expect_err("256 bytes");
            assert_eq!((error.length, error.limit), (256, 255));
            transport.send(&[0; 255]).expect("255 bytes");
        }

        fn frame_received(&mut self, _: &FrameTransport<Int8Strings>, _: &[u8]) {}
    }
    let recording = RecordingTransport::connect(Framed::new(Int8Strings::new(), Talker));
    assert_eq!(recording.written().len(), 256);
}

fn refusal<F: ByteFraming>(framing: F, bytes: &[u8]) -> F::Error {
    framing
        .decode(bytes, 0)
        .expect_err(&bytes.escape_ascii().to_string())
}

#[test]
fn bad_lengths_are_refused_at_once() {
    for bytes in [
        "+1:a,", "-1:a,", " 1:a,", "01:a,", "00:,", ":,", "1 :a,", "x", "1;",
    ] {
        let error = refusal(Netstrings::new(), bytes.as_bytes());
        assert!(
            error.to_string().contains("does not send netstrings"),
            "{bytes}: {error}"
        );
    }
    for bytes in ["100000", "999999999:", "99999999999999999999999999"] {
        let error = refusal(Netstrings::new(), bytes.as_bytes());
        assert!(error.to_string().contains("99999"), "{bytes}: {error}");
    }
    assert_eq!(
        refusal(Netstrings::new(), b"1:ab")
            .source()
            .map(ToString::to_string),
        None
    );
    assert_eq!(
        refusal(Int32Strings::new(), b"\xff\xff\xff\xff").limit,
        99_999
    );
    assert_eq!(
        refusal(Int32Strings::new().limit(3), b"\0\0\0\x04").limit,
        3
    );
    assert_eq!(
        refusal(Blocks::of(1 << 40), b""),
        BlocksError::TooLong { limit: 99_999 }
    );
    // Not too long: the framing waits for the bytes, and sets nothing aside for them.
    let all = Int32Strings::new().limit(usize::MAX);
    assert_eq!(all.decode(b"\xff\xff\xff\xff", 0), Ok(None));
    let all = Netstrings::new().limit(usize::MAX);
    let greatest = format!("{}:", usize::MAX);
    assert_eq!(all.decode(greatest.as_bytes(), 0), Ok(None));
}

#[test]
fn a_failure_is_the_reason_and_nothing_runs_behind_it() {
    let log = log_of(
        Lines::new().limit(4),
        b"four\r\nfives\r\nx\r\n",
        &[usize::MAX],
    );
    assert_eq!(log[0], "frame four");
    assert_eq!(log.len(), 4, "{log:?}");
    assert!(
        log[1].starts_with("failed") && log[2].starts_with("lost the peer sent"),
        "{log:?}"
    );
}

#[test]
fn replies_to_the_units_before_a_bad_one_are_sent_at_any_cut() {
    let bad: [(&str, &[u8], &[u8]); 6] = [
        ("lines", b"one\r\ntwo\r\n", b"12345678901\r\nx\r\n"),
        ("lf", b"one\r\ntwo\r\n", b"12345678901\nx\n"),
        ("netstrings", b"3:one,3:two,", b"3:xxx;1:x,"),
        ("int8", b"\x03one\x03two", b"\x0bxxx"),
        ("int16", b"\0\x03one\0\x03two", b"\0\x0bxxx"),
        ("int32", b"\0\0\0\x03one\0\0\0\x03two", b"\xff\0\0\x0bxxx"),
    ];
    for (name, good, bad) in bad {
        let input = [good, bad].concat();
        for cut in (1..=input.len()).map(|cut| [cut, usize::MAX]) {
            let log = match name {
                "lines" => log_of(Lines::new().limit(10), &input, &cut),
                "lf" => log_of(Lines::lf_or_crlf().limit(10), &input, &cut),
                "netstrings" => log_of(Netstrings::new().limit(10), &input, &cut),
                "int8" => log_of(Int8Strings::new().limit(10), &input, &cut),
                "int16" => log_of(Int16Strings::new().limit(10), &input, &cut),
                _ => log_of(Int32Strings::new().limit(10), &input, &cut),
            };
            let sent = format!("sent {}", good.escape_ascii());
            assert_eq!(log[..2], ["frame one", "frame two"], "{name} {cut:?}");
            assert_eq!(log.last(), Some(&sent), "{name} {cut:?}");
            assert!(log[2].starts_with("failed the peer"), "{log:?}");
        }
    }
}

#[test]
fn a_line_in_single_bytes_takes_linear_time() {
    // Quadratic, this would be 10^12 steps.
    let mut line = vec![b'x'; 1_000_000];
    line.extend(b"\r\n");
    let log = log_of(Lines::new().limit(usize::MAX), &line, &[1]);
    assert_eq!(log.len(), 3);
}

#[test]
fn modes_that_change_with_each_unit_take_linear_time() {
    // One read of 2 MB in which each line is followed by a raw byte and a push-back of all the
    // rest.
    let bytes = b"r\r\nx".repeat(500_000);
    let log = log_of(Lines::new(), &bytes, &[usize::MAX]);
    assert_eq!(log.len(), 1_000_002);
}
