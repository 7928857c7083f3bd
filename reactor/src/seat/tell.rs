use super::*;

impl Seat {
    /// Makes the callbacks that are owed, in order, until nothing is. What a channel's turn is made
    /// of; it flushes after it.
    #[inline]
    pub fn settle(&self) {
        self.clear(TURN);
        if self.is(OWED) {
            self.tell_all();
        }
    }

    #[inline(never)]
    fn tell_all(&self) {
        for _ in 0..CALLS_A_TURN {
            if self.is(CALLING) || !self.tell() {
                return;
            }
        }
        self.wants_turn();
    }

    /// The callbacks that are owed and can be made now. The others wait, and must not keep the loop
    /// awake: a protocol that is paused is told of no bytes, nor of the end behind them; one that
    /// has closed, of no end.
    pub(super) fn owed(&self) -> u32 {
        let waits = |state, facts| if self.is(state) { facts } else { 0 };
        let waiting = waits(OVER, OWED)
            | waits(UNOPENED, OWED & !LOST)
            | waits(PAUSED, FRESH | END_OF_INPUT)
            | waits(CLOSING, END_OF_INPUT);
        self.state.get() & OWED & !waiting
    }

    /// Makes the one callback that comes first; false if there is none, or the protocol is busy
    /// elsewhere.
    fn tell(&self) -> bool {
        let owed = self.owed();
        if owed == 0 {
            return false;
        }
        if self.is_busy() {
            self.wants_turn();
            return false;
        }
        let order = [UNTOLD, HANDSHAKE, FRESH, END_OF_INPUT, END_OF_OUTPUT];
        let first = order.into_iter().find(|fact| owed & fact != 0);
        self.clear(first.unwrap_or(0));
        match first {
            Some(UNTOLD) => self.introduce(),
            Some(HANDSHAKE) => {
                self.call(|protocol, transport| protocol.handshake_completed(transport))
            }
            Some(FRESH) => self.deliver_unread(),
            Some(END_OF_INPUT) => {
                self.call(|protocol, transport| protocol.read_connection_lost(transport))
            }
            Some(_) => self.call(|protocol, transport| protocol.write_connection_lost(transport)),
            None => self.tell_lost(),
        };
        first.is_some()
    }

    fn introduce(&self) -> bool {
        match self.protocol() {
            Some(protocol) if protocol.0.introduced().replace(true) => {
                self.call(|protocol, transport| protocol.transport_switched(transport))
            }
            _ => self.call(|protocol, transport| protocol.connection_made(transport)),
        }
    }

    fn deliver_unread(&self) -> bool {
        let mut data = self.take_unread();
        !data.is_empty()
            && self
                .call(|protocol, transport| protocol.data_received_in_place(transport, &mut data))
    }

    fn tell_lost(&self) -> bool {
        self.set(OVER | CLOSING);
        self.take_unread();
        if let Some(reason) = self.reason() {
            self.call(|protocol, _| protocol.connection_lost(&reason));
        }
        let protocol = self.occupant.borrow_mut().protocol.take();
        protocol.is_some()
    }

    fn call(&self, mut callback: impl FnMut(&mut dyn Protocol, &TransportRef)) -> bool {
        let made = self.make(|protocol, transport| {
            protocol.call(&mut |protocol| callback(protocol, transport))
        });
        made != Made::No
    }

    /// Makes the callback for bytes, if nothing stands before them.
    #[inline(always)]
    pub(super) fn make_straight(
        &self,
        callback: impl FnOnce(&dyn Held, &TransportRef) -> Called,
    ) -> Made {
        match self.is(NOT_STRAIGHT) {
            true => Made::No,
            false => self.make(callback),
        }
    }

    /// Makes a callback.
    #[inline(always)]
    fn make(&self, callback: impl FnOnce(&dyn Held, &TransportRef) -> Called) -> Made {
        let called = {
            let occupant = self.occupant.borrow();
            let Some(protocol) = &occupant.protocol else {
                return Made::Noisily;
            };
            self.set(CALLING);
            callback(&*protocol.0, &occupant.transport)
        };
        if matches!(called, Called::Made) && self.state.get() == CALLING {
            self.state.set(0);
            return Made::Quietly;
        }
        self.called(called)
    }

    /// What a callback left to do, where it was not the quiet kind.
    #[inline(never)]
    fn called(&self, called: Called) -> Made {
        self.clear(CALLING);
        if matches!(called, Called::Busy) {
            return Made::No;
        }
        if !matches!(called, Called::Made) || self.is(SUCCEEDED) {
            self.clear_up(&called);
        }
        Made::Noisily
    }

    /// A successor sits down, late calls are made soon, and a panic has its price.
    #[cold]
    fn clear_up(&self, called: &Called) {
        let clock = self.channel().map(|channel| channel.clock());
        let protocol = self.occupant.borrow().protocol.clone();
        if self.is(SUCCEEDED)
            && let Some(successor) = self.rare(|rare| rare.successor.take())
        {
            self.clear(SUCCEEDED);
            self.occupant.replace(successor).transport.revoke();
        }
        if let (Some(protocol), Some(clock)) = (protocol, clock) {
            for late in protocol.0.take_late() {
                clock.call_soon(late);
            }
        }
        if let Called::Panicked(message) = called {
            self.panicked(message);
        }
    }
}

/// How a callback went.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// It was not made: something stands before it, or the protocol is busy.
    No,
    /// There was nothing to note in this seat but the call, before and behind it.
    Quietly,
    Noisily,
}
