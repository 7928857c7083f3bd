//! The loop and the connections of a case.

use std::cell::Cell;
use std::panic::Location;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use retwist::{Clock, ProtocolRef};

use crate::peer::Peer;
use crate::way::{How, Way};

/// A loop over some way, and its connections.
pub struct World<W: Way> {
    /// None once it has ended.
    way: Option<W>,
    peers: Vec<Peer>,
}

/// How long a pass waits for something to happen.
const WAIT: Duration = Duration::from_millis(50);
/// The limits of a case, in time and in passes: only a case that fails reaches them.
const HANGING: Duration = Duration::from_secs(30);
const PASSES: usize = 4000;
/// After this many passes that do not wait, everything that was under way on the loopback interface
/// has arrived.
const UNDER_WAY: usize = 25;
/// A loop that needs fewer passes than this until a timer wakes it has nothing else to do.
const AT_REST: usize = 8;
/// How many times [`WAIT`] a loop may have something to do.
const BUSY: usize = 200;

impl<W: Way> World<W> {
    pub fn new(how: How) -> Self {
        World {
            way: Some(W::new(how)),
            peers: Vec::new(),
        }
    }

    /// A world with one connection, of which both sides have heard `connection_made`.
    #[track_caller]
    pub fn connected(how: How, client: (&Peer, ProtocolRef), server: (&Peer, ProtocolRef)) -> Self {
        let mut world = World::new(how);
        let (one, other) = (client.0.clone(), server.0.clone());
        world.connect(client, server);
        world.until(move || one.is_made() && other.is_made());
        world
    }

    /// Begins to connect the two.
    pub fn connect(&mut self, client: (&Peer, ProtocolRef), server: (&Peer, ProtocolRef)) {
        self.watch(client.0);
        self.watch(server.0);
        let way = self.way.as_mut().expect("a world before its end");
        way.connect(client.1, server.1);
    }

    /// A peer that is switched in later.
    pub fn watch(&mut self, peer: &Peer) {
        self.peers.push(peer.clone());
    }

    /// A peer that was switched out, and does not hear the end.
    pub fn forget(&mut self, peer: &Peer) {
        self.peers.retain(|other| !other.is(peer));
    }

    fn way(&self) -> &W {
        self.way.as_ref().expect("a world before its end")
    }

    pub fn clock(&self) -> Clock {
        self.way().clock()
    }

    /// Runs until it is true.
    #[track_caller]
    pub fn until(&self, condition: impl Fn() -> bool) {
        let caller = Location::caller();
        let begin = Instant::now();
        for _ in 0..PASSES {
            if condition() {
                return;
            }
            self.way().pass(WAIT);
            if begin.elapsed() > HANGING {
                break;
            }
        }
        panic!("{caller}: it never comes to that; {}", self.tell());
    }

    /// Runs until all peers have lost their connections.
    #[track_caller]
    pub fn until_over(&self) {
        self.until(|| {
            self.peers
                .iter()
                .all(|peer| peer.is_over() || !peer.is_made())
        });
    }

    /// Lets time pass.
    pub fn pass(&self, time: Duration) {
        self.way().pass(time);
    }

    /// Exactly one pass, which does not wait.
    pub fn one_pass(&self) {
        self.way().one_pass();
    }

    /// Runs until everything that is under way has arrived.
    pub fn settle(&self) {
        for _ in 0..UNDER_WAY {
            self.way().pass(Duration::ZERO);
        }
    }

    /// Runs until the loop has nothing to do; fails if it always has.
    #[track_caller]
    pub fn comes_to_rest(&self) {
        self.settle();
        for _ in 0..BUSY {
            let passed = Rc::new(Cell::new(false));
            let flag = passed.clone();
            self.clock().call_later(WAIT, move || flag.set(true));
            let mut passes = 0;
            while !passed.get() {
                passes += 1;
                self.way().pass(WAIT);
            }
            if passes < AT_REST {
                return;
            }
        }
        panic!("the loop spins; {}", self.tell());
    }

    /// Ends the loop.
    pub fn end(&mut self) {
        self.way.take();
    }

    fn tell(&self) -> String {
        let stories = self.peers.iter().map(|peer| peer.story());
        let stories = stories.map(|story| story.chars().take(300).collect::<String>());
        stories.collect::<Vec<_>>().join(" | ")
    }
}

/// What holds in every case: a protocol that was connected hears `connection_lost` once and last,
/// and is dropped then.
impl<W: Way> Drop for World<W> {
    fn drop(&mut self) {
        self.end();
        if thread::panicking() {
            return;
        }
        for peer in &self.peers {
            assert!(
                peer.faults().is_empty(),
                "{:?}: {}",
                peer.faults(),
                self.tell()
            );
            if !peer.is_over() && peer.is_made() {
                panic!("one of these never heard of the end: {}", self.tell());
            }
        }
    }
}
