use std::cell::{Cell, RefCell};
use std::rc::Rc;

use retwist_reactor::{Protocol, ProtocolRef, Reason, TransportRef, WeakProtocol};

/// A side of a connection: its protocols record all that they hear, check the order, and react as a
/// case wants.
///
/// A peer is a handle: its clones are the same peer. It makes a protocol with
/// [`quiet`](Peer::quiet) or [`reacting`](Peer::reacting), which a [`World`](super::World) connects.
#[derive(Clone)]
pub struct Peer {
    shared: Rc<Shared>,
}

/// What a peer hears: a callback of its protocol.
pub enum Event<'a> {
    /// `connection_made`.
    Made,
    /// `transport_switched`.
    Switched,
    /// `data_received`, with these bytes.
    Data(&'a [u8]),
    /// `read_connection_lost`.
    ReadLost,
    /// `write_connection_lost`.
    WriteLost,
    /// `connection_lost`. The reason is that of [`Peer::reason`].
    Lost,
}

#[derive(Default)]
struct Shared {
    story: RefCell<Vec<String>>,
    received: RefCell<Vec<u8>>,
    transport: RefCell<Option<TransportRef>>,
    me: RefCell<WeakProtocol<Actor>>,
    reason: RefCell<Option<Reason>>,
    made: Cell<bool>,
    /// Rules of the order of callbacks that were broken.
    faults: RefCell<Vec<String>>,
    /// How many protocols made from this peer are alive.
    alive: Cell<usize>,
}

type Reaction = Box<dyn FnMut(&TransportRef, &Event<'_>)>;

/// The protocol of a [`Peer`].
pub struct Actor {
    shared: Rc<Shared>,
    keeps_open: bool,
    reaction: Reaction,
}

impl Peer {
    /// A peer without a reaction yet.
    #[allow(clippy::new_without_default, reason = "a peer is made on purpose")]
    pub fn new() -> Self {
        Peer {
            shared: Rc::default(),
        }
    }

    /// The protocol, without a reaction.
    pub fn quiet(&self) -> ProtocolRef {
        self.reacting(|_, _| ())
    }

    /// The protocol, which reacts like this.
    pub fn reacting(
        &self,
        reaction: impl FnMut(&TransportRef, &Event<'_>) + 'static,
    ) -> ProtocolRef {
        self.actor(false, Box::new(reaction))
    }

    /// The protocol, which reacts like this, and goes on writing when its peer sends no more.
    pub fn keeping_open(
        &self,
        reaction: impl FnMut(&TransportRef, &Event<'_>) + 'static,
    ) -> ProtocolRef {
        self.actor(true, Box::new(reaction))
    }

    /// The protocol, which sends back what it receives.
    pub fn echoing(&self) -> ProtocolRef {
        self.reacting(|transport, event| {
            if let Event::Data(data) = event {
                transport.write(data);
            }
        })
    }

    fn actor(&self, keeps_open: bool, reaction: Reaction) -> ProtocolRef {
        self.shared.alive.set(self.shared.alive.get() + 1);
        ProtocolRef::from(Actor {
            shared: self.shared.clone(),
            keeps_open,
            reaction,
        })
    }

    /// Returns what it has heard, in order, in words. Bytes that came one after the other are one word,
    /// however they were cut.
    pub fn story(&self) -> String {
        self.shared.story.borrow().join(" ")
    }

    /// All bytes that it has received.
    pub fn received(&self) -> Vec<u8> {
        self.shared.received.borrow().clone()
    }

    /// Returns how many bytes it has received.
    pub fn count(&self) -> usize {
        self.shared.received.borrow().len()
    }

    /// The transport that it was handed last.
    pub fn transport(&self) -> TransportRef {
        let transport = self.shared.transport.borrow().clone();
        transport.expect("a peer that has been connected")
    }

    /// Its protocol, as that names itself. Refers to nothing before it is connected.
    pub fn me(&self) -> WeakProtocol<Actor> {
        self.shared.me.borrow().clone()
    }

    /// Adds a word to what it has heard.
    pub fn note(&self, word: &str) {
        self.shared.hear(word);
    }

    /// Whether it has been connected.
    pub fn is_made(&self) -> bool {
        self.shared.made.get()
    }

    /// Whether it has heard that its connection is lost.
    pub fn is_over(&self) -> bool {
        self.shared.reason.borrow().is_some()
    }

    /// Returns why it has lost its connection.
    pub fn reason(&self) -> Reason {
        let reason = self.shared.reason.borrow().clone();
        reason.expect("a peer that has lost its connection")
    }

    /// Whether its protocol has been dropped.
    pub fn is_dropped(&self) -> bool {
        self.shared.alive.get() == 0
    }

    /// Whether both are handles of the same peer.
    pub fn is(&self, other: &Peer) -> bool {
        Rc::ptr_eq(&self.shared, &other.shared)
    }

    /// The rules of the order of callbacks that were broken.
    pub fn faults(&self) -> Vec<String> {
        self.shared.faults.borrow().clone()
    }
}

impl Shared {
    fn hear(&self, word: &str) {
        let over = self.reason.borrow().is_some();
        if over {
            self.faults
                .borrow_mut()
                .push(format!("{word} after the end"));
        }
        if word == "made" && self.made.replace(true) {
            self.faults.borrow_mut().push("made twice".to_owned());
        }
        if !self.made.get() && word != "lost" {
            self.faults.borrow_mut().push(format!("{word} before made"));
        }
        self.story.borrow_mut().push(word.to_owned());
    }

    fn hear_data(&self, data: &[u8]) {
        let text = String::from_utf8_lossy(data);
        let mut story = self.story.borrow_mut();
        if data.is_empty() {
            self.faults.borrow_mut().push("no bytes".to_owned());
        }
        match story.last_mut() {
            Some(last) if last.ends_with('\'') => {
                last.pop();
                last.push_str(&text);
                last.push('\'');
            }
            _ => {
                drop(story);
                self.hear(&format!("'{text}'"));
            }
        }
        self.received.borrow_mut().extend_from_slice(data);
    }
}

impl Actor {
    fn react(&mut self, transport: &TransportRef, event: &Event<'_>) {
        *self.shared.transport.borrow_mut() = Some(transport.clone());
        (self.reaction)(transport, event);
    }

    /// What a case calls through [`Peer::me`]: a method with the signature of a callback.
    pub fn note_call(&mut self, _: &TransportRef) {
        self.shared.hear("called");
    }
}

impl Protocol for Actor {
    fn connection_made(&mut self, transport: &TransportRef) {
        self.shared.hear("made");
        *self.shared.me.borrow_mut() = transport.me(self);
        self.react(transport, &Event::Made);
    }

    fn transport_switched(&mut self, transport: &TransportRef) {
        self.shared.hear("switched");
        self.react(transport, &Event::Switched);
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        self.shared.hear_data(data);
        self.react(transport, &Event::Data(data));
    }

    fn read_connection_lost(&mut self, transport: &TransportRef) {
        self.shared.hear("read-lost");
        self.react(transport, &Event::ReadLost);
        if !self.keeps_open {
            transport.lose_connection();
        }
    }

    fn write_connection_lost(&mut self, transport: &TransportRef) {
        self.shared.hear("write-lost");
        self.react(transport, &Event::WriteLost);
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.shared.hear("lost");
        *self.shared.reason.borrow_mut() = Some(reason.clone());
        let transport = self.shared.transport.borrow().clone();
        if let Some(transport) = transport {
            (self.reaction)(&transport, &Event::Lost);
        }
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        self.shared.alive.set(self.shared.alive.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use retwist_reactor::testing::RecordingTransport;

    use super::*;

    fn actor(peer: &Peer) -> Actor {
        Actor {
            shared: peer.shared.clone(),
            keeps_open: true,
            reaction: Box::new(|_, _| ()),
        }
    }

    #[test]
    fn callbacks_in_a_wrong_order_are_faults() {
        let recording = RecordingTransport::connect(Peer::new().quiet());
        let transport = recording.transport();
        let wrong: [fn(&mut Actor, &TransportRef); 5] = [
            |actor, transport| actor.data_received(transport, b"before it is made"),
            |actor, transport| {
                actor.connection_made(transport);
                actor.connection_made(transport);
            },
            |actor, transport| {
                actor.connection_made(transport);
                actor.connection_lost(&Reason::Done);
                actor.connection_lost(&Reason::Done);
            },
            |actor, transport| {
                actor.connection_made(transport);
                actor.connection_lost(&Reason::Done);
                actor.read_connection_lost(transport);
            },
            |actor, transport| {
                actor.connection_made(transport);
                actor.data_received(transport, b"");
            },
        ];
        for call in wrong {
            let peer = Peer::new();
            peer.shared.alive.set(1);
            call(&mut actor(&peer), &transport);
            assert_eq!(peer.faults().len(), 1, "{}", peer.story());
            assert!(peer.is_dropped());
        }
    }
}
