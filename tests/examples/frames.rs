use std::io::{Read, Write};

use crate::program::{Program, connect, read_all};

const LOCAL: &str = "tcp:0:interface=127.0.0.1";

#[test]
fn messages_come_back_in_their_own_framing() {
    let table: [(&str, &[u8]); 5] = [
        ("line", b"one\r\ntwo\r\n\r\nthree\r\n"),
        ("netstring", b"5:hello,0:,3:\xff\x00,,"),
        ("int8", b"\x05hello\x00\x02ab"),
        ("int16", b"\x00\x05hello\x00\x00"),
        ("int32", b"\x00\x00\x00\x05hello\x00\x00\x00\x00"),
    ];
    for (framing, messages) in table {
        let (program, address) = Program::serve("frames", &[LOCAL, "--framing", framing]);
        let mut stream = connect(address);
        stream.write_all(messages).unwrap();
        let mut back = vec![0; messages.len()];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(back, messages, "{framing}");
        // Not before it is whole.
        stream.write_all(&messages[..1]).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(read_all(&mut stream), b"");
        drop(stream);
        program.stop();
    }
}

#[test]
fn lines_may_end_in_lf() {
    let (program, address) = Program::serve("frames", &[LOCAL, "--max", "5"]);
    let mut stream = connect(address);
    stream.write_all(b"12345\n\nabc\r\n123456\nx\n").unwrap();
    assert_eq!(read_all(&mut stream), b"12345\r\n\r\nabc\r\n");
    program.stop();
}

#[test]
fn a_message_that_is_too_long_is_the_last() {
    let table: [(&str, &[u8], &[u8]); 7] = [
        ("line", b"12345\r\n", b"123456\r\n"),
        ("line", b"1234\r\n", b"1234567"),
        ("netstring", b"5:12345,", b"6:"),
        ("netstring", b"5:12345,", b"no netstring"),
        ("int8", b"\x0512345", b"\x06"),
        ("int16", b"\x00\x0512345", b"\x00\x06"),
        ("int32", b"\x00\x00\x00\x0512345", b"\xff\xff\xff\xff"),
    ];
    for (framing, good, bad) in table {
        let options = [LOCAL, "--framing", framing, "--max", "5"];
        let (program, address) = Program::serve("frames", &options);
        let mut stream = connect(address);
        stream.write_all(&[good, bad, good].concat()).unwrap();
        assert_eq!(read_all(&mut stream), good, "{framing} {bad:?}");
        drop(stream);
        program.stop();
    }
}
