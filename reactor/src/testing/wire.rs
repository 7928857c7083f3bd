use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use crate::stream::{Ready, Stream, Wire};
use crate::{Address, Clock};

/// One end of a connection in memory. It behaves as TCP does where that hurts: a window that fills
/// and of whose room the sender hears late, an end of input behind the last byte, and a reset for an
/// end that closes with input unread or is sent more after its close.
pub(super) struct MemoryWire {
    name: Arc<str>,
    peer_name: Arc<str>,
    /// What this end sends.
    outward: Rc<Way>,
    /// What this end receives.
    inward: Rc<Way>,
    whose: Whose,
}

/// Which side owns one end of a connection.
pub(super) enum Whose {
    /// The test, which no reactor counts.
    Test,
    /// A port of a reactor.
    Port(Address),
    /// Code under test that has connected.
    Code,
}

/// One direction of a connection.
pub(super) struct Way {
    clock: Clock,
    to: RefCell<Weak<Stream<MemoryWire>>>,
    from: RefCell<Weak<Stream<MemoryWire>>>,
    /// The other direction: a reset goes both ways.
    back: RefCell<Weak<Way>>,
    pub(super) cut: Cell<usize>,
    pub(super) delay: Cell<Duration>,
    /// After how many bytes something happens.
    pub(super) fault: Cell<Option<(u64, Fault)>>,
    window: Cell<usize>,
    /// Whether each send fails.
    pub(super) refused: Cell<bool>,
    state: RefCell<Traffic>,
}

/// What happens to a link at a given byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// What comes after it never arrives; the receiver sees the end of input.
    End,
    /// Both ends see that the connection is broken.
    Reset,
}

#[derive(Default)]
struct Traffic {
    /// Sent, not arrived.
    sent: VecDeque<u8>,
    /// Arrived, not read.
    arrived: VecDeque<u8>,
    passed: u64,
    /// The sender has said that this was all.
    ending: bool,
    /// The end has arrived.
    ended: bool,
    reset: bool,
    /// The receiver has closed.
    deaf: bool,
    sender_waits: bool,
    /// The sender wants to know when nothing is under way.
    sender_counts: bool,
    scheduled: bool,
}

impl Way {
    pub(super) fn new(clock: Clock) -> Rc<Self> {
        Rc::new(Way {
            clock,
            to: RefCell::default(),
            from: RefCell::default(),
            back: RefCell::default(),
            cut: Cell::new(usize::MAX),
            delay: Cell::new(Duration::ZERO),
            fault: Cell::new(None),
            window: Cell::new(64 * 1024),
            refused: Cell::new(false),
            state: RefCell::default(),
        })
    }

    pub(super) fn connect(
        self: &Rc<Self>,
        from: &Rc<Stream<MemoryWire>>,
        to: &Rc<Stream<MemoryWire>>,
        back: &Rc<Way>,
    ) {
        *self.from.borrow_mut() = Rc::downgrade(from);
        *self.to.borrow_mut() = Rc::downgrade(to);
        *self.back.borrow_mut() = Rc::downgrade(back);
    }

    pub(super) fn set_window(&self, bytes: usize) {
        self.window.set(bytes.max(1));
    }

    /// Has [`step`](Way::step) called in a turn to come, once, after `delay`.
    fn schedule(self: &Rc<Self>, delay: Duration) {
        if std::mem::replace(&mut self.state.borrow_mut().scheduled, true) {
            return;
        }
        let way = Rc::downgrade(self);
        let step = move || {
            if let Some(way) = way.upgrade() {
                way.state.borrow_mut().scheduled = false;
                way.step();
            }
        };
        if delay.is_zero() {
            self.clock.call_soon(step);
        } else {
            self.clock.call_later(delay, step);
        }
    }

    /// One piece arrives.
    fn step(self: &Rc<Self>) {
        let mut state = self.state.borrow_mut();
        let fault = self.fault.get();
        let until_fault = fault.map_or(u64::MAX, |(at, _)| at.saturating_sub(state.passed));
        let count = state
            .sent
            .len()
            .min(self.cut.get())
            .min(usize::try_from(until_fault).unwrap_or(usize::MAX));
        let piece: Vec<u8> = state.sent.drain(..count).collect();
        state.passed += count as u64;
        if state.deaf && count > 0 {
            drop(state);
            return self.reset();
        }
        state.arrived.extend(piece);
        if let Some((_, fault)) = fault.filter(|_| count as u64 == until_fault) {
            self.fault.set(None);
            state.sent.clear();
            state.ending = true;
            if fault == Fault::Reset {
                drop(state);
                return self.reset();
            }
        }
        if state.sent.is_empty() && state.ending {
            state.ended = true;
        }
        let more = !state.sent.is_empty();
        if !more && std::mem::take(&mut state.sender_counts) {
            self.tell_sender_soon();
        }
        drop(state);
        if more {
            self.schedule(self.delay.get());
        }
        self.tell_receiver();
    }

    fn tell_sender_soon(self: &Rc<Self>) {
        let way = self.clone();
        self.clock.call_soon(move || {
            let from = way.from.borrow().upgrade();
            if let Some(from) = from {
                from.ready_alone(Ready::WRITABLE);
            }
        });
    }

    fn tell_receiver(&self) {
        let state = self.state.borrow();
        let ready = if state.ended || state.reset {
            Ready::hung_up(state.reset)
        } else {
            Ready::READABLE
        };
        drop(state);
        let to = self.to.borrow().upgrade();
        if let Some(to) = to {
            to.ready_alone(ready);
        }
    }

    /// The connection breaks, for both.
    fn reset(&self) {
        let back = self.back.borrow().upgrade();
        self.state.borrow_mut().reset = true;
        if let Some(back) = &back {
            back.state.borrow_mut().reset = true;
        }
        self.tell_receiver();
        if let Some(back) = back {
            back.tell_receiver();
        }
    }

    fn reset_soon(self: &Rc<Self>) {
        let way = self.clone();
        self.clock.call_soon(move || way.reset());
    }
}

impl MemoryWire {
    pub(super) fn new(name: &str, peer_name: &str, outward: Rc<Way>, inward: Rc<Way>) -> Self {
        MemoryWire {
            name: name.into(),
            peer_name: peer_name.into(),
            outward,
            inward,
            whose: Whose::Test,
        }
    }

    pub(super) fn of(mut self, whose: Whose) -> Self {
        self.whose = whose;
        self
    }
}

impl Wire for MemoryWire {
    fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.inward.state.borrow_mut();
        let count = state
            .arrived
            .len()
            .min(self.inward.cut.get())
            .min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(state.arrived.drain(..count)) {
            *to = from;
        }
        let (more, ended, reset) = (!state.arrived.is_empty(), state.ended, state.reset);
        // As Linux does: it does not tell of a little room.
        let held = state.sent.len() + state.arrived.len();
        let window = self.inward.window.get();
        let has_room = held <= window - window.div_ceil(3);
        let sender_waits = count > 0 && has_room && std::mem::take(&mut state.sender_waits);
        drop(state);
        if more && count < buffer.len() {
            // A stream that gets a short count waits for news.
            self.read_again();
        }
        if sender_waits {
            self.inward.tell_sender_soon();
        }
        match count {
            0 if reset => Err(io::ErrorKind::ConnectionReset.into()),
            0 if !ended => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }

    fn send(&self, data: &[u8]) -> io::Result<usize> {
        let mut state = self.outward.state.borrow_mut();
        if state.reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if self.outward.refused.get() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let waiting = state.sent.len() + state.arrived.len();
        let count = data
            .len()
            .min(self.outward.window.get().saturating_sub(waiting));
        state.sent.extend(&data[..count]);
        drop(state);
        self.outward.schedule(self.outward.delay.get());
        match count {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.outward.state.borrow_mut().ending = true;
        self.outward.schedule(self.outward.delay.get());
        Ok(())
    }

    fn close(&self, reset: bool) {
        let unread = {
            let mut state = self.inward.state.borrow_mut();
            state.deaf = true;
            !state.arrived.is_empty()
        };
        if reset || unread {
            self.outward.state.borrow_mut().sent.clear();
            self.outward.reset_soon();
        } else {
            let _ = self.shutdown_write();
        }
    }

    fn read_again(&self) {
        let way = self.inward.clone();
        self.inward.clock.call_soon(move || way.tell_receiver());
    }

    fn wants_writable(&self) -> io::Result<()> {
        self.outward.state.borrow_mut().sender_waits = true;
        Ok(())
    }

    fn unacknowledged(&self) -> Option<usize> {
        let mut state = self.outward.state.borrow_mut();
        state.sender_counts = !state.sent.is_empty();
        Some(state.sent.len())
    }

    fn take_error(&self) -> io::Error {
        io::ErrorKind::ConnectionReset.into()
    }

    fn port(&self) -> Option<&Address> {
        match &self.whose {
            Whose::Port(address) => Some(address),
            Whose::Test | Whose::Code => None,
        }
    }

    fn is_counted(&self) -> bool {
        !matches!(self.whose, Whose::Test)
    }

    fn peer(&self) -> Address {
        Address::Memory(self.peer_name.clone())
    }

    fn host(&self) -> Address {
        Address::Memory(self.name.clone())
    }

    fn extension(&self, _: Weak<dyn Any>, _: TypeId) -> Option<Rc<dyn Any>> {
        None
    }
}
