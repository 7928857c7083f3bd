use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::rc::Rc;

use retwist_reactor::{Producer, ProducerKind, Protocol, Reason, TransportRef};

/// One of two protocols, each of which sends on the other's connection what its own receives.
///
/// The end that is connected first reads nothing until the other one is connected. Then each side
/// is read only as fast as the other one takes the bytes.
///
/// How one connection ends is how the other one ends:
/// - An end of input is passed on as such, so that a client can end its request before the answer
///   comes. When one connection is closed in order, so is the other, after its pending output.
/// - When one connection breaks (a reset, TLS that is cut off, a limit), the other one sends its
///   pending output and then [fails](retwist_reactor::Transport::fail_connection) with
///   [`RelayBroken`]. So the peer sees that what it has is not all: a reset on TCP, no close_notify
///   under TLS.
/// - The same happens to the first end if the other one is dropped without ever being connected, for
///   instance because connecting failed.
/// - When the reactor stops, a side whose input was not at its end yet is passed on as broken, too.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use retwist::protocols::Relay;
/// use retwist::{Address, Protocol};
///
/// /// The protocol for a client, if `connect` begins to connect the other one to a server.
/// fn forward(connect: impl FnOnce(Relay)) -> Relay {
///     let (inbound, outbound) = Relay::pair();
///     connect(outbound);
///     inbound
/// }
/// ```
#[doc(alias = "portforward")]
#[doc(alias = "ProxyServer")]
#[doc(alias = "ProxyClient")]
pub struct Relay {
    pair: Rc<Pair>,
    /// The index of this end in the pair.
    this: usize,
    write_lost: bool,
}

#[derive(Default)]
struct Pair {
    ends: RefCell<[Option<TransportRef>; 2]>,
    /// Which of them have received all that their peers send.
    read_lost: [Cell<bool>; 2],
    /// Set once one of them has ended, or will never be connected: `Some` error if it did not end in
    /// order.
    over: RefCell<Option<Result<(), RelayBroken>>>,
}

impl Relay {
    /// Two ends that belong together.
    pub fn pair() -> (Relay, Relay) {
        let pair = Rc::new(Pair::default());
        let relay = |this| Relay {
            pair: pair.clone(),
            this,
            write_lost: false,
        };
        (relay(0), relay(1))
    }

    fn other(&self) -> Option<TransportRef> {
        self.pair.ends.borrow()[1 - self.this].clone()
    }

    /// This end sits on `transport` now. Joins it with the other one, if that is connected.
    fn attach(&self, transport: &TransportRef) {
        if let Some(outcome) = &*self.pair.over.borrow() {
            return end(transport, outcome);
        }
        self.pair.ends.borrow_mut()[self.this] = Some(transport.clone());
        let Some(other) = self.other() else {
            return transport.pause_producing();
        };
        for (from, to) in [(transport, &other), (&other, transport)] {
            to.unregister_producer();
            let source = Rc::new(Source(from.clone()));
            if let Err(error) = to.register_producer(source, ProducerKind::Push) {
                log::warn!("a relay cannot hold back its peer: {error}");
            }
            from.resume_producing();
        }
    }

    fn close_if_done(&self, transport: &TransportRef) {
        if self.pair.read_lost[self.this].get() && self.write_lost {
            transport.lose_connection();
        }
    }

    /// This end is over; the other one ends in the same way.
    fn finish(&self, outcome: Result<(), RelayBroken>) {
        if self.pair.over.borrow().is_some() {
            return;
        }
        let other = self.other();
        self.pair.ends.take();
        if let Some(other) = other {
            end(&other, &outcome);
        }
        self.pair.over.replace(Some(outcome));
    }
}

/// One connection as the producer of what is written to the other one.
///
/// A transport is a producer itself. But when its consumer is lost it closes in order, before the
/// relay can say how that connection was lost.
struct Source(TransportRef);

impl Producer for Source {
    fn resume_producing(&self) {
        self.0.resume_producing();
    }

    fn pause_producing(&self) {
        self.0.pause_producing();
    }

    /// The end of the relay that has lost its connection hears of it next, and ends this one.
    fn stop_producing(&self) {}

    fn has_finished(&self) -> Option<bool> {
        self.0.has_finished()
    }
}

/// Ends a connection as the other one has ended.
fn end(transport: &TransportRef, outcome: &Result<(), RelayBroken>) {
    if !transport.is_connected() {
        return;
    }
    // Nothing more comes from the other side.
    transport.unregister_producer();
    match outcome {
        Ok(()) => transport.lose_connection(),
        Err(broken) => transport.fail_connection(Reason::failed(broken.clone())),
    }
}

impl Protocol for Relay {
    fn connection_made(&mut self, transport: &TransportRef) {
        self.attach(transport);
    }

    fn transport_switched(&mut self, transport: &TransportRef) {
        self.attach(transport);
    }

    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        if let Some(other) = self.other() {
            other.write(data);
        }
    }

    fn read_connection_lost(&mut self, transport: &TransportRef) {
        self.pair.read_lost[self.this].set(true);
        if let Some(other) = self.other() {
            other.unregister_producer();
            other.lose_write_connection();
        }
        self.close_if_done(transport);
    }

    fn write_connection_lost(&mut self, transport: &TransportRef) {
        self.write_lost = true;
        self.close_if_done(transport);
    }

    /// What is relayed ends by itself, as long as there is time.
    fn shutting_down(&mut self, transport: &TransportRef) {
        if transport.is_draining() {
            return;
        }
        let complete = self.pair.read_lost[1 - self.this].get();
        let broken = RelayBroken::Lost(Reason::ReactorStopped);
        end(transport, &if complete { Ok(()) } else { Err(broken) });
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.finish(match reason {
            Reason::Done => Ok(()),
            reason => Err(RelayBroken::Lost(reason.clone())),
        });
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.finish(Err(RelayBroken::NeverConnected));
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay")
            .field(
                "connected",
                &self.pair.ends.borrow().each_ref().map(Option::is_some),
            )
            .finish_non_exhaustive()
    }
}

/// The reason why a connection of a [`Relay`] was ended: the connection that it was joined with did not end in
/// order.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RelayBroken {
    /// The other connection was lost, for this reason.
    Lost(Reason),
    /// The other connection was never made.
    NeverConnected,
}

impl fmt::Display for RelayBroken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RelayBroken::Lost(_) => "the connection that this one was relayed to broke",
            RelayBroken::NeverConnected => {
                "the connection that this one was to be relayed to was never made"
            }
        })
    }
}

impl Error for RelayBroken {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            RelayBroken::Lost(reason) => Some(reason),
            RelayBroken::NeverConnected => None,
        }
    }
}
