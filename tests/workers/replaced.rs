use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use retwist::{Phase, Replacing, SystemEvent, WorkersError, error_chain};

use crate::log_of::POISON;
use crate::program::{Gate, Running, answers, connect, connect_to, serve, several, soon};

#[test]
fn a_panic_that_escapes_ends_all_unless_its_worker_is_replaced() {
    let gate = Gate::new();
    let running = Running::start(|| several(2), move |worker| serve(worker, &gate));
    let mut poisoned = connect_to(running.address, 1);
    poisoned.write_all(b"p").unwrap();
    let status = running.status.clone();
    let error = running.end().unwrap_err();
    let WorkersError::Panicked(message) = &error else {
        panic!("{error:?}");
    };
    assert!(message.contains(POISON), "{message}");
    assert_eq!(status.alive(), 0);
    assert!(!answers(&mut poisoned));
}

#[test]
fn a_worker_that_has_failed_is_replaced_and_the_others_do_not_notice() {
    let gate = Gate::new();
    let running = Running::start(
        || several(2).replacing(Replacing::default()),
        move |worker| serve(worker, &gate),
    );
    let mut others = connect_to(running.address, 0);
    let mut lost: Vec<_> = (0..3).map(|_| connect_to(running.address, 1)).collect();
    assert_eq!(running.status.alive(), 2);
    lost[0].write_all(b"p").unwrap();
    running.until_it_says("worker 1 is replaced, and serves");
    running.until_it_says("worker 1 has failed, and");
    running.until_it_says(POISON);
    assert!(lost.iter_mut().all(|stream| !answers(stream)));
    assert!(answers(&mut others));
    assert!(answers(&mut connect_to(running.address, 1)));
    assert!(soon(|| running.status.alive() == 2));
    assert_eq!(running.status.replaced(), 1);
    // Others may have been there too: the search for worker 1 makes them.
    assert!(running.status.connections_lost() >= 3);

    // The next one waits a while, and what connects meanwhile waits in the queue.
    connect_to(running.address, 1).write_all(b"p").unwrap();
    assert!(soon(|| running.status.alive() == 1));
    for _ in 0..50 {
        connect(running.address).unwrap();
    }
    assert!(answers(&mut connect_to(running.address, 1)));
    assert!(answers(&mut others));
    assert_eq!(running.status.replaced(), 2);
    running.stop();
}

#[test]
fn one_that_is_given_up_leaves_its_connections_to_the_others() {
    let gate = Gate::new();
    let set_ups = AtomicUsize::new(0);
    let running = Running::start(
        || {
            let pause = Duration::from_millis(1);
            several(2).replacing(Replacing::default().at_most(3).pauses(pause, pause * 2))
        },
        move |worker| {
            if worker.number() == 1 && set_ups.fetch_add(1, Ordering::SeqCst) > 0 {
                return Err("there is no second one".into());
            }
            serve(worker, &gate)
        },
    );
    connect_to(running.address, 1).write_all(b"p").unwrap();
    running.until_it_says("worker 1 was replaced 3 times in a row, and is given up");
    running.until_it_says("there is no second one");
    for _ in 0..50 {
        // Those that wait in the queue of the other one are reset when it is closed.
        assert_eq!(connect(running.address).unwrap().1, 0);
    }
    assert_eq!(running.status.alive(), 1);
    assert_eq!(running.status.replaced(), 0);
    running.stop();
}

#[test]
fn when_none_is_left_the_program_ends_with_the_last_error() {
    let gate = Gate::new();
    let set_ups = Arc::new(AtomicUsize::new(0));
    let counted = set_ups.clone();
    let running = Running::start(
        || {
            let pause = Duration::from_millis(1);
            several(1).replacing(Replacing::default().at_most(4).pauses(pause, pause))
        },
        move |worker| match counted.fetch_add(1, Ordering::SeqCst) {
            0 => serve(worker, &gate),
            _ => Err("the disk is full".into()),
        },
    );
    connect_to(running.address, 0).write_all(b"p").unwrap();
    let status = running.status.clone();
    let error = running.end().unwrap_err();
    assert_eq!(
        error_chain(&error),
        "no worker is left: each has failed again and again: a worker cannot be set up: the disk is full"
    );
    assert_eq!(set_ups.load(Ordering::SeqCst), 5);
    assert_eq!((status.alive(), status.replaced()), (0, 0));
}

#[test]
fn a_program_that_ends_replaces_nothing() {
    let gate = Gate::new();
    let running = Running::start(
        || {
            let never = Duration::from_secs(3600);
            several(2).replacing(Replacing::default().pauses(never, never))
        },
        move |worker| serve(worker, &gate),
    );
    let mut other = connect_to(running.address, 0);
    for _ in 0..2 {
        connect_to(running.address, 1).write_all(b"p").unwrap();
        running.until_it_says("worker 1 has failed");
        if running.status.replaced() == 0 {
            running.until_it_says("worker 1 is replaced, and serves");
        }
    }
    assert!(soon(|| running.status.alive() == 1));
    // Worker 1 waits for its time, and does not keep the program from ending.
    other.write_all(b"s").unwrap();
    running.end().unwrap();
}

#[test]
fn each_reactor_has_the_figures() {
    let gate = Gate::new();
    let (sender, read) = std::sync::mpsc::channel();
    let running = Running::start(
        || several(3).replacing(Replacing::default()),
        move |worker| {
            let (reactor, sender) = (worker.handle(), sender.clone());
            worker.call_when_running(move || {
                let figures = reactor.stats().figures;
                let named: Vec<_> = figures
                    .iter()
                    .map(|figure| format!("{}={}", figure.name, figure.value))
                    .collect();
                sender.send(named.join(" ")).unwrap();
            });
            serve(worker, &gate)
        },
    );
    for _ in 0..3 {
        assert_eq!(
            read.recv().unwrap(),
            "workers_alive=3 workers_connections_lost=0 workers_replaced=0 workers_stuck=0"
        );
    }
    running.stop();
}

#[test]
fn a_supervisor_that_never_runs_keeps_no_worker() {
    let gate = Gate::new();
    let outcome = several(2)
        .replacing(Replacing::default())
        .supervised(|reactor| {
            let same = reactor.clone();
            reactor.add_system_event_trigger(Phase::Before, SystemEvent::Startup, move |hold| {
                same.crash();
                drop(hold);
            });
            Ok(())
        })
        .run(move |worker| serve(worker, &gate));
    assert!(outcome.is_ok(), "{outcome:?}");
}
