use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1000 * MS;
const HOUR: u64 = 3600 * SECOND;

/// One turn: everything that it returns.
fn turn<T>(timers: &mut Timers<T>, now: u64) -> Vec<T> {
    timers.begin_turn();
    rest(timers, now)
}

/// What is still to come in this turn.
fn rest<T>(timers: &mut Timers<T>, now: u64) -> Vec<T> {
    std::iter::from_fn(|| pop(timers, now)).collect()
}

/// The next one that is due. It is never early.
fn pop<T>(timers: &mut Timers<T>, now: u64) -> Option<T> {
    let (deadline, value) = timers.pop_due(now)?;
    assert!(deadline <= now);
    Some(value)
}

#[test]
fn a_node_is_small() {
    assert!(size_of::<Node<Box<dyn FnOnce()>>>() <= 48);
}

#[test]
fn timers_come_by_deadline_then_by_order() {
    let mut timers = Timers::new();
    for (deadline, name) in [(7, 'c'), (5, 'a'), (9 * SECOND, 'f'), (5, 'b'), (8, 'd')] {
        timers.insert(deadline, name);
    }
    timers.insert(9 * SECOND - 1, 'e');
    timers.insert(9 * SECOND, 'g');
    assert_eq!(turn(&mut timers, 4), []);
    assert_eq!(turn(&mut timers, 7), ['a', 'b', 'c']);
    assert_eq!(turn(&mut timers, 9 * SECOND - 2), ['d']);
    assert_eq!(timers.next_wake(), Some(9 * SECOND - 1));
    assert_eq!(turn(&mut timers, HOUR), ['e', 'f', 'g']);
    assert_eq!((timers.len(), timers.next_wake()), (0, None));
}

#[test]
fn a_reset_counts_as_a_call() {
    let mut timers = Timers::new();
    let first = timers.insert(SECOND, 1);
    timers.insert(SECOND, 2);
    assert!(timers.reset(first, SECOND));
    assert_eq!(turn(&mut timers, SECOND), [2, 1]);
}

#[test]
fn a_stale_key_names_nothing() {
    let mut timers = Timers::new();
    let cancelled = timers.insert(SECOND, 1);
    assert_eq!(timers.deadline(cancelled), Some(SECOND));
    assert_eq!(timers.cancel(cancelled), Some(1));
    let fired = timers.insert(1, 2);
    assert_eq!(fired.index, cancelled.index);
    assert_eq!(turn(&mut timers, 1), [2]);
    timers.insert(SECOND, 3);
    for key in [cancelled, fired] {
        assert_eq!(timers.deadline(key), None);
        assert!(!timers.reset(key, 5));
        assert_eq!(timers.cancel(key), None);
    }
    assert_eq!(timers.len(), 1);
}

#[test]
fn a_node_without_generations_is_not_used_again() {
    let mut timers = Timers::new();
    let key = timers.insert(SECOND, 1);
    timers.cancel(key);
    timers.nodes[0].generation = u32::MAX - 1;
    let last = timers.insert(SECOND, 2);
    assert_eq!(last.index, 0);
    assert_eq!(timers.cancel(last), Some(2));
    assert_eq!(timers.insert(SECOND, 3).index, 1);
    assert_eq!(timers.cancel(last), None);
}

#[test]
fn a_call_made_in_a_turn_comes_in_a_later_one() {
    let mut timers = Timers::new();
    let moved = timers.insert(2, 'm');
    timers.insert(3, 'a');
    timers.begin_turn();
    assert_eq!(timers.next_wake(), Some(2));
    timers.insert(0, 'b');
    timers.insert(10 * MS, 'c');
    assert!(timers.reset(moved, 1));
    // Even as time moves on within the turn.
    assert_eq!(rest(&mut timers, SECOND), ['a']);
    assert_eq!(timers.next_wake(), Some(0));
    assert_eq!(turn(&mut timers, SECOND), ['b', 'm', 'c']);
}

#[test]
fn what_is_due_can_still_be_cancelled_and_reset() {
    let mut timers = Timers::new();
    let keys: Vec<_> = (0..5).map(|n| timers.insert(SECOND + n, n)).collect();
    timers.begin_turn();
    assert_eq!(timers.pop_due(HOUR), Some((SECOND, 0)));
    assert_eq!(timers.cancel(keys[1]), Some(1));
    assert!(timers.reset(keys[2], HOUR + 1));
    assert!(timers.reset(keys[3], SECOND));
    assert_eq!(rest(&mut timers, HOUR), [4]);
    assert_eq!(turn(&mut timers, HOUR), [3]);
    assert_eq!(turn(&mut timers, HOUR + 1), [2]);
}

#[test]
fn a_timer_moved_later_stays_in_its_slot_until_it_is_reached() {
    let mut timers = Timers::new();
    let key = timers.insert(60 * SECOND, ());
    let slot = timers.nodes[0].slot;
    for n in 1..=100_000 {
        assert!(timers.reset(key, n * MS + 60 * SECOND));
    }
    assert_eq!(timers.nodes[0].slot, slot);
    assert_eq!(timers.next_wake(), Some(160 * SECOND));
    assert_ne!(timers.nodes[0].slot, slot);
    assert_eq!(turn(&mut timers, 160 * SECOND - 1), []);
    assert_eq!(turn(&mut timers, 160 * SECOND), [()]);
}

#[test]
fn a_timer_moved_later_and_then_earlier_is_on_time() {
    for earlier in [0, 5 * MS, 59 * SECOND, 61 * SECOND, HOUR - 1] {
        let mut timers = Timers::new();
        let key = timers.insert(60 * SECOND, ());
        assert!(timers.reset(key, HOUR));
        assert!(timers.reset(key, earlier));
        assert_eq!(timers.deadline(key), Some(earlier));
        assert_eq!(timers.next_wake(), Some(earlier));
        if let Some(before) = earlier.checked_sub(1) {
            assert_eq!(turn(&mut timers, before), []);
        }
        assert_eq!(turn(&mut timers, earlier), [()]);
    }
}

#[test]
fn idle_timeouts_hardly_wake_the_loop() {
    let mut timers = Timers::new();
    let keys: Vec<_> = (0..1000)
        .map(|n| timers.insert(60 * SECOND + n, n))
        .collect();
    let (mut now, mut wakes) = (0, 0);
    while now < HOUR {
        // Reads, one each millisecond, all of which find every timer where it was.
        now += MS;
        assert!(timers.reset(keys[(now / MS % 1000) as usize], now + 60 * SECOND));
        if timers.next_wake().is_some_and(|wake| wake <= now) {
            wakes += 1;
            assert_eq!(turn(&mut timers, now), []);
        }
    }
    assert!(wakes < 3 * 3600 / 4, "{wakes}");
}

#[test]
fn a_lone_timer_wakes_once_however_far() {
    for deadline in [0, 1, MS, HOUR, 1000 * HOUR + 1, u64::MAX - 1, u64::MAX] {
        let mut timers = Timers::new();
        timers.insert(deadline, ());
        assert_eq!(timers.next_wake(), Some(deadline));
        assert_eq!(turn(&mut timers, deadline), [()]);
        assert_eq!(timers.next_wake(), None);
    }
}

#[test]
fn a_crowd_an_hour_away_wakes_a_handful_of_times() {
    let mut timers = Timers::new();
    for n in 0..1000 {
        timers.insert(HOUR + n % 3, n);
    }
    let (mut came, mut wakes) = (0, 0);
    while let Some(wake) = timers.next_wake() {
        wakes += 1;
        came += turn(&mut timers, wake).len();
    }
    assert_eq!(came, 1000);
    assert!(wakes <= LEVELS + 3, "{wakes}");
}

#[test]
fn time_jumps_over_everything_in_order() {
    let mut timers = Timers::new();
    let far: Vec<u64> = (0..64).rev().map(|bit| 1 << bit).collect();
    for deadline in &far {
        timers.insert(*deadline, *deadline);
    }
    assert_eq!(
        turn(&mut timers, 1 << 20),
        far[43..].iter().rev().copied().collect::<Vec<_>>()
    );
    // Backwards: nothing comes of it.
    assert_eq!(turn(&mut timers, 0), []);
    timers.insert(3, 3);
    assert_eq!(timers.next_wake(), Some(3));
    assert_eq!(turn(&mut timers, 2), []);
    assert_eq!(turn(&mut timers, 3), [3]);
    assert_eq!(
        turn(&mut timers, u64::MAX),
        far[..43].iter().rev().copied().collect::<Vec<_>>()
    );
}

#[test]
fn the_cancelled_do_not_pile_up() {
    let mut timers = Timers::new();
    timers.insert(0, 0);
    turn(&mut timers, SECOND);
    let kept = timers.insert(SECOND + 2, 1);
    for n in 0..10_000 {
        // On the wheel, among the arrivals, among the due.
        for deadline in [HOUR, SECOND, SECOND + 1] {
            let key = timers.insert(deadline, n);
            if deadline > SECOND {
                timers.begin_turn();
            }
            assert_eq!(timers.cancel(key), Some(n));
        }
        assert!(timers.reset(kept, SECOND + 2));
    }
    assert_eq!((timers.len(), timers.nodes.len()), (1, 2));
    let entries: usize = timers.queues.iter().map(|queue| queue.entries.len()).sum();
    assert!(entries <= 3 * FEW_STALE, "{entries}");
    assert_eq!(timers.next_wake(), Some(SECOND + 2));
}

#[test]
fn drain_leaves_nothing() {
    let mut timers = Timers::new();
    let mut keys = vec![timers.insert(HOUR, 4), timers.insert(5, 1)];
    turn(&mut timers, 4);
    keys.extend([timers.insert(6, 2), timers.insert(HOUR - 1, 3)]);
    let cancelled = timers.insert(3, 9);
    timers.cancel(cancelled);
    assert_eq!(timers.drain(), [1, 2, 3, 4]);
    assert_eq!((timers.len(), timers.next_wake()), (0, None));
    assert!(keys.into_iter().all(|key| timers.cancel(key).is_none()));
    timers.insert(7, 5);
    assert_eq!(turn(&mut timers, HOUR), [5]);
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u64),
    Cancel(usize),
    Reset(usize, u64),
    BeginTurn,
    Pop,
    PopAll,
    Advance(u64),
    /// Time moves to the next wake.
    Sleep,
}

/// Close and far, and often the same.
fn delay() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..4_u64,
        0..4 * MS,
        (0..8_u64).prop_map(|n| n << TICK_BITS),
        0..10 * SECOND,
        0..100 * HOUR,
        any::<u64>(),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => delay().prop_map(Step::Insert),
        2 => any::<usize>().prop_map(Step::Cancel),
        5 => (any::<usize>(), delay()).prop_map(|(which, delay)| Step::Reset(which, delay)),
        2 => Just(Step::BeginTurn),
        3 => Just(Step::Pop),
        1 => Just(Step::PopAll),
        2 => (0..10 * SECOND).prop_map(Step::Advance),
        1 => (0..4 * MS).prop_map(Step::Advance),
        3 => Just(Step::Sleep),
    ]
}

/// What is pending, as (deadline, order, name), and what each key ever given out names.
#[derive(Default)]
struct Model {
    pending: Vec<(u64, u64, usize)>,
    order: u64,
    mark: u64,
}

impl Model {
    fn remove(&mut self, name: usize) -> Option<usize> {
        let at = self.pending.iter().position(|timer| timer.2 == name)?;
        Some(self.pending.remove(at).2)
    }

    fn put(&mut self, deadline: u64, name: usize) {
        self.pending.push((deadline, self.order, name));
        self.pending.sort_unstable();
        self.order += 1;
    }

    fn pop_due(&mut self, now: u64) -> Option<usize> {
        let at = self
            .pending
            .iter()
            .position(|(deadline, order, _)| *deadline <= now && *order < self.mark)?;
        Some(self.pending.remove(at).2)
    }
}

proptest! {
    #[test]
    fn timers_do_what_a_sorted_list_does(steps in vec(step(), 1..300)) {
        let mut timers = Timers::new();
        let mut model = Model::default();
        let mut keys = Vec::new();
        let mut now = 0_u64;
        for step in steps {
            match step {
                Step::Insert(delay) => {
                    let deadline = now.saturating_add(delay).saturating_sub(1);
                    model.put(deadline, keys.len());
                    keys.push(timers.insert(deadline, keys.len()));
                }
                Step::Cancel(which) if !keys.is_empty() => {
                    let name = which % keys.len();
                    prop_assert_eq!(timers.cancel(keys[name]), model.remove(name));
                }
                Step::Reset(which, delay) if !keys.is_empty() => {
                    let name = which % keys.len();
                    let deadline = now.saturating_add(delay);
                    let pending = model.remove(name).is_some();
                    if pending {
                        model.put(deadline, name);
                    }
                    prop_assert_eq!(timers.reset(keys[name], deadline), pending);
                    prop_assert_eq!(timers.deadline(keys[name]), pending.then_some(deadline));
                }
                Step::Cancel(_) | Step::Reset(..) => {}
                Step::BeginTurn => {
                    timers.begin_turn();
                    model.mark = model.order;
                }
                Step::Pop => prop_assert_eq!(pop(&mut timers, now), model.pop_due(now)),
                Step::PopAll => loop {
                    let due = pop(&mut timers, now);
                    prop_assert_eq!(due, model.pop_due(now));
                    if due.is_none() {
                        break;
                    }
                },
                Step::Advance(by) => now = now.saturating_add(by),
                Step::Sleep => {
                    let first = model.pending.first().map(|timer| timer.0);
                    let wake = timers.next_wake();
                    prop_assert_eq!(wake.is_some(), first.is_some());
                    prop_assert!(wake <= first);
                    if timers.len() <= FEW {
                        prop_assert_eq!(wake, first);
                    }
                    now = now.max(wake.unwrap_or(0));
                }
            }
            prop_assert_eq!(timers.len(), model.pending.len());
        }
        let names: Vec<_> = model.pending.iter().map(|timer| timer.2).collect();
        prop_assert_eq!(timers.drain(), names);
        prop_assert!(keys.iter().all(|key| timers.deadline(*key).is_none()));
    }
}
