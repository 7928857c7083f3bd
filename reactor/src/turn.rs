use std::cell::{Cell, RefCell};
use std::mem;
use std::rc::Rc;

use crate::panic::log_panic;

/// What the loop does for a channel that asked for it.
///
/// Rule 1 lives on this trait: a transport's method only changes state and asks for a turn;
/// protocols and producers are called from [`turn`](Turn::turn) and from nowhere else. (But a push
/// producer is told to pause from inside the write that is enough, which it is making just then.)
pub trait Turn {
    /// Calls the protocol and the producer with all that has happened. Everything may be changed
    /// from within.
    fn turn(&self);

    /// Hands on what was written. Calls neither a protocol nor a producer; what follows from it
    /// waits for a turn.
    fn flush(&self);
}

/// Who waits for what until the end of this pass of the loop.
///
/// Turns and calls are taken as a snapshot: what they ask for in their turn comes in the next pass,
/// so that none of them can keep the loop from its sockets. Flushes run until none is left: a
/// layer's flush is a write to the one below, and as no flush calls anybody, this ends at the
/// bottom of each stack.
#[derive(Default)]
pub(crate) struct TurnQueue {
    turns: RefCell<Vec<Rc<dyn Turn>>>,
    soon: RefCell<Vec<Box<dyn FnOnce()>>>,
    flushes: RefCell<Vec<Rc<dyn Turn>>>,
    waiting: Cell<usize>,
}

impl TurnQueue {
    pub(crate) fn wants_turn(&self, channel: Rc<dyn Turn>) {
        self.turns.borrow_mut().push(channel);
        self.waiting.set(self.waiting.get() + 1);
    }

    pub(crate) fn wants_flush(&self, channel: Rc<dyn Turn>) {
        self.flushes.borrow_mut().push(channel);
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
        self.each(&self.turns, |channel| channel.turn());
        self.each(&self.soon, |call| log_panic("a call made soon", call));
        while !self.flushes.borrow().is_empty() {
            self.each(&self.flushes, |channel| channel.flush());
        }
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
        // Whatever is dropped here may ask for more while it is dropped.
        while !self.is_empty() {
            self.each(&self.turns, drop);
            self.each(&self.soon, drop);
            self.each(&self.flushes, drop);
        }
    }
}
