//! What the child writes and reads.

use std::cell::Cell;
use std::rc::Rc;

use retwist::{ProcessExit, Producer, ProducerKind, Program, StreamSettings};

use crate::world::{Event, Record, reactor, run, sh, until};

#[test]
fn output_and_errors_come_apart() {
    let record = run(sh("echo out; echo err >&2; exit 3"), |_, _| ());
    assert_eq!(record.text(1), "out\n");
    assert_eq!(record.text(2), "err\n");
    assert_eq!(record.ended(), Some(ProcessExit::Code(3)));
    let events = record.events();
    assert_eq!(events[0], Event::Made);
    assert_eq!(*events.last().unwrap(), Event::Ended(ProcessExit::Code(3)));
    for event in [0, 1, 2].map(Event::Lost) {
        assert_eq!(events.iter().filter(|other| **other == event).count(), 1);
    }
    assert!(record.reason(1).unwrap().is_clean());
}

#[test]
fn what_is_written_before_the_end_of_input_arrives() {
    let much = vec![b'x'; 5_000_000];
    let record = run(Program::new("cat"), move |process, event| {
        if *event == Event::Made {
            process.write(&much);
            process.close_stdin();
        }
    });
    assert_eq!(record.from(1), vec![b'x'; 5_000_000]);
    assert_eq!(record.ended(), Some(ProcessExit::Code(0)));
}

/// Writes pieces until it has written all.
struct Pieces {
    process: retwist::ProcessTransport,
    left: Cell<usize>,
    most_buffered: Cell<usize>,
}

impl Producer for Pieces {
    fn resume_producing(&self) {
        let Some(stdin) = self.process.stdin() else {
            return;
        };
        if self.left.get() == 0 {
            stdin.unregister_producer();
            return self.process.close_stdin();
        }
        self.left.set(self.left.get() - 1);
        self.process.write(&[b'p'; 1000]);
        self.most_buffered
            .set(self.most_buffered.get().max(stdin.buffered()));
    }

    fn pause_producing(&self) {}

    fn stop_producing(&self) {}
}

#[test]
fn standard_input_is_a_consumer() {
    let (reactor, record) = (reactor(), Record::default());
    let process = reactor
        .spawn_process(Program::new("cat"), record.recorder())
        .unwrap();
    let pieces = Rc::new(Pieces {
        process: process.clone(),
        left: Cell::new(1000),
        most_buffered: Cell::new(0),
    });
    let stdin = process.stdin().unwrap();
    stdin
        .register_producer(pieces.clone(), ProducerKind::Pull)
        .unwrap();
    until(&reactor, || record.ended().is_some());
    assert_eq!(record.from(1).len(), 1_000_000);
    assert!(pieces.most_buffered.get() <= 1000);
}

#[test]
fn a_paused_pipe_holds_the_child() {
    let (reactor, record) = (reactor(), Record::default());
    let process = reactor
        .spawn_process(
            sh("yes | head -c 1000000; echo done >&2"),
            record.recorder(),
        )
        .unwrap();
    process.pipe(1).unwrap().pause_producing();
    for _ in 0..20 {
        reactor
            .iterate(std::time::Duration::from_millis(5))
            .unwrap();
    }
    assert_eq!(record.from(1), b"");
    assert_eq!(record.from(2), b"");
    assert!(process.is_running());
    process.resume_producing();
    until(&reactor, || record.ended().is_some());
    assert_eq!(record.from(1).len(), 1_000_000);
    assert_eq!(record.text(2), "done\n");
}

#[test]
fn all_outputs_pause_together() {
    let (reactor, record) = (reactor(), Record::default());
    let program = sh("echo out; echo err >&2");
    let process = reactor.spawn_process(program, record.recorder()).unwrap();
    process.pause_producing();
    until(&reactor, || record.exited().is_some());
    assert_eq!(
        (record.text(1), record.text(2)),
        (String::new(), String::new())
    );
    assert_eq!(record.ended(), None);
    process.resume_producing();
    until(&reactor, || record.ended().is_some());
    assert_eq!((&*record.text(1), &*record.text(2)), ("out\n", "err\n"));
}

#[test]
fn a_child_that_reads_nothing_meets_the_limit() {
    let settings = StreamSettings {
        output_limit: 1_000_000,
        ..StreamSettings::client()
    };
    let record = run(
        Program::new("sleep").arg("60").settings(settings),
        |process, event| match event {
            Event::Made => {
                for _ in 0..20 {
                    process.write(&[0; 100_000]);
                }
            }
            Event::Lost(0) => process.kill().unwrap(),
            _ => {}
        },
    );
    let reason = record.reason(0).unwrap();
    assert!(
        matches!(reason, retwist::Reason::OutputLimit(1_000_000)),
        "{reason:?}"
    );
}

#[test]
fn errors_can_go_to_the_output() {
    use retwist::ChildDescriptor::SameAs;

    let program = sh("echo one; echo two >&2; echo three").stderr(SameAs(1));
    let record = run(program, |_, _| ());
    assert_eq!(record.text(1), "one\ntwo\nthree\n");
    assert!(!record.has(&Event::Lost(2)));
}

#[test]
fn a_pipe_takes_an_ordinary_protocol() {
    use retwist::protocols::{Framed, LineReceiver, LineTransport};

    struct Lines(Rc<std::cell::RefCell<Vec<String>>>);
    impl LineReceiver for Lines {
        fn line_received(&mut self, _: &LineTransport, line: &[u8]) {
            self.0
                .borrow_mut()
                .push(String::from_utf8_lossy(line).into());
        }
    }
    let (reactor, record) = (reactor(), Record::default());
    let process = reactor
        .spawn_process(sh("printf 'a\\r\\nb\\r\\n'"), record.recorder())
        .unwrap();
    let lines = Rc::default();
    let pipe = process.pipe(1).unwrap();
    pipe.switch_protocol(Framed::lines(Lines(Rc::clone(&lines))).into());
    // The process still knows its pipe.
    assert!(process.pipe(1).is_some_and(|pipe| pipe.is_reading()));
    until(&reactor, || record.ended().is_some());
    assert_eq!(*lines.borrow(), ["a", "b"]);
    assert!(record.has(&Event::Lost(1)));
}
