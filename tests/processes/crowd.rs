//! Many children: one after another, and at once.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use retwist::{ProcessExit, ProcessProtocol, ProcessTransport, Program};

use crate::world::{again, children, open_files, reactor, until};

struct Counter(Rc<Cell<usize>>);

impl ProcessProtocol for Counter {
    fn process_ended(&mut self, exit: &ProcessExit) {
        assert_eq!(*exit, ProcessExit::Code(0));
        self.0.set(self.0.get() + 1);
    }
}

/// `RETWIST_MANY=10000` for the long run.
fn many() -> usize {
    let many = std::env::var("RETWIST_MANY").ok();
    many.and_then(|many| many.parse().ok()).unwrap_or(300)
}

#[test]
fn one_after_another_leaves_nothing() {
    assert_eq!(again("crowd::one_after_another"), "0 more open, 0 children");
}

#[test]
#[ignore = "runs in a process of its own"]
fn one_after_another() {
    let (reactor, ended) = (reactor(), Rc::new(Cell::new(0)));
    let run = |count: usize| {
        for _ in 0..count {
            let before = ended.get();
            reactor
                .spawn_process("true", Counter(ended.clone()))
                .unwrap();
            until(&reactor, || ended.get() > before);
        }
    };
    run(10);
    let (open, memory, start) = (open_files(), resident(), Instant::now());
    run(many());
    assert_eq!(ended.get(), many() + 10);
    println!(
        "\n{} children in {:?}; {} KiB of memory more than before",
        many(),
        start.elapsed(),
        resident().saturating_sub(memory)
    );
    println!(
        ">{} more open, {} children",
        open_files() - open,
        children()
    );
}

/// The memory of this process, in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

struct Quiet {
    ended: Rc<Cell<usize>>,
}

impl ProcessProtocol for Quiet {
    fn process_exited(&mut self, _: &ProcessTransport, _: &ProcessExit) {}
    fn process_ended(&mut self, _: &ProcessExit) {
        self.ended.set(self.ended.get() + 1);
    }
}

#[test]
fn a_crowd_that_is_idle_costs_nothing() {
    assert_eq!(again("crowd::idle"), "nothing wakes it: true");
}

#[test]
#[ignore = "runs in a process of its own"]
fn idle() {
    let (reactor, ended) = (reactor(), Rc::new(Cell::new(0)));
    let count = many().min(1000);
    let processes: Vec<_> = (0..count)
        .map(|_| {
            let program = Program::new("sleep").arg("600");
            let quiet = Quiet {
                ended: ended.clone(),
            };
            reactor.spawn_process(program, quiet).unwrap()
        })
        .collect();
    // The introductions.
    reactor.iterate(Duration::ZERO).unwrap();
    reactor.iterate(Duration::ZERO).unwrap();
    // One pass sleeps its whole time, because nothing wakes it.
    let (rest, start) = (Duration::from_millis(300), Instant::now());
    reactor.iterate(rest).unwrap();
    let is_idle = start.elapsed() >= rest;
    for process in &processes {
        process.kill().unwrap();
    }
    until(&reactor, || ended.get() == count);
    assert_eq!(children(), 0);
    println!("\n>nothing wakes it: {is_idle}");
}

#[test]
fn all_at_once_each_exit_is_heard() {
    let (reactor, ended) = (reactor(), Rc::new(Cell::new(0)));
    for _ in 0..100 {
        let quiet = Quiet {
            ended: ended.clone(),
        };
        reactor.spawn_process("true", quiet).unwrap();
    }
    until(&reactor, || ended.get() == 100);
}
