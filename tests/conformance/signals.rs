//! SIGINT and SIGTERM: the first ends a reactor in order, the second at once.

use std::cell::Cell;
use std::io::Read;
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use retwist::{Address, Phase, Reactor, ReactorSettings, SignalError, SystemEvent, TcpListen};
use rustix::process::Signal;

use crate::child::{Process, is_child};
use retwist_conformance::streams::{Event, Peer};

#[test]
fn a_signal_ends_a_reactor_in_order() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut server = Process::start("signals::serves");
        let mut client = TcpStream::connect(server.says("listening on")).unwrap();
        server.says("made");
        server.signal(signal);
        assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
        server.says("lost");
        server.says("ended");
        assert!(server.end().success());
    }
}

#[test]
#[ignore = "runs in a process of its own"]
fn serves() {
    if !is_child() {
        return;
    }
    let reactor = Reactor::new().unwrap();
    let factory = |_: &Address| {
        Peer::new().reacting(|_, event| match event {
            Event::Made => println!("\nmade"),
            Event::Lost => println!("\nlost"),
            _ => {}
        })
    };
    let listen = TcpListen::port(0).interface([127, 0, 0, 1]);
    let port = reactor.listen_tcp(listen, factory).unwrap();
    reactor.call_when_running(move || println!("\nlistening on {}", port.address()));
    reactor.run().unwrap();
    println!("ended");
}

#[test]
fn a_second_signal_ends_a_shutdown_that_hangs() {
    let mut process = Process::start("signals::hangs");
    process.says("started");
    process.signal(Signal::INT);
    process.says("held");
    process.signal(Signal::INT);
    process.says("ended");
    assert!(process.end().success());
}

#[test]
#[ignore = "runs in a process of its own"]
fn hangs() {
    if !is_child() {
        return;
    }
    let reactor = Reactor::new().unwrap();
    let mut kept = Vec::new();
    reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move |hold| {
        kept.push(hold);
        println!("\nheld");
        std::mem::forget(kept);
    });
    reactor.call_when_running(|| println!("\nstarted"));
    reactor.run().unwrap();
    println!("ended");
}

#[test]
fn a_signal_ends_a_start_that_hangs() {
    let mut process = Process::start("signals::never_starts");
    process.says("starting");
    process.signal(Signal::TERM);
    process.says("ended");
    assert!(process.end().success());
}

#[test]
#[ignore = "runs in a process of its own"]
fn never_starts() {
    if !is_child() {
        return;
    }
    let reactor = Reactor::new().unwrap();
    reactor.add_system_event_trigger(Phase::Before, SystemEvent::Startup, |hold| {
        println!("\nstarting");
        std::mem::forget(hold);
    });
    reactor.run().unwrap();
    println!("ended");
}

#[test]
fn signals_do_what_they_did_once_the_reactor_has_run() {
    let mut process = Process::start("signals::runs_and_goes_on");
    process.says("has run");
    process.signal(Signal::TERM);
    assert_eq!(process.end().signal(), Some(Signal::TERM.as_raw()));
}

#[test]
#[ignore = "runs in a process of its own"]
fn runs_and_goes_on() {
    if !is_child() {
        return;
    }
    let reactor = Reactor::new().unwrap();
    let handle = reactor.handle();
    reactor.call_when_running(move || handle.stop());
    reactor.run().unwrap();
    println!("\nhas run");
    loop {
        thread::park();
    }
}

#[test]
fn a_reactor_that_leaves_signals_alone_is_not_stopped_by_them() {
    let mut process = Process::start("signals::leaves_signals_alone");
    process.says("started");
    process.signal(Signal::TERM);
    assert_eq!(process.end().signal(), Some(Signal::TERM.as_raw()));
}

#[test]
#[ignore = "runs in a process of its own"]
fn leaves_signals_alone() {
    if !is_child() {
        return;
    }
    let settings = ReactorSettings {
        signals: false,
        ..ReactorSettings::default()
    };
    let reactor = Reactor::with_settings(settings).unwrap();
    reactor.call_when_running(|| println!("\nstarted"));
    reactor.run().unwrap();
}

#[test]
fn a_signal_that_the_process_ignores_stays_ignored() {
    for (ignored, other) in [(Signal::INT, Signal::TERM), (Signal::TERM, Signal::INT)] {
        let name = match ignored {
            Signal::INT => "INT",
            _ => "TERM",
        };
        let mut process = Process::start_ignoring(name, "signals::serves");
        let client = TcpStream::connect(process.says("listening on")).unwrap();
        process.says("made");
        process.signal(ignored);
        process.signal(ignored);
        drop(client);
        process.says("lost");
        process.signal(other);
        process.says("ended");
        assert!(process.end().success());
    }
}

#[test]
fn a_signal_that_was_ignored_is_ignored_once_the_reactor_has_run() {
    let mut process = Process::start_ignoring("TERM", "signals::runs_and_goes_on");
    process.says("has run");
    process.signal(Signal::TERM);
    process.signal(Signal::INT);
    assert_eq!(process.end().signal(), Some(Signal::INT.as_raw()));
}

#[test]
fn a_handler_that_was_there_before_goes_on_when_the_reactor_has_run() {
    let mut process = Process::start("signals::has_a_handler");
    process.says("started");
    process.signal(Signal::TERM);
    process.says("has run, and the handler has seen the signal: true");
    process.signal(Signal::TERM);
    process.says("the handler has seen another");
    process.signal(Signal::INT);
    assert_eq!(process.end().signal(), Some(Signal::INT.as_raw()));
}

#[test]
#[ignore = "runs in a process of its own"]
fn has_a_handler() {
    if !is_child() {
        return;
    }
    let seen = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(Signal::TERM.as_raw(), seen.clone()).unwrap();
    let reactor = Reactor::new().unwrap();
    reactor.call_when_running(|| println!("\nstarted"));
    reactor.run().unwrap();
    let first = seen.swap(false, Ordering::SeqCst);
    println!("\nhas run, and the handler has seen the signal: {first}");
    while !seen.load(Ordering::SeqCst) {
        thread::yield_now();
    }
    println!("\nthe handler has seen another");
    loop {
        thread::park();
    }
}

#[test]
fn handlers_of_an_application_are_called_and_removed() {
    let mut process = Process::start("signals::handles_signals");
    process.says("started");
    process.signal(Signal::USR2);
    process.says("first");
    process.says("second");
    process.says("one is left");
    process.signal(Signal::USR2);
    process.says("second");
    process.says("none is left");
    process.signal(Signal::USR2);
    assert_eq!(process.end().signal(), Some(Signal::USR2.as_raw()));
}

#[test]
#[ignore = "runs in a process of its own"]
fn handles_signals() {
    if !is_child() {
        return;
    }
    let reactor = Reactor::new().unwrap();
    let seen = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(Signal::USR1.as_raw(), seen.clone()).unwrap();
    let first = reactor.on_signal(retwist::Signal::USR2, || println!("\nfirst"));
    let first = Cell::new(Some(first.unwrap()));
    let handle = reactor.handle();
    let count = Cell::new(0);
    let kept = Rc::new(Cell::new(None));
    let own = kept.clone();
    let second = reactor.on_signal(retwist::Signal::USR2, move || {
        println!("\nsecond");
        count.set(count.get() + 1);
        if count.get() == 1 {
            // Behind the others that this signal calls.
            let first = first.take();
            handle.call_soon(move || {
                drop(first);
                println!("\none is left");
            });
        } else {
            drop(own.take());
            println!("\nnone is left");
        }
    });
    kept.set(Some(second.unwrap()));
    reactor.call_when_running(|| println!("\nstarted"));
    reactor.run().unwrap();
}

#[test]
fn a_handler_beside_one_that_was_there_before_and_one_of_a_reactor_that_has_ended() {
    let mut process = Process::start("signals::handles_and_ends");
    process.says("started");
    process.signal(Signal::USR1);
    process.says("called, and so was the one before: true");
    process.signal(Signal::USR2);
    process.says("ended");
    // What is kept keeps the default from ending the process.
    process.signal(Signal::USR2);
    process.signal(Signal::USR1);
    process.says("the one before was called again");
    process.signal(Signal::TERM);
    assert_eq!(process.end().signal(), Some(Signal::TERM.as_raw()));
}

#[test]
#[ignore = "runs in a process of its own"]
fn handles_and_ends() {
    if !is_child() {
        return;
    }
    let seen = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(Signal::USR1.as_raw(), seen.clone()).unwrap();
    let reactor = Reactor::new().unwrap();
    let before = seen.clone();
    let called = reactor.on_signal(retwist::Signal::USR1, move || {
        let before = before.swap(false, Ordering::SeqCst);
        println!("\ncalled, and so was the one before: {before}");
    });
    let handle = reactor.handle();
    let ends = reactor.on_signal(retwist::Signal::USR2, move || handle.stop());
    let _kept = (called.unwrap(), ends.unwrap());
    reactor.call_when_running(|| println!("\nstarted"));
    reactor.run().unwrap();
    println!("\nended");
    while !seen.load(Ordering::SeqCst) {
        thread::yield_now();
    }
    println!("\nthe one before was called again");
    loop {
        thread::park();
    }
}

#[test]
fn what_no_program_can_handle_is_said() {
    let reactor = Reactor::new().unwrap();
    for signal in [
        retwist::Signal::KILL,
        retwist::Signal::STOP,
        retwist::Signal::SEGV,
    ] {
        let refused = reactor.on_signal(signal, || ());
        assert!(matches!(refused, Err(SignalError::NotPossible(one)) if one == signal));
    }
}
