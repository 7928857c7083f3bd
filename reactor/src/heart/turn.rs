use std::cell::{Cell, RefCell};
use std::mem;
use std::rc::Rc;

use crate::Channel;
use crate::values::panic::{catch_panic, log_panic};

/// What the loop does for a port of datagrams that asked for it, as for a [`Channel`].
pub(crate) trait DatagramTurn {
    /// Calls the protocol with all that has happened.
    fn turn(&self);

    /// Hands to the system what was sent. Calls no protocol.
    fn flush(&self);
}

/// What is to be done before this pass of the loop ends: turns of channels, calls, flushes.
///
/// Rule 1 rests on it: a transport's method only changes state and asks for a turn; protocols and
/// producers are called from a turn. (But a push producer is told to pause from inside the write
/// that is enough, which it is making just then.)
///
/// Turns and calls are taken as a snapshot: what they ask for comes in the next pass, so that none
/// of them can keep the loop from its sockets. Flushes run until none is left: a layer's flush is a
/// write to the one below, and no flush calls a protocol, so this ends at the bottom of each stack.
#[derive(Default)]
pub(crate) struct TurnQueue {
    turns: RefCell<Vec<Rc<dyn Channel>>>,
    soon: RefCell<Vec<Box<dyn FnOnce()>>>,
    flushes: RefCell<Vec<Rc<dyn Channel>>>,
    datagram_turns: RefCell<Vec<Rc<dyn DatagramTurn>>>,
    datagram_flushes: RefCell<Vec<Rc<dyn DatagramTurn>>>,
    waiting: Cell<usize>,
    /// How often this has run: what names a pass.
    pass: Cell<u8>,
}

impl TurnQueue {
    /// Gives `channel` a turn before this pass of the loop ends, or in the next one.
    pub(crate) fn wants_turn(&self, channel: Rc<dyn Channel>) {
        self.turns.borrow_mut().push(channel);
        self.waiting.set(self.waiting.get() + 1);
    }

    /// Has `channel` flushed before this pass of the loop ends.
    pub(crate) fn wants_flush(&self, channel: Rc<dyn Channel>) {
        self.flushes.borrow_mut().push(channel);
        self.waiting.set(self.waiting.get() + 1);
    }

    /// Gives a port of datagrams a turn at the end of this pass of the loop, or in the next one.
    pub(crate) fn wants_datagram_turn(&self, port: Rc<dyn DatagramTurn>) {
        self.datagram_turns.borrow_mut().push(port);
        self.waiting.set(self.waiting.get() + 1);
    }

    /// Has a port of datagrams hand over what was sent before this pass of the loop ends.
    pub(crate) fn wants_datagram_flush(&self, port: Rc<dyn DatagramTurn>) {
        self.datagram_flushes.borrow_mut().push(port);
        self.waiting.set(self.waiting.get() + 1);
    }

    pub(crate) fn call_soon(&self, call: Box<dyn FnOnce()>) {
        self.soon.borrow_mut().push(call);
        self.waiting.set(self.waiting.get() + 1);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.get() == 0
    }

    #[inline(never)]
    pub(crate) fn run(&self) {
        self.pass.set(self.pass.get().wrapping_add(1));
        self.each(&self.turns, |channel| {
            channel.seat().begin_turn();
            guarded(&*channel, Channel::turn);
        });
        self.each(&self.datagram_turns, |port| port.turn());
        self.each(&self.soon, |call| log_panic("a call made soon", call));
        while !self.flushes.borrow().is_empty() {
            self.each(&self.flushes, |channel| {
                channel.seat().begin_flush();
                guarded(&*channel, Channel::flush);
            });
        }
        self.each(&self.datagram_flushes, |port| port.flush());
    }

    /// Names this pass, for what is bounded in each.
    pub(crate) fn pass(&self) -> u8 {
        self.pass.get()
    }

    /// Takes what is in the queue now, and gives the empty buffer back so that the next pass need
    /// not allocate one.
    fn each<T>(&self, queue: &RefCell<Vec<T>>, mut run: impl FnMut(T)) {
        let mut batch = mem::take(&mut *queue.borrow_mut());
        self.waiting.set(self.waiting.get() - batch.len());
        for item in batch.drain(..) {
            run(item);
        }
        let mut queue = queue.borrow_mut();
        if queue.is_empty() {
            *queue = batch;
        }
    }

    pub(crate) fn clear(&self) {
        // What is dropped here may ask for more while it is dropped.
        while !self.is_empty() {
            self.each(&self.turns, drop);
            self.each(&self.soon, |call| {
                log_panic("the drop of a call", || drop(call))
            });
            self.each(&self.flushes, drop);
            self.each(&self.datagram_turns, drop);
            self.each(&self.datagram_flushes, drop);
        }
    }
}

/// The work of a channel may be that of a layer, which is code of an application: a panic costs its
/// connection.
fn guarded(channel: &dyn Channel, work: impl FnOnce(&dyn Channel)) {
    if let Err(message) = catch_panic(|| work(channel)) {
        channel.seat().panicked(&message);
    }
}
