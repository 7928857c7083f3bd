use std::env;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use retwist::WhenStuck;
use rustix::process::Signal;

use crate::program::{Gate, Running, answers, connect, connect_to, serve, several, soon};

/// Longer than any callback here takes on a busy machine, but for those that hang.
const PERIOD: Duration = Duration::from_secs(2);

#[test]
fn a_loop_that_hangs_is_said_with_its_connection_and_so_is_its_return() {
    let gate = Gate::new();
    let same = gate.clone();
    let running = Running::start(
        || several(2).watchdog(PERIOD, WhenStuck::Report),
        move |worker| serve(worker, &same),
    );
    let mut hung = connect_to(running.address, 1);
    hung.write_all(b"i").unwrap();
    let mut id = [0; 8];
    hung.read_exact(&mut id).unwrap();
    hung.write_all(b"h").unwrap();
    running.until_it_says(&format!(
        "worker 1 does not turn: for 2s it has been at connection {}, and ",
        u64::from_be_bytes(id)
    ));
    assert!(soon(
        || running.status.stuck() == 1 && running.status.alive() == 1
    ));
    assert!(answers(&mut connect_to_any_but(running.address, 1)));
    gate.open();
    running.until_it_says("worker 1 turns again");
    assert!(answers(&mut hung));
    assert!(soon(
        || running.status.stuck() == 0 && running.status.alive() == 2
    ));
    assert_eq!(running.status.connections_lost(), 0);
    running.stop();
}

/// A connection with another worker than the one that hangs. Those that the system gives to that one
/// wait there.
fn connect_to_any_but(address: SocketAddr, hangs: u8) -> TcpStream {
    for _ in 0..100 {
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_millis(300)))
            .unwrap();
        let mut worker = [hangs];
        if stream.read_exact(&mut worker).is_ok() && worker[0] != hangs {
            stream.set_read_timeout(None).unwrap();
            return stream;
        }
    }
    panic!("no other worker serves");
}

#[test]
fn a_worker_that_hangs_is_replaced_with_what_waits_in_its_queue() {
    let gate = Gate::new();
    let same = gate.clone();
    let running = Running::start(
        || several(2).watchdog(PERIOD, WhenStuck::Replace),
        move |worker| serve(worker, &same),
    );
    let mut hung = connect_to(running.address, 1);
    hung.write_all(b"h").unwrap();
    // What it has accepted before is its own.
    assert!(soon(|| gate.is_reached()));
    // Some of these wait in the queue of the one that hangs, until it is replaced.
    for _ in 0..50 {
        let (mut stream, _) = connect(running.address).unwrap();
        assert!(answers(&mut stream));
    }
    running.until_it_says("worker 1 is replaced, and serves");
    assert!(answers(&mut connect_to(running.address, 1)));
    assert!(soon(|| running.status.alive() == 2));
    assert_eq!((running.status.stuck(), running.status.replaced()), (1, 1));
    assert!(running.status.connections_lost() >= 1);
    // When it comes back, it ends, and nothing else does.
    gate.open();
    running.until_it_says("a worker that did not turn has come back, and has ended");
    assert!(soon(|| running.status.stuck() == 0));
    let mut rest = Vec::new();
    hung.read_to_end(&mut rest).unwrap();
    assert!(answers(&mut connect_to(running.address, 1)));
    assert!(answers(&mut connect_to(running.address, 0)));
    running.stop();
}

#[test]
fn a_worker_that_is_idle_does_nothing_to_be_watched() {
    let gate = Gate::new();
    let [of_worker, of_supervisor] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let (worker_sleeps, supervisor_sleeps) = (of_worker.clone(), of_supervisor.clone());
    let running = Running::start(
        move || {
            several(1)
                .watchdog(Duration::from_millis(2), WhenStuck::Report)
                .supervised(move |reactor| {
                    reactor.around_sleep(move |sleep| {
                        supervisor_sleeps.fetch_add(1, Ordering::SeqCst);
                        sleep.sleep();
                    });
                    Ok(())
                })
        },
        move |worker| {
            let sleeps = worker_sleeps.clone();
            worker.around_sleep(move |sleep| {
                sleeps.fetch_add(1, Ordering::SeqCst);
                sleep.sleep();
            });
            serve(worker, &gate)
        },
    );
    let mut stream = connect_to(running.address, 0);
    assert!(answers(&mut stream));
    // It has slept since the last byte: nothing happens now.
    let before = settled(&of_worker);
    let looks = of_supervisor.load(Ordering::SeqCst);
    assert!(soon(|| of_supervisor.load(Ordering::SeqCst) > looks + 50));
    assert_eq!(of_worker.load(Ordering::SeqCst), before);
    assert!(answers(&mut stream));
    running.stop();
}

/// The value, once it has not changed for a while.
fn settled(value: &AtomicUsize) -> usize {
    let mut last = value.load(Ordering::SeqCst);
    loop {
        std::thread::sleep(Duration::from_millis(200));
        match value.load(Ordering::SeqCst) {
            same if same == last => return same,
            other => last = other,
        }
    }
}

/// Runs one of the ignored tests below in a process of its own.
fn run(test: &str) -> ExitStatus {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--test-threads=1"]);
    command.status().unwrap()
}

#[test]
fn a_process_can_abort_instead_for_its_service_manager() {
    let status = run("stuck::hangs_and_aborts");
    assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()), "{status}");
}

#[test]
#[ignore = "runs in a process of its own"]
fn hangs_and_aborts() {
    hangs(WhenStuck::Abort);
}

#[test]
fn a_thread_that_never_comes_back_does_not_keep_the_process() {
    assert_eq!(run("stuck::hangs_and_is_stopped").code(), Some(1));
}

#[test]
#[ignore = "runs in a process of its own"]
fn hangs_and_is_stopped() {
    hangs(WhenStuck::Replace);
}

fn hangs(when_stuck: WhenStuck) {
    let gate = Gate::new();
    let same = gate.clone();
    let running = Running::start(
        move || several(2).watchdog(PERIOD, when_stuck),
        move |worker| serve(worker, &same),
    );
    connect_to(running.address, 1).write_all(b"h").unwrap();
    running.until_it_says("worker 1 is replaced, and serves");
    running.stop();
    drop(gate);
}
