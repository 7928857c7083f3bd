//! Children on a terminal.

use retwist::{ProcessError, ProcessExit, Program, Signal, WindowSize};

use crate::world::{Event, Record, reactor, run, sh, until};

fn on_terminal(script: &str) -> Program {
    sh(script).terminal(WindowSize::new(30, 100))
}

#[test]
fn all_three_are_the_terminal() {
    let record = run(
        on_terminal("tty; test -t 0 && test -t 1 && test -t 2 && echo yes >&2"),
        |_, _| (),
    );
    let text = record.text(1);
    assert!(
        text.starts_with("/dev/") && text.ends_with("\r\nyes\r\n"),
        "{text:?}"
    );
    assert_eq!(record.ended(), Some(ProcessExit::Code(0)));
    assert_eq!(
        record.events(),
        [
            Event::Made,
            Event::Exited(ProcessExit::Code(0)),
            Event::Lost(1),
            Event::Ended(ProcessExit::Code(0))
        ]
    );
    assert!(record.reason(1).unwrap().is_clean());
}

#[test]
fn it_is_the_terminal_of_a_session() {
    // The device by this name is the terminal of the session.
    let record = run(
        on_terminal("echo hello > /dev/tty; ps -o tty= -p $$; tty"),
        |_, _| (),
    );
    let text = record.text(1);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "hello");
    assert!(lines[2].ends_with(lines[1].trim()), "{text:?}");
}

#[test]
fn what_is_typed_is_echoed_and_read() {
    let (reactor, record) = (reactor(), Record::default());
    let program = on_terminal("read line; echo got $line");
    let process = reactor.spawn_process(program, record.recorder()).unwrap();
    process.write(b"words\n");
    until(&reactor, || record.ended().is_some());
    assert_eq!(record.text(1), "words\r\ngot words\r\n");
}

#[test]
fn keys_send_signals_and_the_end_of_input() {
    for (keys, exit) in [
        (
            b"\x03",
            ProcessExit::Signal {
                signal: Signal::INT,
                core_dumped: false,
            },
        ),
        (b"\x04", ProcessExit::Code(0)),
    ] {
        let (reactor, record) = (reactor(), Record::default());
        let program = on_terminal("echo ready; exec cat");
        let process = reactor.spawn_process(program, record.recorder()).unwrap();
        until(&reactor, || record.text(1).contains("ready"));
        process.write(keys);
        until(&reactor, || record.ended().is_some());
        assert_eq!(record.ended(), Some(exit));
    }
}

#[test]
fn the_window_has_a_size_that_changes() {
    let (reactor, record) = (reactor(), Record::default());
    let program =
        on_terminal("trap 'stty size; exit' WINCH; stty size; while :; do sleep 0.01; done");
    let process = reactor.spawn_process(program, record.recorder()).unwrap();
    until(&reactor, || record.text(1).contains("30 100\r\n"));
    process.set_window(WindowSize::new(50, 120)).unwrap();
    until(&reactor, || record.ended().is_some());
    assert_eq!(record.text(1), "30 100\r\n50 120\r\n");
    assert!(matches!(
        process.set_window(WindowSize::default()),
        Err(ProcessError::Exited)
    ));
}

#[test]
fn without_a_terminal_there_is_no_window() {
    let (reactor, record) = (reactor(), Record::default());
    let process = reactor.spawn_process("cat", record.recorder()).unwrap();
    let outcome = process.set_window(WindowSize::default());
    assert!(
        matches!(outcome, Err(ProcessError::NoTerminal)),
        "{outcome:?}"
    );
}

#[test]
fn closing_it_hangs_up() {
    let (reactor, record) = (reactor(), Record::default());
    let process = reactor
        .spawn_process(on_terminal("echo ready; exec sleep 60"), record.recorder())
        .unwrap();
    until(&reactor, || record.text(1).contains("ready"));
    process.lose_connection();
    until(&reactor, || record.ended().is_some());
    let hung_up = ProcessExit::Signal {
        signal: Signal::HUP,
        core_dumped: false,
    };
    assert_eq!(record.ended(), Some(hung_up));
}

#[test]
fn a_background_process_keeps_it() {
    let (reactor, record) = (reactor(), Record::default());
    let program = on_terminal("trap '' HUP; (sleep 0.3; echo late) & exit 5");
    reactor.spawn_process(program, record.recorder()).unwrap();
    until(&reactor, || record.exited().is_some());
    until(&reactor, || record.ended().is_some());
    assert_eq!(record.exited(), Some(ProcessExit::Code(5)));
    assert_eq!(record.text(1), "late\r\n");
}
