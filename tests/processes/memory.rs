//! Children on a reactor without a system: the test plays them.

use std::cell::RefCell;
use std::rc::Rc;

use retwist::testing::{MemoryProcess, MemoryReactor, RecordingTransport};
use retwist::{
    ProcessError, ProcessExit, ProcessTransport, Program, Protocol, ReactorProcess, Signal,
    SpawnError, TransportRef, WindowSize,
};

use crate::world::{Event, Record};

fn start(program: Program) -> (MemoryReactor, Record, ProcessTransport, MemoryProcess) {
    let (reactor, record) = (MemoryReactor::new(), Record::default());
    let process = ReactorProcess::spawn(&reactor, program, record.recorder().into()).unwrap();
    let child = reactor.spawned().remove(0);
    (reactor, record, process, child)
}

#[test]
fn a_whole_life() {
    let (reactor, record, process, child) = start(Program::new("bc").arg("-l").directory("/tmp"));
    assert_eq!(child.program().path().to_str(), Some("bc"));
    assert_eq!(child.program().arguments().collect::<Vec<_>>(), ["-l"]);
    process.write(b"2 + 2\n");
    assert_eq!(child.take_input(0), b"2 + 2\n");
    child.write(1, b"4\n");
    child.write(2, b"careful\n");
    assert_eq!((&*record.text(1), &*record.text(2)), ("4\n", "careful\n"));
    assert!(!child.is_closed(0));
    process.close_stdin();
    assert!(child.is_closed(0));
    process.signal(Signal::INT).unwrap();
    process.kill().unwrap();
    assert_eq!(child.signals(), [Signal::INT, Signal::KILL]);
    let exit = ProcessExit::Signal {
        signal: Signal::KILL,
        core_dumped: false,
    };
    child.exit(exit);
    let events = record.events();
    assert_eq!(events[0], Event::Made);
    assert_eq!(*events.last().unwrap(), Event::Ended(exit));
    assert!(matches!(process.kill(), Err(ProcessError::Exited)));
    assert!(reactor.spawned().is_empty());
}

#[test]
fn exit_and_end_come_apart() {
    let (_reactor, record, _process, child) = start(Program::new("daemon"));
    child.exit_alone(ProcessExit::Code(0));
    assert_eq!(record.exited(), Some(ProcessExit::Code(0)));
    child.write(1, b"late");
    assert_eq!(record.ended(), None);
    for number in [0, 1, 2] {
        child.close(number);
    }
    assert_eq!(record.text(1), "late");
    assert_eq!(record.ended(), Some(ProcessExit::Code(0)));
}

#[test]
fn a_terminal() {
    let (_reactor, record, process, child) =
        start(Program::new("vi").terminal(WindowSize::default()));
    process.write(b":q\n");
    assert_eq!(child.take_input(0), b":q\n");
    child.write(1, b"bye");
    assert_eq!(record.text(1), "bye");
    process.set_window(WindowSize::new(1, 2)).unwrap();
    assert_eq!(child.window(), Some(WindowSize::new(1, 2)));
    child.exit(ProcessExit::Code(0));
    assert_eq!(record.ended(), Some(ProcessExit::Code(0)));
}

#[test]
fn a_start_that_fails() {
    let (reactor, record) = (MemoryReactor::new(), Record::default());
    let error = std::io::ErrorKind::NotFound.into();
    reactor.fail_next_spawn(SpawnError::NoSuchProgram("x".into(), error));
    reactor.spawn_process("x", record.recorder()).unwrap_err();
    reactor.spawn_process("x", record.recorder()).unwrap();
}

#[test]
fn a_child_as_a_connection() {
    #[derive(Clone, Default)]
    struct Upper(Rc<RefCell<Vec<u8>>>);
    impl Protocol for Upper {
        fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
            self.0.borrow_mut().extend_from_slice(data);
            transport.write(&data.to_ascii_uppercase());
        }
    }
    struct Says;
    impl Protocol for Says {
        fn connection_made(&mut self, transport: &TransportRef) {
            transport.write(b"hello");
        }
    }
    let reactor = MemoryReactor::new();
    reactor.connect_process(Program::new("tr"), |_| Says);
    let pending = reactor.connecting_processes().remove(0);
    assert_eq!(pending.options().path().to_str(), Some("tr"));
    let upper = Upper::default();
    let pair = reactor.complete_with(&pending, upper.clone()).unwrap();
    pair.run();
    assert_eq!(*upper.0.borrow(), b"hello");
    drop(RecordingTransport::connect(Says));
}
