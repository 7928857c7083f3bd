//! Random conversations against a model. Whatever the two sides do and however their bytes
//! are cut: each receives a prefix of what the other wrote, hears each event once and in order, and
//! the loop comes to rest.
//!
//! `RETWIST_SCHEDULES` sets how many are tried. A failure prints the seed that repeats it: see
//! [`conversations`].

use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use retwist_reactor::{ProtocolRef, Reason, StreamSettings, TransportRef};

use crate::streams::{Event, How, Kind, Peer, World, conversations, pattern_from};

/// How many are tried, unless the environment says otherwise.
const USUAL: u32 = 300;

/// What one of the two does, in one of its callbacks or from outside.
#[derive(Clone, Debug)]
enum Act {
    Write(usize),
    Pause,
    Resume,
    /// Gives back this many bytes of the delivery.
    Unread(usize),
    /// Switches to another peer, which gets all bytes of this delivery.
    Switch,
    HalfClose,
    Close,
    Abort,
}

/// When: in the next callbacks of one side, or between two passes.
#[derive(Clone, Debug)]
enum Step {
    Inside(bool, Vec<Act>),
    Outside(bool, Act),
    Pass,
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (1_usize..3_000).prop_map(Act::Write),
        1 => (20_000_usize..70_000).prop_map(Act::Write),
        3 => Just(Act::Pause),
        5 => Just(Act::Resume),
        4 => (0_usize..100).prop_map(Act::Unread),
        2 => Just(Act::Switch),
        1 => Just(Act::HalfClose),
        1 => Just(Act::Close),
        1 => Just(Act::Abort),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (any::<bool>(), prop::collection::vec(act(), 1..4)).prop_map(|(side, acts)| Step::Inside(side, acts)),
        3 => (any::<bool>(), act()).prop_map(|(side, act)| Step::Outside(side, act)),
        3 => Just(Step::Pass),
        1 => (0_u64..40).prop_map(Step::Wait),
    ]
}

/// One side: the peers that have been its protocol, and what they and their handles have done.
struct Side {
    /// The last one is in the seat.
    peers: Vec<Peer>,
    acts: VecDeque<Vec<Act>>,
    /// What was written while the connection took it, and may arrive.
    written: usize,
    /// What was received and not given back.
    received: Vec<u8>,
    half_closed: bool,
    closed: bool,
    aborted: bool,
    paused: bool,
}

type Shared = std::rc::Rc<std::cell::RefCell<Side>>;

impl Side {
    fn shared() -> Shared {
        Shared::new(std::cell::RefCell::new(Side {
            peers: Vec::new(),
            acts: VecDeque::new(),
            written: 0,
            received: Vec::new(),
            half_closed: false,
            closed: false,
            aborted: false,
            paused: false,
        }))
    }

    fn done(&self) -> bool {
        self.closed || self.aborted
    }
}

/// A newcomer on this side.
fn join(side: &Shared) -> (Peer, ProtocolRef) {
    let peer = Peer::new();
    let mine = side.clone();
    let protocol = peer.keeping_open(move |transport, event| hear(&mine, transport, event));
    side.borrow_mut().peers.push(peer.clone());
    (peer, protocol)
}

fn hear(side: &Shared, transport: &TransportRef, event: &Event<'_>) {
    let mut rest = match event {
        Event::Data(data) => {
            let this = side.borrow();
            assert!(
                !this.paused && !this.done(),
                "a delivery to one who has paused or closed"
            );
            data.to_vec()
        }
        Event::Lost => return,
        _ => Vec::new(),
    };
    let acts = side.borrow_mut().acts.pop_front().unwrap_or_default();
    for act in acts {
        if let Act::Unread(count) = act {
            let kept = rest.len() - count.min(rest.len());
            transport.unread(&rest[kept..]);
            rest.truncate(kept);
        } else if let Act::Switch = act {
            perform(side, transport, &act);
            transport.unread(&std::mem::take(&mut rest));
            // This handle is revoked, so the other actions are skipped.
            break;
        } else {
            perform(side, transport, &act);
        }
    }
    side.borrow_mut().received.append(&mut rest);
}

fn perform(side: &Shared, transport: &TransportRef, act: &Act) {
    let ended = side.borrow().peers.iter().any(Peer::is_over);
    match act {
        Act::Write(count) => {
            let mut this = side.borrow_mut();
            let bytes = pattern_from(this.written, *count);
            if !this.half_closed && !this.done() {
                this.written += count;
            }
            drop(this);
            transport.write(&bytes);
        }
        Act::Pause => {
            transport.pause_producing();
            let mut this = side.borrow_mut();
            this.paused = !this.done() && !ended;
        }
        Act::Resume => {
            side.borrow_mut().paused = false;
            transport.resume_producing();
        }
        Act::Switch if ended => {}
        Act::Switch => {
            let (_, next) = join(side);
            transport.switch_protocol(next);
            side.borrow_mut().paused = false;
        }
        Act::HalfClose => {
            side.borrow_mut().half_closed = true;
            transport.lose_write_connection();
        }
        Act::Close => {
            side.borrow_mut().closed = true;
            transport.lose_connection();
        }
        Act::Abort => {
            side.borrow_mut().aborted = true;
            transport.abort_connection();
        }
        // Outside of a delivery there is nothing to give back.
        Act::Unread(_) => {}
    }
}

fn converse(kind: Kind, cut: usize, steps: &[Step]) {
    let mut how = How::cut(cut);
    how.server = StreamSettings {
        read_pauses: false,
        ..how.server
    };
    let sides = [Side::shared(), Side::shared()];
    let [(client, ours), (server, theirs)] = [join(&sides[0]), join(&sides[1])];
    let mut world = World::connected(kind, how, (&client, ours), (&server, theirs));
    for step in steps {
        match step {
            Step::Inside(side, acts) => sides[usize::from(*side)]
                .borrow_mut()
                .acts
                .push_back(acts.clone()),
            Step::Outside(side, act) => {
                let side = &sides[usize::from(*side)];
                let last = side.borrow().peers.last().cloned();
                // A peer that was just switched in has no handle yet.
                if let Some(transport) = last.filter(Peer::is_made).map(|peer| peer.transport()) {
                    perform(side, &transport, act);
                }
            }
            Step::Pass => world.pass(Duration::ZERO),
            Step::Wait(seconds) => world.pass(Duration::from_secs(*seconds)),
        }
    }
    world.comes_to_rest();
    check(&sides);
    // Both sides read and close: now the conversation must end.
    for side in &sides {
        side.borrow_mut().acts.clear();
        let last = side.borrow().peers.last().cloned().filter(Peer::is_made);
        if let Some(peer) = last {
            perform(side, &peer.transport(), &Act::Resume);
        }
    }
    world.comes_to_rest();
    let undisturbed = sides.iter().all(|side| !side.borrow().done());
    check(&sides);
    if undisturbed {
        for (from, to) in [(0, 1), (1, 0)] {
            let given_back = sides[to]
                .borrow()
                .peers
                .iter()
                .map(Peer::count)
                .sum::<usize>();
            assert!(
                given_back >= sides[from].borrow().written,
                "not all has arrived"
            );
        }
    }
    for side in &sides {
        let last = side.borrow().peers.last().cloned().filter(Peer::is_made);
        if let Some(peer) = last {
            peer.transport().lose_connection();
        }
    }
    world.pass(Duration::from_secs(3600));
    assert_eq!(world.clock().pending_calls(), 0, "a timer is left");
    for side in &sides {
        let side = side.borrow();
        let over = side.peers.iter().filter(|peer| peer.is_over()).count();
        assert_eq!(
            over, 1,
            "the present protocol, and no other, hears of the end"
        );
        for peer in &side.peers {
            let panicked = peer.is_over() && matches!(peer.reason(), Reason::Panicked(_));
            assert!(!panicked, "{:?}", peer.reason());
            assert!(
                peer.faults().is_empty(),
                "{:?}: {}",
                peer.faults(),
                peer.story()
            );
            assert!(peer.is_dropped());
        }
    }
    // The first peer of each side is checked above.
    world.forget(&client);
    world.forget(&server);
}

/// Checks that what was received is a prefix of what was written.
fn check(sides: &[Shared; 2]) {
    for (from, to) in [(0, 1), (1, 0)] {
        let (from, to) = (sides[from].borrow(), sides[to].borrow());
        let count = to.received.len();
        assert!(
            count <= from.written,
            "{count} of {} bytes received",
            from.written
        );
        assert!(
            to.received == pattern_from(0, count),
            "other bytes than were written"
        );
    }
}

pub(crate) fn any_conversation_keeps_the_rules(kind: Kind, _: How) {
    let cut = prop_oneof![
        Just(1_usize),
        Just(7),
        Just(64),
        Just(1_000),
        Just(usize::MAX)
    ];
    let steps = prop::collection::vec(step(), 1..30);
    let outcome = TestRunner::new(conversations(USUAL)).run(&(cut, steps), |(cut, steps)| {
        converse(kind, cut, &steps);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
