//! Standard input and output: each case is a process of its own, whose standard error tells the story.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use retwist::{OpenError, Protocol, Reactor, ReactorHandle, Reason, StandardIo, TransportRef};

use crate::child::{Child, role};
use crate::world::{open_files, pass, reactor};

/// Does what `tr a-z A-Z` does, and tells of it.
struct Upper {
    reactor: ReactorHandle,
    keeps_open: bool,
}

fn tell(what: &str) {
    eprintln!("told: {what}");
}

impl Protocol for Upper {
    fn connection_made(&mut self, _: &TransportRef) {
        tell("made");
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        transport.write(&data.to_ascii_uppercase());
    }

    fn read_connection_lost(&mut self, transport: &TransportRef) {
        tell("read-lost");
        if !self.keeps_open {
            transport.write(b"the end\n");
            transport.lose_connection();
        }
    }

    fn write_connection_lost(&mut self, transport: &TransportRef) {
        tell("write-lost");
        if !self.keeps_open {
            transport.lose_connection();
        }
    }

    fn connection_lost(&mut self, reason: &Reason) {
        match reason {
            Reason::Done => tell("done"),
            Reason::Lost(error) => tell(&format!("lost {:?}", error.kind())),
            other => tell(&format!("{other:?}")),
        }
        self.reactor.stop();
    }
}

fn upper(reactor: &Reactor) -> Upper {
    Upper {
        reactor: reactor.handle(),
        keeps_open: false,
    }
}

/// Opens standard input and output, and runs until they have ended.
fn serve(options: StandardIo, build: impl FnOnce(&Reactor) -> Upper) {
    role(|| {
        let reactor = Reactor::new().unwrap();
        let protocol = build(&reactor);
        reactor.open_standard_io(options, protocol).unwrap();
        reactor.run().unwrap();
    });
}

#[test]
#[ignore = "runs in a process of its own"]
fn upper_case() {
    serve(StandardIo::new(), upper);
}

#[test]
fn pipes_in_and_out() {
    let mut child = Child::start("stdio::upper_case", Stdio::piped(), Stdio::piped());
    child.input().write_all(b"hello\n").unwrap();
    child.expect("HELLO\n");
    child.close_input();
    child.expect("the end\n");
    child.expect_end();
    assert_eq!(child.story(), "made read-lost done");
}

#[test]
fn the_last_write_is_delivered() {
    let mut child = Child::start("stdio::says_much", Stdio::null(), Stdio::piped());
    child.expect(&"much ".repeat(200_000));
    child.expect_end();
    assert_eq!(child.story(), "made done");
}

#[test]
#[ignore = "runs in a process of its own"]
fn says_much() {
    struct Much(Upper);
    impl Protocol for Much {
        fn connection_made(&mut self, transport: &TransportRef) {
            self.0.connection_made(transport);
            transport.write("much ".repeat(200_000).as_bytes());
            transport.lose_connection();
        }
        fn connection_lost(&mut self, reason: &Reason) {
            self.0.connection_lost(reason);
        }
    }
    role(|| {
        let reactor = Reactor::new().unwrap();
        let protocol = Much(upper(&reactor));
        reactor
            .open_standard_io(StandardIo::new(), protocol)
            .unwrap();
        reactor.run().unwrap();
    });
}

#[test]
fn files_in_and_out() {
    let folder = std::env::temp_dir();
    let path = |name: &str| folder.join(format!("stdio-{}-{name}", std::process::id()));
    let content = "a line of text\n".repeat(20_000);
    fs::write(path("in"), &content).unwrap();
    fs::write(path("out"), "").unwrap();
    let output = OpenOptions::new().append(true).open(path("out")).unwrap();
    let mut child = Child::start(
        "stdio::upper_case",
        File::open(path("in")).unwrap().into(),
        output.into(),
    );
    assert_eq!(child.story(), "made read-lost done");
    let written = fs::read_to_string(path("out")).unwrap();
    let (_, written) = written.split_once("BEGIN\n").unwrap();
    assert!(written == content.to_uppercase() + "the end\n");
    fs::remove_file(path("in")).unwrap();
    fs::remove_file(path("out")).unwrap();
}

#[test]
fn nothing_in_and_out() {
    let mut child = Child::start("stdio::upper_case", Stdio::null(), Stdio::null());
    assert_eq!(child.story(), "made read-lost done");
}

#[test]
fn a_socket_for_both_as_under_inetd() {
    let (mut peer, theirs) = UnixStream::pair().unwrap();
    let both = OwnedFd::from(theirs);
    let input = both.try_clone().unwrap();
    let mut child = Child::start("stdio::upper_case", input.into(), both.into());
    let mut begin = [0; 1];
    let mut before = Vec::new();
    while !before.ends_with(b"BEGIN\n") {
        peer.read_exact(&mut begin).unwrap();
        before.push(begin[0]);
    }
    peer.write_all(b"hello\n").unwrap();
    peer.shutdown(std::net::Shutdown::Write).unwrap();
    let mut heard = String::new();
    peer.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "HELLO\nthe end\n");
    assert_eq!(child.story(), "made read-lost done");
}

#[test]
fn a_reader_that_has_gone() {
    // Nothing is being written: it is told, and may go on.
    let mut child = Child::start("stdio::upper_case", Stdio::piped(), Stdio::piped());
    child.until("told: made");
    child.close_output();
    assert_eq!(child.story(), "made write-lost done");

    // What is written breaks.
    let mut child = Child::start("stdio::goes_on", Stdio::piped(), Stdio::piped());
    child.until("told: made");
    child.close_output();
    child.until("told: write-lost");
    child.input().write_all(b"hello\n").unwrap();
    assert_eq!(child.story(), "made write-lost lost BrokenPipe");
}

#[test]
#[ignore = "runs in a process of its own"]
fn goes_on() {
    serve(StandardIo::new(), |reactor| Upper {
        keeps_open: true,
        ..upper(reactor)
    });
}

#[test]
fn a_half_close_is_seen_while_the_program_runs() {
    let mut child = Child::start("stdio::closes_its_output", Stdio::piped(), Stdio::piped());
    child.expect("that was all\n");
    child.expect_end();
    child.input().write_all(b"and yet").unwrap();
    child.until("told: heard and yet");
    child.close_input();
    assert_eq!(child.story(), "made write-lost heard and yet done");
}

#[test]
#[ignore = "runs in a process of its own"]
fn closes_its_output() {
    struct Half(Upper);
    impl Protocol for Half {
        fn connection_made(&mut self, transport: &TransportRef) {
            self.0.connection_made(transport);
            transport.write(b"that was all\n");
            transport.lose_write_connection();
        }
        fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
            tell(&format!("heard {}", String::from_utf8_lossy(data)));
        }
        fn write_connection_lost(&mut self, _: &TransportRef) {
            tell("write-lost");
        }
        fn connection_lost(&mut self, reason: &Reason) {
            self.0.connection_lost(reason);
        }
    }
    role(|| {
        let reactor = Reactor::new().unwrap();
        let protocol = Half(upper(&reactor));
        reactor
            .open_standard_io(StandardIo::new(), protocol)
            .unwrap();
        reactor.run().unwrap();
    });
}

#[test]
fn one_stream_at_a_time() {
    let mut child = Child::start("stdio::twice", Stdio::piped(), Stdio::piped());
    child.expect_end();
    assert_eq!(child.story(), "in-use made done free made read-lost done");
}

#[test]
#[ignore = "runs in a process of its own"]
fn twice() {
    role(|| {
        let reactor = reactor();
        let open = || reactor.open_standard_io(StandardIo::new(), upper(&reactor));
        let transport = open().unwrap();
        assert!(matches!(open(), Err(OpenError::InUse)));
        tell("in-use");
        let before = open_files();
        pass(&reactor);
        transport.lose_connection();
        pass(&reactor);
        // The numbers stay taken, and printing does no harm.
        println!("a line that goes nowhere");
        let file = File::open("/dev/null").unwrap();
        assert!(file.as_raw_fd() > 2);
        drop(file);
        tell("free");
        open().unwrap();
        for _ in 0..10 {
            pass(&reactor);
        }
        assert!(open_files() < before, "descriptors leak");
    });
}
