//! How a child ends, and what its protocol hears of it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use retwist::{
    ProcessError, ProcessExit, ProcessProtocolHandle, Program, Signal, WeakProcessProtocol,
};

use crate::world::{Event, Record, Recorder, is_child, reactor, run, sh, until};

fn by(signal: Signal) -> ProcessExit {
    ProcessExit::Signal {
        signal,
        core_dumped: false,
    }
}

#[test]
fn by_a_code() {
    for code in [0, 1, 2, 127, 255] {
        let record = run(sh(&format!("exit {code}")), |_, _| ());
        assert_eq!(record.exited(), Some(ProcessExit::Code(code)));
        assert_eq!(record.ended(), Some(ProcessExit::Code(code)));
    }
}

#[test]
fn by_a_signal() {
    for signal in [
        Signal::TERM,
        Signal::KILL,
        Signal::INT,
        Signal::HUP,
        Signal::USR1,
    ] {
        let program = Program::new("sleep").arg("60");
        let record = run(program, move |process, event| {
            if *event == Event::Made {
                process.signal(signal).unwrap();
            }
        });
        assert_eq!(record.ended(), Some(by(signal)));
        assert_eq!(
            record.ended().unwrap().shell_code(),
            Some(128 + signal.number())
        );
    }
}

#[test]
fn without_a_pipe() {
    use retwist::ChildDescriptor::Null;

    let program = sh("exit 4").stdin(Null).stdout(Null).stderr(Null);
    let record = run(program, |_, _| ());
    let exit = ProcessExit::Code(4);
    assert_eq!(
        record.events(),
        [Event::Made, Event::Exited(exit), Event::Ended(exit)]
    );
}

#[test]
fn in_the_middle_of_its_output() {
    let record = run(sh("echo one; kill -9 $$; echo two"), |_, _| ());
    assert_eq!(record.text(1), "one\n");
    assert_eq!(record.ended(), Some(by(Signal::KILL)));
}

#[test]
fn it_closes_its_pipes_and_lives_on() {
    let script = "exec <&- >&- 2>&-; exec sleep 60";
    let record = run(sh(script), {
        let mut lost = 0;
        move |process, event| {
            if let Event::Lost(_) = event {
                lost += 1;
                if lost == 3 {
                    assert!(process.is_running());
                    process.signal(Signal::TERM).unwrap();
                }
            }
        }
    });
    assert_eq!(record.ended(), Some(by(Signal::TERM)));
    assert_eq!(
        record.events()[1..4]
            .iter()
            .filter(|event| matches!(event, Event::Lost(_)))
            .count(),
        3
    );
}

#[test]
fn it_leaves_its_pipes_to_a_process_of_its_own() {
    let (reactor, record) = (reactor(), Record::default());
    let script = "(read line; echo late; echo $line) <&0 & exit 7";
    let script = format!("exec 3<&0; {}", script.replace("<&0", "<&3"));
    let process = reactor
        .spawn_process(sh(&script), record.recorder())
        .unwrap();
    until(&reactor, || record.exited().is_some());
    reactor.iterate(Duration::ZERO).unwrap();
    assert_eq!(record.ended(), None);
    assert_eq!(process.exit(), Some(ProcessExit::Code(7)));
    assert_eq!(process.pid(), None);
    assert!(matches!(process.kill(), Err(ProcessError::Exited)));
    process.write(b"hello\n");
    until(&reactor, || record.ended().is_some());
    assert_eq!(record.text(1), "late\nhello\n");
    assert_eq!(record.ended(), Some(ProcessExit::Code(7)));
}

#[test]
fn whose_pipes_a_grandchild_holds_can_be_let_go() {
    let record = run(sh("sleep 60 & exit 0"), |process, event| {
        if let Event::Exited(_) = event {
            process.lose_connection();
        }
    });
    assert_eq!(record.ended(), Some(ProcessExit::Code(0)));
}

#[test]
fn it_ignores_the_request_and_not_the_order() {
    let (reactor, record) = (reactor(), Record::default());
    let program = sh("trap '' TERM; echo ready; exec sleep 60");
    let process = reactor.spawn_process(program, record.recorder()).unwrap();
    until(&reactor, || record.text(1) == "ready\n");
    process.signal(Signal::TERM).unwrap();
    reactor.iterate(Duration::from_millis(50)).unwrap();
    assert!(process.is_running());
    process.kill().unwrap();
    until(&reactor, || record.ended().is_some());
    assert_eq!(record.ended(), Some(by(Signal::KILL)));
}

#[test]
fn a_signal_after_the_end_is_an_error() {
    let (reactor, record) = (reactor(), Record::default());
    let process = reactor.spawn_process("true", record.recorder()).unwrap();
    assert!(process.is_running());
    until(&reactor, || record.ended().is_some());
    assert!(!process.is_running());
    assert!(matches!(
        process.signal(Signal::TERM),
        Err(ProcessError::Exited)
    ));
    assert!(matches!(process.kill(), Err(ProcessError::Exited)));
    process.write(b"to none");
    process.close_stdin();
    process.lose_connection();
    process.pause_producing();
    assert_eq!((process.pid(), process.exit()), (None, None));
}

#[test]
fn another_part_of_the_program_takes_the_status() {
    let (reactor, record) = (reactor(), Record::default());
    let process = reactor.spawn_process("cat", record.recorder()).unwrap();
    let pid = rustix::process::Pid::from_raw(process.pid().unwrap().try_into().unwrap());
    process.kill().unwrap();
    let options = rustix::process::WaitOptions::empty();
    rustix::process::waitpid(pid, options).unwrap();
    until(&reactor, || record.ended().is_some());
    assert_eq!(record.ended(), Some(ProcessExit::Unknown));
}

#[test]
fn a_panic_costs_the_child_and_nothing_else() {
    let reactor = reactor();
    let (broken, fine) = (Record::default(), Record::default());
    let panics =
        broken.acting(|_, event| assert!(*event != Event::Made, "this is the panic of the test"));
    let program = Program::new("sleep").arg("60");
    reactor.spawn_process(program, panics).unwrap();
    let process = reactor.spawn_process("cat", fine.recorder()).unwrap();
    until(&reactor, || broken.ended().is_some());
    assert_eq!(
        broken.events(),
        [Event::Made, Event::Ended(by(Signal::KILL))]
    );
    process.write(b"still here");
    process.close_stdin();
    until(&reactor, || fine.ended().is_some());
    assert_eq!(fine.text(1), "still here");
}

#[test]
fn other_code_calls_the_protocol() {
    let (reactor, record) = (reactor(), Record::default());
    let me: Rc<RefCell<Option<WeakProcessProtocol<Recorder>>>> = Rc::default();
    let handle = ProcessProtocolHandle::new(record.recorder());
    let process = reactor.spawn_process("cat", &handle).unwrap();
    handle
        .try_call(|recorder| *me.borrow_mut() = Some(process.me(recorder)))
        .unwrap();
    let me = me.take().unwrap();
    assert_eq!(me.try_call(|_, _| ()), None, "before connection_made");
    until(&reactor, || record.has(&Event::Made));
    me.call(|_, process| process.close_stdin());
    until(&reactor, || record.ended().is_some());
    assert_eq!(me.try_call(|_, _| ()), None, "after process_ended");
}

#[test]
fn no_zombie_is_left() {
    for script in [
        "exit 0",
        "exec <&- >&- 2>&-",
        "kill -9 $$",
        "sleep 0.05 & exit 0",
    ] {
        let (reactor, record) = (reactor(), Record::default());
        let process = reactor
            .spawn_process(sh(script), record.recorder())
            .unwrap();
        let pid = process.pid().unwrap();
        until(&reactor, || record.ended().is_some());
        assert!(
            !is_child(pid),
            "{script}: process {pid} is still a child of this one"
        );
    }
}
