use std::cell::Cell;
use std::panic::Location;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use retwist_reactor::{Clock, ProtocolRef};

use super::{How, Kind, Peer, Way};

/// A loop over some [`Way`], and the connections of a case.
///
/// When it is dropped, the loop ends, and it checks what holds in every case: each peer that was
/// connected hears `connection_lost` once and last, and none heard callbacks in a wrong order.
///
/// ```
/// use retwist_conformance::streams::{How, Kind, Memory, Peer, World};
///
/// let (client, server) = (Peer::new(), Peer::new());
/// let world = World::connected(
///     Kind::of::<Memory>(),
///     How::default(),
///     (&client, client.quiet()),
///     (&server, server.echoing()),
/// );
/// client.transport().write(b"hello");
/// world.until(|| client.count() == 5);
/// assert_eq!(client.story(), "made 'hello'");
/// ```
pub struct World {
    /// None once it has ended.
    way: Option<Box<dyn Way>>,
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

impl World {
    /// A loop without connections.
    pub fn new(kind: Kind, how: How) -> Self {
        World {
            way: Some(kind.make(how)),
            peers: Vec::new(),
        }
    }

    /// A world with one connection, of which both sides have heard `connection_made`.
    #[track_caller]
    pub fn connected(
        kind: Kind,
        how: How,
        client: (&Peer, ProtocolRef),
        server: (&Peer, ProtocolRef),
    ) -> Self {
        let mut world = World::new(kind, how);
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

    fn way(&self) -> &dyn Way {
        self.way.as_deref().expect("a world before its end")
    }

    /// The time of the loop.
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
        // The bytes of a case may be anything, and this is read on a terminal.
        let visible = |c: char| if c.is_control() { '\u{fffd}' } else { c };
        let stories = self.peers.iter().map(|peer| peer.story());
        let stories = stories.map(|story| story.chars().take(300).map(visible).collect::<String>());
        stories.collect::<Vec<_>>().join(" | ")
    }
}

impl Drop for World {
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
