//! The pending timers of one reactor: a hierarchical timing wheel.
//!
//! What is evil here: most timers never fire. Every connection holds an idle timeout that each read
//! puts off, so cancel and reset are the hot paths, with a million others pending, and an ordered
//! tree or heap would pay log n cache misses for each. Yet what does fire has to come to the
//! nanosecond, in order, and to wake the process no more often than it must.
//!
//! So time is cut into ticks, and the ticks are counted in base 64. A timer lies in the list of one
//! slot: the level is the highest digit in which its tick differs from `elapsed`, the slot is that
//! digit of its tick. What holds at all times:
//!
//! - All that lies on the wheel is due after the tick `elapsed`. On each level only slots above
//!   that level's digit of `elapsed` are occupied, and all on a lower level comes before all on a
//!   higher one: the first slot is two bit scans away, however long the empty stretch before it.
//! - A slot begins no later than any deadline in it. It may end before some: a timer that is moved
//!   later stays where it is and has only its deadline written, since it will most likely be moved
//!   again before the slot is reached. When it is, the timer is put where it belongs by then, so a
//!   thousand resets cost one move.
//! - What is due in the tick `elapsed` or earlier is off the wheel, in one of two queues sorted by
//!   deadline and order: `due`, asked for before the mark, and `arrivals`, asked for since. Entries
//!   of a queue are copies: when the timer is cancelled or reset, the entry stays behind, stale,
//!   and is told by its order, which no other call ever gets. The stale are swept out before they
//!   are more than half of a queue.
//!
//! Nodes live in one `Vec`, the vacant ones linked by index: a timer costs no allocation of its
//! own. The list of a slot is a `Vec` of indices, and each node knows its place there. It has no
//! order, so the last index takes the place of one that leaves. Unlike a chain of nodes it can be
//! read ahead, which counts when a slot with thousands of cold nodes is spread over the level below.

use std::collections::VecDeque;
use std::{iter, mem};

/// A tick is 2^20 ns, about a millisecond: what separates one deadline from the next within it is
/// left to the queues.
const TICK_BITS: u32 = 20;
const DIGIT_BITS: u32 = 6;
const SLOTS: usize = 1 << DIGIT_BITS;
/// Enough digits for the ticks of any `u64`.
const LEVELS: usize = (u64::BITS - TICK_BITS).div_ceil(DIGIT_BITS) as usize;

/// In `Node::slot`, past the slots of the wheel: in a queue, or nowhere.
const QUEUED: u16 = (LEVELS * SLOTS) as u16;
const NOWHERE: u16 = QUEUED + 1;

/// No node.
const NIL: u32 = u32::MAX;

/// Up to this many timers in one slot are searched for the first of them, rather than waking at the
/// start of the slot.
const FEW: usize = 8;

/// This many timers are read before the first of them is put elsewhere: among a million each is a
/// cache miss, and these overlap.
const BATCH: usize = 16;

/// The capacity up to which an empty slot keeps its list: 4 MiB in all at worst, and allocating
/// again and again costs more than the wheel itself.
const KEPT: usize = 2048;

/// Up to this many stale entries in a queue are not worth a sweep.
const FEW_STALE: usize = 32;

/// Names one pending timer; stale once it has fired or was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimerKey {
    index: u32,
    generation: u32,
}

impl TimerKey {
    /// Names no timer.
    pub(crate) const NONE: TimerKey = TimerKey {
        index: u32::MAX,
        generation: 0,
    };
}

/// Pending timers, each with its deadline, in nanoseconds since the clock's start, and the value to
/// be had back then.
pub(crate) struct Timers<T> {
    nodes: Vec<Node<T>>,
    /// The first vacant node.
    vacant: u32,
    len: usize,
    /// The tick up to which the wheel has turned.
    elapsed: u64,
    /// The nodes of each slot, level by level.
    slots: Box<[Vec<u32>]>,
    /// One bit for each slot of a level: whether its list holds anything.
    occupied: [u64; LEVELS],
    /// Due and arrivals: asked for before the mark, and since.
    queues: [Queue; 2],
    /// The order that the next insert or reset gets.
    order: u64,
    /// Timers of this order and above wait for the next turn.
    mark: u64,
}

struct Node<T> {
    deadline: u64,
    order: u64,
    /// None in a vacant node.
    value: Option<T>,
    /// How many timers have been here before.
    generation: u32,
    /// The position in the list of the slot, or the next vacant node.
    place: u32,
    slot: u16,
}

impl<T> Timers<T> {
    /// An empty store, at the time 0.
    pub(crate) fn new() -> Self {
        Timers {
            nodes: Vec::new(),
            vacant: NIL,
            len: 0,
            elapsed: 0,
            slots: iter::repeat_with(Vec::new).take(LEVELS * SLOTS).collect(),
            occupied: [0; LEVELS],
            queues: Default::default(),
            order: 0,
            mark: 0,
        }
    }

    /// How many timers are pending.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Keeps `value` until `deadline`, which may have passed already.
    pub(crate) fn insert(&mut self, deadline: u64, value: T) -> TimerKey {
        let order = self.take_order();
        let index = self.occupy(deadline, order, value);
        self.attach(index, deadline);
        self.len += 1;
        TimerKey {
            index,
            generation: self.node(index).generation,
        }
    }

    /// Takes the timer out, and frees its place at once. Returns `None` if the key is stale.
    pub(crate) fn cancel(&mut self, key: TimerKey) -> Option<T> {
        self.live(key)?;
        self.detach(key.index);
        self.vacate(key.index)
    }

    /// Gives the timer a new deadline, as if it were inserted now. Returns false if the key is stale.
    #[inline]
    pub(crate) fn reset(&mut self, key: TimerKey, deadline: u64) -> bool {
        let (elapsed, order) = (self.elapsed, self.order);
        let Some(node) = self.nodes.get_mut(key.index as usize) else {
            return false;
        };
        if node.generation != key.generation {
            return false;
        }
        let slot = node.slot;
        // Usually a timer moves to later, and its slot is looked at before that.
        if slot != QUEUED && tick(deadline) >= start_of(usize::from(slot), elapsed) {
            node.deadline = deadline;
            node.order = order;
            self.order = order + 1;
            return true;
        }
        self.move_slot(key.index, deadline);
        true
    }

    #[inline(never)]
    fn move_slot(&mut self, index: u32, deadline: u64) {
        self.detach(index);
        let order = self.take_order();
        let node = self.node_mut(index);
        node.deadline = deadline;
        node.order = order;
        self.attach(index, deadline);
    }

    /// When the timer is due, or `None` if the key is stale.
    pub(crate) fn deadline(&self, key: TimerKey) -> Option<u64> {
        self.live(key).map(|node| node.deadline)
    }

    /// When to look again: never after the first deadline. Before it only where many timers share
    /// the first slot; then the slot has to be spread over the level below first. None when nothing
    /// is pending.
    pub(crate) fn next_wake(&mut self) -> Option<u64> {
        let fronts = self
            .queues
            .iter_mut()
            .filter_map(|queue| queue.front(&self.nodes));
        if let Some(first) = fronts.min() {
            return Some(first.deadline);
        }
        loop {
            let slot = self.first_slot()?;
            if let Some(wake) = self.settle(slot) {
                return Some(wake);
            }
        }
    }

    /// Begins a turn: what is inserted or reset from here on is not returned before the next one,
    /// whatever its deadline.
    pub(crate) fn begin_turn(&mut self) {
        self.mark = self.order;
        let [due, arrivals] = &mut self.queues;
        due.append(arrivals);
    }

    /// One timer with `deadline <= now` that was asked for before this turn, after its deadline; in order
    /// of deadline, then of asking.
    pub(crate) fn pop_due(&mut self, now: u64) -> Option<(u64, T)> {
        loop {
            let due = &mut self.queues[0];
            if let Some(first) = due.front(&self.nodes) {
                if first.deadline > now {
                    return None;
                }
                due.entries.pop_front();
                return self
                    .vacate(first.index)
                    .map(|value| (first.deadline, value));
            }
            if !self.turn_wheel(tick(now)) {
                return None;
            }
        }
    }

    /// Takes out all that is pending, in the order in which it would have come.
    pub(crate) fn drain(&mut self) -> Vec<T> {
        let mut pending: Vec<_> = (0..)
            .zip(&self.nodes)
            .filter(|(_, node)| node.value.is_some())
            .map(|(index, node)| (node.deadline, node.order, index))
            .collect();
        pending.sort_unstable();
        self.slots.fill_with(Vec::new);
        self.occupied.fill(0);
        self.queues = Default::default();
        pending
            .into_iter()
            .filter_map(|(_, _, index)| self.vacate(index))
            .collect()
    }

    /// Turns the wheel on to the first slot that holds anything, but not past `now`. False once
    /// there is no such slot.
    fn turn_wheel(&mut self, now: u64) -> bool {
        let first = self
            .first_slot()
            .map(|slot| (slot, start_of(slot, self.elapsed)));
        let Some((slot, start)) = first.filter(|(_, start)| *start <= now) else {
            self.elapsed = self.elapsed.max(now);
            return false;
        };
        self.elapsed = start;
        self.occupied[slot / SLOTS] &= !(1 << (slot % SLOTS));
        let mut list = mem::take(&mut self.slots[slot]);
        for batch in list.chunks(BATCH) {
            let mut deadlines = [0; BATCH];
            for (deadline, index) in deadlines.iter_mut().zip(batch) {
                *deadline = self.node(*index).deadline;
            }
            for (deadline, index) in deadlines.iter().zip(batch) {
                self.attach(*index, *deadline);
            }
        }
        if list.capacity() <= KEPT {
            list.clear();
            self.slots[slot] = list;
        }
        true
    }

    /// Puts the first few timers of the slot where they belong by now. Returns when to wake for those
    /// that stay, or `None` if none does.
    fn settle(&mut self, slot: usize) -> Option<u64> {
        if self.slots[slot].len() > FEW {
            return Some(start_of(slot, self.elapsed) << TICK_BITS);
        }
        let mut first: Option<u64> = None;
        for at in (0..self.slots[slot].len()).rev() {
            let index = self.slots[slot][at];
            let deadline = self.node(index).deadline;
            if self.slot_of(tick(deadline)) == slot {
                first = Some(first.map_or(deadline, |first| first.min(deadline)));
            } else {
                self.detach(index);
                self.attach(index, deadline);
            }
        }
        first
    }

    /// The occupied slot that begins first.
    fn first_slot(&self) -> Option<usize> {
        let level = self.occupied.iter().position(|slots| *slots != 0)?;
        Some(level * SLOTS + self.occupied[level].trailing_zeros() as usize)
    }

    /// The slot of a tick, which has to be after `elapsed`.
    fn slot_of(&self, tick: u64) -> usize {
        let level = (tick ^ self.elapsed).ilog2() / DIGIT_BITS;
        let digit = (tick >> (level * DIGIT_BITS)) as usize % SLOTS;
        level as usize * SLOTS + digit
    }

    /// Puts a node, which is in no list, where its deadline belongs: into a slot or a queue.
    fn attach(&mut self, index: u32, deadline: u64) {
        if tick(deadline) <= self.elapsed {
            let node = self.node_mut(index);
            node.slot = QUEUED;
            let order = node.order;
            let entry = Entry {
                deadline,
                order,
                index,
            };
            self.queues[usize::from(order >= self.mark)].push(entry);
            return;
        }
        let slot = self.slot_of(tick(deadline));
        self.occupied[slot / SLOTS] |= 1 << (slot % SLOTS);
        let list = &mut self.slots[slot];
        let place = list.len() as u32;
        list.push(index);
        let node = self.node_mut(index);
        node.slot = slot as u16;
        node.place = place;
    }

    /// Takes a node out of its slot or queue.
    fn detach(&mut self, index: u32) {
        let node = self.node_mut(index);
        let slot = usize::from(mem::replace(&mut node.slot, NOWHERE));
        let Node { order, place, .. } = *node;
        if slot == usize::from(QUEUED) {
            self.queues[usize::from(order >= self.mark)].leave_stale(&self.nodes);
            return;
        }
        let list = &mut self.slots[slot];
        list.swap_remove(place as usize);
        if let Some(moved) = list.get(place as usize) {
            self.nodes[*moved as usize].place = place;
        } else if list.is_empty() {
            if list.capacity() > KEPT {
                *list = Vec::new();
            }
            self.occupied[slot / SLOTS] &= !(1 << (slot % SLOTS));
        }
    }

    /// Puts a timer into a vacant node, which is in no list yet.
    fn occupy(&mut self, deadline: u64, order: u64, value: T) -> u32 {
        let index = self.vacant;
        if index != NIL {
            let node = self.node_mut(index);
            node.deadline = deadline;
            node.order = order;
            node.value = Some(value);
            self.vacant = node.place;
            return index;
        }
        let index = u32::try_from(self.nodes.len()).unwrap_or(NIL);
        assert_ne!(index, NIL, "too many timers");
        self.nodes.push(Node {
            deadline,
            order,
            value: Some(value),
            generation: 0,
            place: NIL,
            slot: NOWHERE,
        });
        index
    }

    /// Empties a node that is in no list. One that has run out of generations is not used
    /// again: no key is ever mistaken for another.
    fn vacate(&mut self, index: u32) -> Option<T> {
        let vacant = self.vacant;
        let node = self.node_mut(index);
        let value = node.value.take();
        node.slot = NOWHERE;
        node.generation += 1;
        if node.generation < u32::MAX {
            node.place = vacant;
            self.vacant = index;
        }
        self.len -= 1;
        value
    }

    fn live(&self, key: TimerKey) -> Option<&Node<T>> {
        // `TimerKey::NONE` has no node.
        let node = self.nodes.get(key.index as usize)?;
        (node.generation == key.generation).then_some(node)
    }

    fn node(&self, index: u32) -> &Node<T> {
        &self.nodes[index as usize]
    }

    fn node_mut(&mut self, index: u32) -> &mut Node<T> {
        &mut self.nodes[index as usize]
    }

    fn take_order(&mut self) -> u64 {
        self.order += 1;
        self.order - 1
    }
}

/// The tick with which a slot begins: above its level the digits of `elapsed`, below it zeros.
fn start_of(slot: usize, elapsed: u64) -> u64 {
    let shift = (slot / SLOTS) as u32 * DIGIT_BITS;
    let above = (elapsed >> shift) & !(SLOTS as u64 - 1);
    (above | (slot % SLOTS) as u64) << shift
}

fn tick(deadline: u64) -> u64 {
    deadline >> TICK_BITS
}

/// Timers that are off the wheel, by deadline and order.
#[derive(Default)]
struct Queue {
    entries: VecDeque<Entry>,
    /// Something came that does not belong at the end: sort before looking.
    unsorted: bool,
    /// How many entries are stale.
    stale: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    deadline: u64,
    order: u64,
    index: u32,
}

impl Queue {
    fn push(&mut self, entry: Entry) {
        self.unsorted |= self.entries.back().is_some_and(|last| *last > entry);
        self.entries.push_back(entry);
    }

    fn append(&mut self, other: &mut Queue) {
        if self.entries.is_empty() {
            mem::swap(self, other);
            return;
        }
        for entry in other.entries.drain(..) {
            self.push(entry);
        }
        self.stale += mem::take(&mut other.stale);
        other.unsorted = false;
    }

    /// The first entry that is not stale.
    fn front<T>(&mut self, nodes: &[Node<T>]) -> Option<Entry> {
        if mem::take(&mut self.unsorted) {
            // The stable sort merges runs, and usually there are two: the old entries and the new.
            self.entries.make_contiguous().sort();
        }
        while let Some(first) = self.entries.front() {
            if first.is_live(nodes) {
                return Some(*first);
            }
            self.entries.pop_front();
            self.stale -= 1;
        }
        None
    }

    /// Counts the entry of a node that has gone, and sweeps once it pays.
    fn leave_stale<T>(&mut self, nodes: &[Node<T>]) {
        self.stale += 1;
        if self.stale > FEW_STALE && self.stale > self.entries.len() / 2 {
            self.entries.retain(|entry| entry.is_live(nodes));
            self.stale = 0;
        }
    }
}

impl Entry {
    fn is_live<T>(&self, nodes: &[Node<T>]) -> bool {
        let node = &nodes[self.index as usize];
        node.slot == QUEUED && node.order == self.order
    }
}

#[cfg(test)]
mod tests;
