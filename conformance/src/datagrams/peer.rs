use std::cell::RefCell;
use std::rc::Rc;

use retwist_reactor::{Address, DatagramProtocol, DatagramTransport, Reason, SendFailure};

/// What a protocol of datagrams was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// `start_protocol`.
    Started,
    /// `datagram_received`: the bytes, and from where.
    Received(Vec<u8>, Address),
    /// `datagram_cut`: the first bytes of a longer one.
    Cut(Vec<u8>),
    /// `connection_refused`.
    Refused,
    /// `send_failed`: the kind of error, and how many datagrams it stands for.
    Failed(String, usize),
    /// `can_send_again`.
    CanSendAgain,
    /// `shutting_down`.
    ShuttingDown,
    /// `stop_protocol`: the kind of reason.
    Stopped(String),
}

/// What a case knows of a protocol: a handle, whose clones are the same peer.
#[derive(Clone, Default)]
pub struct Peer {
    seen: Rc<RefCell<Seen>>,
}

#[derive(Default)]
struct Seen {
    events: Vec<Event>,
    transport: Option<DatagramTransport>,
}

type Reaction = Box<dyn FnMut(&DatagramTransport, &Event)>;

/// The protocol of a [`Peer`].
pub struct Actor {
    peer: Peer,
    react: Reaction,
    busy: bool,
}

impl Peer {
    /// One that was told nothing.
    pub fn new() -> Self {
        Peer::default()
    }

    /// A protocol that only notes.
    pub fn quiet(&self) -> Actor {
        self.reacting(|_, _| {})
    }

    /// A protocol that notes, and then does this.
    pub fn reacting(&self, react: impl FnMut(&DatagramTransport, &Event) + 'static) -> Actor {
        Actor {
            peer: self.clone(),
            react: Box::new(react),
            busy: false,
        }
    }

    /// A protocol that sends back what it receives.
    pub fn echoing(&self) -> Actor {
        self.reacting(|transport, event| {
            if let Event::Received(data, from) = event {
                transport.send_to(data, from);
            }
        })
    }

    /// All that it was told, in order.
    pub fn events(&self) -> Vec<Event> {
        self.seen.borrow().events.clone()
    }

    /// Returns how many times it was told such a thing.
    pub fn count(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        let seen = self.seen.borrow();
        seen.events.iter().filter(|event| wanted(event)).count()
    }

    /// Whether it was told this.
    pub fn has(&self, event: &Event) -> bool {
        self.count(|seen| seen == event) > 0
    }

    /// The datagrams that it has received, in order.
    pub fn received(&self) -> Vec<Vec<u8>> {
        let seen = self.seen.borrow();
        let datagrams = seen.events.iter().filter_map(|event| match event {
            Event::Received(data, _) => Some(data.clone()),
            _ => None,
        });
        datagrams.collect()
    }

    /// Whether it has been told to stop, now or before.
    pub fn is_stopped(&self) -> bool {
        self.count(|event| matches!(event, Event::Stopped(_))) > 0
    }

    /// The transport that it was handed last.
    ///
    /// # Panics
    /// Panics if it was not started yet.
    #[track_caller]
    pub fn transport(&self) -> DatagramTransport {
        let transport = self.seen.borrow().transport.clone();
        transport.expect("it has been started")
    }
}

impl Actor {
    fn note(&mut self, transport: Option<&DatagramTransport>, event: Event) {
        assert!(!self.busy, "{event:?} in another callback");
        self.busy = true;
        let mut seen = self.peer.seen.borrow_mut();
        seen.events.push(event.clone());
        if let Some(transport) = transport {
            seen.transport = Some(transport.clone());
        }
        drop(seen);
        if let Some(transport) = transport {
            (self.react)(transport, &event);
        }
        self.busy = false;
    }
}

impl DatagramProtocol for Actor {
    fn start_protocol(&mut self, transport: &DatagramTransport) {
        self.note(Some(transport), Event::Started);
    }

    fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], from: &Address) {
        self.note(
            Some(transport),
            Event::Received(data.to_vec(), from.clone()),
        );
    }

    fn datagram_cut(&mut self, transport: &DatagramTransport, start: &[u8], _: &Address) {
        self.note(Some(transport), Event::Cut(start.to_vec()));
    }

    fn connection_refused(&mut self, transport: &DatagramTransport) {
        self.note(Some(transport), Event::Refused);
    }

    fn send_failed(&mut self, transport: &DatagramTransport, failure: &SendFailure) {
        let error = format!("{:?}", failure.error);
        let kind = error.split(['(', ' ']).next().unwrap_or_default();
        self.note(
            Some(transport),
            Event::Failed(kind.to_owned(), failure.count),
        );
    }

    fn can_send_again(&mut self, transport: &DatagramTransport) {
        self.note(Some(transport), Event::CanSendAgain);
    }

    fn shutting_down(&mut self, transport: &DatagramTransport) {
        self.note(Some(transport), Event::ShuttingDown);
        transport.stop_listening();
    }

    fn stop_protocol(&mut self, reason: &Reason) {
        let reason = format!("{reason:?}");
        let kind = reason.split('(').next().unwrap_or_default();
        self.note(None, Event::Stopped(kind.to_owned()));
    }
}
