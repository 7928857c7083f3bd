//! Terminals, of which the shell that lent one gets everything back.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use retwist::{
    DescriptorStream, Protocol, Reactor, ReactorHandle, ReactorSettings, Reason, StandardIo,
    Terminal, TransportRef, WindowSize,
};
use rustix::fs::{Mode, OFlags, fcntl_getfl, open};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Termios, tcgetattr};

use crate::child::{Child, role};
use crate::world::{self, Story, pass, reactor, until};

/// A pseudo-terminal: what a user types at, and what the program has.
fn terminal() -> (File, OwnedFd) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let slave = open(name, flags, Mode::empty()).unwrap();
    (File::from(master), slave)
}

/// A program with this terminal as its standard input and output, once its stream is open.
fn start(test: &str, terminal: &OwnedFd) -> Child {
    let stdio = || Stdio::from(terminal.try_clone().unwrap());
    let mut child = Child::start(test, stdio(), stdio());
    child.until("told: made");
    child
}

fn mode(terminal: &OwnedFd) -> (LocalModes, u64) {
    let Termios {
        local_modes,
        input_modes,
        ..
    } = tcgetattr(terminal).unwrap();
    (local_modes, u64::from(input_modes.bits()))
}

fn is_raw(terminal: &OwnedFd) -> bool {
    let local = mode(terminal).0;
    !local.intersects(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
}

/// Reads what the terminal shows until it shows this.
fn shows(screen: &mut File, wanted: &str) {
    let mut shown = Vec::new();
    while !String::from_utf8_lossy(&shown).contains(wanted) {
        let mut buffer = [0; 1000];
        let count = screen.read(&mut buffer).unwrap();
        shown.extend(&buffer[..count]);
    }
}

#[test]
fn lines_in_and_out() {
    let (mut user, terminal) = terminal();
    let before = mode(&terminal);
    let mut child = start("stdio::upper_case", &terminal);
    if cfg!(target_os = "linux") {
        let shared = fcntl_getfl(&terminal).unwrap();
        assert!(!shared.contains(OFlags::NONBLOCK), "the shell would fail");
    }
    user.write_all(b"hello\n").unwrap();
    shows(&mut user, "HELLO\r\n");
    // Ctrl-D.
    user.write_all(&[4]).unwrap();
    shows(&mut user, "the end\r\n");
    assert_eq!(child.story(), "made read-lost done");
    assert!(!fcntl_getfl(&terminal).unwrap().contains(OFlags::NONBLOCK));
    assert_eq!(mode(&terminal), before);
}

/// A read of a terminal gives one line, however many there are.
#[test]
fn several_lines_at_once() {
    let (mut user, terminal) = terminal();
    let (reactor, story) = (reactor(), Story::default());
    world::open(&reactor, DescriptorStream::new(terminal), &story);
    user.write_all(b"one\ntwo\nthree\n\x04").unwrap();
    until(&reactor, || story.is_over());
    assert_eq!(story.received(), b"one\ntwo\nthree\n");
    assert_eq!(story.told(), "made data read-lost lost");
}

/// Ends as the key says that is pressed.
struct Keys {
    reactor: ReactorHandle,
}

impl Protocol for Keys {
    fn connection_made(&mut self, _: &TransportRef) {
        eprintln!("told: made");
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        match data {
            b"q" => transport.lose_connection(),
            b"a" => transport.abort_connection(),
            b"r" => Terminal::of(transport).unwrap().restore().unwrap(),
            b"s" => self.reactor.stop(),
            b"c" => self.reactor.crash(),
            b"p" => panic!("as the key said"),
            b"t\n" => transport.write(b"typed"),
            _ => {}
        }
    }

    fn connection_lost(&mut self, _: &Reason) {
        eprintln!("told: lost");
        self.reactor.stop();
    }
}

fn read_keys(signals: bool) {
    role(|| {
        let reactor = Reactor::with_settings(ReactorSettings {
            signals,
            ..ReactorSettings::default()
        })
        .unwrap();
        let keys = Keys {
            reactor: reactor.handle(),
        };
        let options = StandardIo::new().raw(true);
        reactor.open_standard_io(options, keys).unwrap();
        reactor.run().unwrap();
    });
}

#[test]
#[ignore = "runs in a process of its own"]
fn keys() {
    read_keys(true);
}

#[test]
#[ignore = "runs in a process of its own"]
fn keys_without_signals() {
    read_keys(false);
}

/// A loop of the application's own, which panics.
#[test]
#[ignore = "runs in a process of its own"]
fn keys_and_a_panic() {
    role(|| {
        let reactor = reactor();
        let keys = Keys {
            reactor: reactor.handle(),
        };
        let options = StandardIo::new().raw(true);
        let transport = reactor.open_standard_io(options, keys).unwrap();
        pass(&reactor);
        pass(&reactor);
        reactor.iterate(Duration::from_secs(60)).unwrap();
        assert!(!transport.is_connected(), "this is the panic");
    });
}

#[test]
fn the_mode_is_given_back_at_every_end() {
    for key in ["q", "a", "s", "c", "p"] {
        let (mut user, terminal) = terminal();
        let before = mode(&terminal);
        let mut child = start("terminals::keys", &terminal);
        assert!(is_raw(&terminal));
        user.write_all(key.as_bytes()).unwrap();
        assert_eq!(child.story(), "made lost", "{key}");
        assert_eq!(mode(&terminal), before, "{key}");
    }
}

#[test]
fn the_mode_is_given_back_when_asked() {
    let (mut user, terminal) = terminal();
    let before = mode(&terminal);
    let mut child = start("terminals::keys", &terminal);
    user.write_all(b"r").unwrap();
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while mode(&terminal) != before {
        assert!(std::time::Instant::now() < end, "it stays raw");
        std::thread::yield_now();
    }
    // Now the line is what comes.
    user.write_all(b"q\n\x04").unwrap();
    child.story();
}

#[test]
fn the_mode_is_given_back_when_the_program_panics() {
    let (mut user, terminal) = terminal();
    let before = mode(&terminal);
    let mut child = start("terminals::keys_and_a_panic", &terminal);
    assert!(is_raw(&terminal));
    user.write_all(b"-").unwrap();
    assert!(!child.end().success());
    assert_eq!(mode(&terminal), before);
}

#[test]
fn the_mode_is_given_back_when_a_signal_stops_the_reactor() {
    for signal in [Signal::INT, Signal::TERM] {
        let (_user, terminal) = terminal();
        let before = mode(&terminal);
        let mut child = start("terminals::keys", &terminal);
        child.signal(signal);
        assert_eq!(child.story(), "made lost");
        assert_eq!(mode(&terminal), before);
    }
}

#[test]
fn the_mode_is_given_back_before_a_signal_ends_the_process() {
    for (test, signals) in [
        (
            "terminals::keys_without_signals",
            &[Signal::INT, Signal::TERM][..],
        ),
        ("terminals::keys", &[Signal::HUP, Signal::QUIT]),
    ] {
        for signal in signals {
            let (_user, terminal) = terminal();
            let before = mode(&terminal);
            let mut child = start(test, &terminal);
            assert!(is_raw(&terminal));
            child.signal(*signal);
            // It ends as the signal would have ended it.
            assert_eq!(child.end().signal(), Some(signal.as_raw()));
            assert_eq!(mode(&terminal), before);
        }
    }
}

#[test]
fn a_signal_ends_the_process_when_the_mode_has_been_given_back() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
        let (mut user, terminal) = terminal();
        let before = mode(&terminal);
        let mut child = start("terminals::keys_without_signals", &terminal);
        user.write_all(b"r").unwrap();
        while mode(&terminal) != before {
            std::thread::yield_now();
        }
        // It has done with that when it answers to what comes next.
        user.write_all(b"t\n").unwrap();
        let mut shown = Vec::new();
        while !shown.ends_with(b"typed") {
            let mut byte = [0];
            user.read_exact(&mut byte).unwrap();
            shown.extend(byte);
        }
        child.signal(signal);
        assert_eq!(child.end().signal(), Some(signal.as_raw()));
    }
}

#[test]
fn a_terminal_as_a_stream() {
    let (user, terminal) = terminal();
    let (reactor, at_the_terminal, program) = (reactor(), Story::default(), Story::default());
    let user = world::open(&reactor, DescriptorStream::new(user), &at_the_terminal);
    let stream = DescriptorStream::new(terminal);
    let transport = world::open(&reactor, stream, &program);
    let of_user = Terminal::of(&user).unwrap();
    let size = WindowSize::new(43, 132);
    of_user.set_size(size).unwrap();
    let seen = Terminal::of(&transport).unwrap();
    assert_eq!(seen.size().unwrap(), size);

    seen.set_raw().unwrap();
    user.write(&[3]);
    until(&reactor, || program.received() == [3]);
    seen.restore().unwrap();

    user.write(b"a line\n");
    until(&reactor, || program.received() == b"\x03a line\n");
    transport.write(b"an answer\n");
    // With the echo of what was typed.
    until(&reactor, || {
        at_the_terminal.received() == b"a line\r\nan answer\r\n"
    });

    // The user hangs up, and then the terminal is gone.
    user.lose_connection();
    until(&reactor, || program.is_over());
    assert!(
        program.told().ends_with("read-lost lost"),
        "{}",
        program.told()
    );
    assert!(seen.size().is_err());
}

/// The other way round: the program has ended, and what it wrote last is still read.
#[test]
fn a_program_that_leaves_its_terminal() {
    let (user, terminal) = terminal();
    let (reactor, story) = (reactor(), Story::default());
    world::open(&reactor, DescriptorStream::new(user), &story);
    File::from(terminal).write_all(b"the last words\n").unwrap();
    until(&reactor, || story.is_over());
    assert_eq!(story.told(), "made data read-lost lost");
    assert_eq!(story.received(), b"the last words\r\n");
    assert!(story.reason().is_clean(), "{:?}", story.reason());
}

#[test]
fn a_pipe_is_no_terminal() {
    let (reader, _writer) = std::io::pipe().unwrap();
    let (reactor, story) = (reactor(), Story::default());
    let transport = world::open(&reactor, DescriptorStream::reading(reader), &story);
    assert!(Terminal::of(&transport).is_none());
}
