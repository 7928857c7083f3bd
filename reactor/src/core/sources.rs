#[cfg(unix)]
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::io;
use std::mem;
use std::rc::Rc;

use mio::event::{self, Event};
use mio::{Interest, Registry, Token};
use slab::Slab;

use crate::core::load::Load;
use crate::heart::port::Listening;
#[cfg(unix)]
use crate::inherited::handed::Handed;
use crate::machines::output::ReadBuffer;
use crate::stream::{Examined, Ready};
use crate::{ConnectionId, Reason};

/// Something that the system reports on: a connection, a port, an attempt to connect.
pub(crate) trait Source {
    /// It has become ready for something, or has asked to be looked at again. It reads into `buffer`.
    fn ready(&self, ready: Ready, buffer: &mut ReadBuffer);

    /// The reactor drains, or ends, and this comes before [`drain`](Source::drain) and
    /// [`stop`](Source::stop): a port closes.
    fn stop_listening(&self) {}

    /// The reactor drains: what is [`Served`] is asked to finish, and so is a port of datagrams.
    fn drain(&self) {}

    /// The reactor ends: come to an orderly end soon.
    fn stop(&self);

    /// The reactor ends now, without waiting.
    fn abort(&self, reason: Reason);

    /// The stream that it is, for one that counts and lists connections. A stream with two sources is one
    /// of them alone.
    fn stream(&self) -> Option<&dyn Examined> {
        None
    }

    /// The port that it is, for one that lists ports.
    fn port(&self) -> Option<&dyn Listening> {
        None
    }

    /// A copy of the socket that it listens on, for the program that replaces this one, if that can take
    /// it over.
    #[cfg(unix)]
    fn hand_over(&self) -> Option<io::Result<Handed>> {
        None
    }

    /// Itself, if it is what an application watches.
    #[cfg(unix)]
    fn watch(self: Rc<Self>) -> Option<Rc<dyn Any>> {
        None
    }
}

/// All that is registered with the system, by token. Owns it: the root of the tree.
///
/// Invariant: a token always names the same registration. Slots are used again, so a token carries
/// the generation of its slot, and an event for a source that was removed in the same batch is
/// dropped.
pub(crate) struct Sources {
    registry: Registry,
    slots: RefCell<Slab<Slot>>,
    generation: Cell<usize>,
    /// The sources that have more to do without a new event: edges come once.
    again: RefCell<Vec<Token>>,
    served: Load,
}

/// Is [counted](Sources::served) as long as it lives.
#[cfg(unix)]
pub(crate) struct Served(Rc<Sources>);

#[cfg(unix)]
impl Served {
    pub(crate) fn by(sources: &Rc<Sources>) -> Self {
        sources.serve();
        Served(sources.clone())
    }
}

#[cfg(unix)]
impl Drop for Served {
    fn drop(&mut self) {
        self.0.served_one();
    }
}

struct Slot {
    generation: usize,
    source: Rc<dyn Source>,
}

impl Sources {
    pub(crate) fn new(registry: Registry, served: Load) -> Self {
        Sources {
            registry,
            slots: RefCell::default(),
            generation: Cell::new(0),
            again: RefCell::default(),
            served,
        }
    }

    /// One more is served.
    pub(crate) fn serve(&self) {
        self.served.set(self.served.get() + 1);
    }

    /// One of those that are served has ended.
    pub(crate) fn served_one(&self) {
        self.served.set(self.served.get() - 1);
    }

    /// How many are served: connections that were accepted, and children. A drain waits for them. The
    /// connections that this side makes are the means, and not the end.
    pub(crate) fn served(&self) -> usize {
        self.served.get()
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Registers `what` on behalf of the source, which learns its token before the first event can
    /// come.
    pub(crate) fn add(
        &self,
        source: Rc<dyn Source>,
        what: &mut impl event::Source,
        interest: Interest,
    ) -> io::Result<Token> {
        let token = self.add_unwatched(source)?;
        if let Err(error) = self.registry.register(what, token, interest) {
            self.forget(token);
            return Err(error);
        }
        Ok(token)
    }

    /// A token for a source that the system does not watch. It is looked at when it asks for it:
    /// see [`again`](Sources::again).
    pub(crate) fn add_unwatched(&self, source: Rc<dyn Source>) -> io::Result<Token> {
        let generation = (self.generation.get() + 1) & GENERATIONS;
        self.generation.set(generation);
        let mut slots = self.slots.borrow_mut();
        if slots.vacant_key() > INDICES {
            let message = "there are more connections and ports than one reactor can name";
            return Err(io::Error::other(message));
        }
        let index = slots.insert(Slot { generation, source });
        Ok(Token(index | generation << INDEX_BITS))
    }

    /// Another source takes over the token, and what is registered under it.
    pub(crate) fn replace(&self, token: Token, source: Rc<dyn Source>) {
        let before = self
            .slots
            .borrow_mut()
            .get_mut(index(token))
            .map(|slot| mem::replace(&mut slot.source, source));
        drop(before);
    }

    pub(crate) fn reregister(
        &self,
        token: Token,
        what: &mut impl event::Source,
        interest: Interest,
    ) -> io::Result<()> {
        self.registry.reregister(what, token, interest)
    }

    pub(crate) fn remove(&self, token: Token, what: &mut impl event::Source) {
        let _ = self.registry.deregister(what);
        self.forget(token);
    }

    /// [`remove`](Sources::remove), for what is closed at once. The system forgets a descriptor that
    /// is closed; should a forked process keep a copy of it, the events for that copy are dropped.
    pub(crate) fn forget(&self, token: Token) {
        let removed = {
            let mut slots = self.slots.borrow_mut();
            match slots.get(index(token)) {
                Some(slot) if slot.generation == generation(token) => {
                    Some(slots.remove(index(token)))
                }
                _ => None,
            }
        };
        drop(removed);
    }

    /// The source is looked at again in the next turn.
    pub(crate) fn again(&self, token: Token) {
        self.again.borrow_mut().push(token);
    }

    /// All sources are looked at again in the next turn.
    #[cfg(unix)]
    pub(crate) fn all_again(&self) {
        let slots = self.slots.borrow();
        let token = |(index, slot): (usize, &Slot)| Token(index | slot.generation << INDEX_BITS);
        self.again.borrow_mut().extend(slots.iter().map(token));
    }

    pub(crate) fn has_again(&self) -> bool {
        !self.again.borrow().is_empty()
    }

    /// Looks at all sources that asked for it before this call.
    #[inline]
    pub(crate) fn run_again(&self, buffer: &mut ReadBuffer) {
        if self.has_again() {
            self.look_again(buffer);
        }
    }

    #[inline(never)]
    fn look_again(&self, buffer: &mut ReadBuffer) {
        let mut batch = mem::take(&mut *self.again.borrow_mut());
        for token in batch.drain(..) {
            if let Some(source) = self.get(token) {
                source.ready(Ready::READABLE, buffer);
            }
        }
        let mut again = self.again.borrow_mut();
        if again.is_empty() {
            *again = batch;
        }
    }

    /// Tells the source that the event is for. Returns false if there is none.
    #[inline]
    pub(crate) fn dispatch(&self, event: &Event, buffer: &mut ReadBuffer) -> bool {
        let Some(source) = self.get(event.token()) else {
            return false;
        };
        source.ready(Ready::of(event), buffer);
        true
    }

    #[inline]
    fn get(&self, token: Token) -> Option<Rc<dyn Source>> {
        let slots = self.slots.borrow_mut();
        let slot = slots.get(index(token))?;
        (slot.generation == generation(token)).then(|| slot.source.clone())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.borrow().is_empty()
    }

    /// The number of the connection that this token names, if it names one.
    pub(crate) fn connection(&self, token: Token) -> Option<ConnectionId> {
        Some(self.get(token)?.stream()?.id())
    }

    /// What is registered at this place, or at the first one behind it where there is anything.
    pub(crate) fn next_from(&self, place: usize) -> Option<(usize, Rc<dyn Source>)> {
        let slots = self.slots.borrow();
        let mut rest = place..slots.capacity();
        rest.find_map(|place| Some((place, slots.get(place)?.source.clone())))
    }

    /// Everything that is registered now.
    pub(crate) fn all(&self) -> Vec<Rc<dyn Source>> {
        let slots = self.slots.borrow();
        slots.iter().map(|(_, slot)| slot.source.clone()).collect()
    }
}

/// The lower bits of a token, its index: a million sources where a word has 32 bits.
const INDEX_BITS: u32 = if usize::BITS < 64 { 20 } else { 32 };
const INDICES: usize = (1 << INDEX_BITS) - 1;
/// The upper bits, but for one: no token looks like one of the reactor's own. A generation may come
/// again after as many sources. Only the events of one pass are told apart by it.
const GENERATIONS: usize = usize::MAX >> (INDEX_BITS + 1);

fn index(token: Token) -> usize {
    token.0 & INDICES
}

fn generation(token: Token) -> usize {
    token.0 >> INDEX_BITS
}
