//! The types of arguments, and what does not fit.

use std::convert::Infallible;

use retwist_protocols::amp::{
    AmpBox, AmpList, Argument, Arguments, Bytes, Command, DateTime, Decimal, NotCalled,
};
use retwist_protocols::{Framed, amp_arguments};
use retwist_reactor::testing::RecordingTransport;

use super::{Everything, Server, Sum, conversation};

#[test]
fn every_type_of_argument_comes_back() {
    let all = Everything {
        integer: -170_141_183_460_469_231_731_687_303_715_884_105_728,
        bytes: Bytes(vec![0, 255, 10]),
        text: "grüß \u{1f600}".into(),
        float: -0.1,
        yes: true,
        decimal: Decimal::new("-1.50E+7").expect("a number"),
        moment: moment(),
        list: vec![vec![], vec!["a".into(), String::new()]],
        boxes: AmpList(vec![Sum { a: 1, b: 2 }, Sum { a: 3, b: 4 }]),
        absent: None,
        present: Some(0),
    };
    let said = conversation(3, {
        let all = all.clone();
        move |transport| note!(transport, all)
    });
    assert_eq!(said, [format!("{all:?}")]);
}

fn moment() -> DateTime {
    DateTime {
        year: 2012,
        month: 1,
        day: 23,
        hour: 12,
        minute: 34,
        second: 56,
        microsecond: 54_321,
        offset: -83,
    }
}

/// What Twisted 24.10 makes of these values.
#[test]
fn the_bytes_are_those_of_twisted() {
    let list = vec![vec![], vec!["a".to_owned(), String::new()]];
    let boxes = AmpList(vec![Sum { a: 1, b: 2 }, Sum { a: 3, b: 4 }]);
    let in_utc = DateTime {
        offset: 0,
        ..moment()
    };
    let cases: [(Vec<u8>, &[u8]); 7] = [
        (list.encode(), b"\0\0\0\x05\0\x01a\0\0"),
        (
            boxes.encode(),
            b"\0\x01a\0\x011\0\x01b\0\x012\0\0\0\x01a\0\x013\0\x01b\0\x014\0\0",
        ),
        ((-5_i64).encode(), b"-5"),
        (0.1_f64.encode(), b"0.1"),
        (true.encode(), b"True"),
        ("gr\u{fc}".to_owned().encode(), b"gr\xc3\xbc"),
        (
            Decimal::new("-1.50E+7").expect("a number").encode(),
            b"-1.50E+7",
        ),
    ];
    for (ours, theirs) in cases {
        assert_eq!(ours, theirs);
    }
    // Twisted writes UTC as -00:00.
    assert_eq!(
        DateTime::decode(b"2012-01-23T12:34:56.054321-00:00"),
        Ok(in_utc)
    );
    assert_eq!(f64::decode(b"1e+16"), Ok(1e16));
}

#[test]
fn arguments_are_read_strictly() {
    assert_eq!(moment().encode(), b"2012-01-23T12:34:56.054321-01:23");
    for bad in [
        "2012-01-23T12:34:56.054321",
        "2012-13-23T12:34:56.054321-01:23",
        "2012-01-23 12:34:56.054321-01:23",
    ] {
        assert!(DateTime::decode(bad.as_bytes()).is_err(), "{bad}");
    }
    for bad in ["", "1.2.3", "e5", "1e", "0x1", "--1", "NaNx"] {
        assert_eq!(Decimal::new(bad), None, "{bad}");
    }
    for good in [
        "0", "-1.", ".5", "1E-3", "Infinity", "-inf", "NaN", "sNaN12",
    ] {
        assert!(Decimal::new(good).is_some(), "{good}");
    }
    assert!(
        u8::decode(b"256").is_err() && u8::decode(b"+1").is_err() && u8::decode(b" 1").is_err()
    );
    assert!(bool::decode(b"true").is_err());
    assert!(f64::decode(b"nan").is_ok_and(f64::is_nan));
    assert!(Vec::<u8>::decode(b"\0\x01").is_err());
    assert!(AmpList::<Sum>::decode(b"\0\x01a\0\x011\0\0").is_err());
    assert_eq!(AmpList::<Sum>::decode(b""), Ok(AmpList(vec![])));
    let missing = Sum::take_all(&AmpBox::new()).unwrap_err().to_string();
    assert_eq!(missing, "the argument \"a\" is missing");
}

#[test]
fn wrong_arguments_are_answered_and_end_the_connection() {
    let mut wrong = AmpBox::new();
    wrong.set("_ask", *b"1");
    wrong.set("_command", *b"Sum");
    wrong.set("a", *b"one");
    let recording = RecordingTransport::connect(Framed::amp(Server::default()));
    recording.receive(&wrong.encode().expect("it is short"));
    let (answer, _) = AmpBox::decode(&recording.written())
        .unwrap()
        .expect("an answer");
    assert_eq!(answer.get("_error"), Some(&b"1"[..]));
    assert_eq!(answer.get("_error_code"), Some(&b"UNKNOWN"[..]));
    assert!(recording.is_closing());
}

#[test]
fn what_does_not_fit_into_a_box_is_not_sent() {
    conversation(usize::MAX, |transport| {
        for (files, key) in [(65_535, true), (65_536, false)] {
            let text = "x".repeat(files);
            let outcome = transport.call(Text { text }, |_, _, _| {});
            assert_eq!(outcome.is_ok(), key);
        }
        let numbers = vec![Bytes(vec![0; 70_000])];
        assert!(matches!(
            transport.call(List { numbers }, |_, _, _| {}),
            Err(NotCalled::TooLong(_))
        ));
    });
}

amp_arguments! {
    struct Text { text: String }
    struct List { numbers: Vec<Bytes> }
}

commands! {
    Text: (), Infallible;
    List: (), Infallible;
}
