use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

use retwist_reactor::{ProducerKind, Protocol, Reason, TransportRef};

/// One of two protocols, each of which sends on the other's connection what comes on its own.
///
/// Whichever is connected first reads nothing until the other one is; then each side is held back
/// by what the other one takes. An end of input is passed on as such, so that a request can be
/// closed before its answer comes; when one connection ends, so does the other, after what it has
/// still to send. If one is never connected and dropped, such as when connecting failed, the other
/// is closed.
///
/// ```
/// use retwist_protocols::Relay;
/// use retwist_reactor::{Address, Protocol};
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
    /// Which of the two.
    this: usize,
    read_lost: bool,
    write_lost: bool,
}

#[derive(Default)]
struct Pair {
    ends: RefCell<[Option<TransportRef>; 2]>,
    /// One of them has ended, or will never be connected.
    over: Cell<bool>,
}

impl Relay {
    /// Two that belong together.
    pub fn pair() -> (Relay, Relay) {
        let pair = Rc::new(Pair::default());
        let relay = |this| Relay {
            pair: pair.clone(),
            this,
            read_lost: false,
            write_lost: false,
        };
        (relay(0), relay(1))
    }

    fn other(&self) -> Option<TransportRef> {
        self.pair.ends.borrow()[1 - self.this].clone()
    }

    /// This is where this end is now: joined with the other one, if that is somewhere.
    fn sits_on(&self, transport: &TransportRef) {
        if self.pair.over.get() {
            return transport.lose_connection();
        }
        self.pair.ends.borrow_mut()[self.this] = Some(transport.clone());
        let Some(other) = self.other() else {
            return transport.pause_producing();
        };
        for (from, to) in [(transport, &other), (&other, transport)] {
            to.unregister_producer();
            if let Err(error) = to.register_producer(from.clone(), ProducerKind::Push) {
                log::warn!("a relay cannot hold back its peer: {error}");
            }
            from.resume_producing();
        }
    }

    fn close_if_done(&self, transport: &TransportRef) {
        if self.read_lost && self.write_lost {
            transport.lose_connection();
        }
    }

    fn end(&self) {
        if self.pair.over.replace(true) {
            return;
        }
        if let Some(other) = self.other() {
            other.unregister_producer();
            other.lose_connection();
        }
        self.pair.ends.take();
    }
}

impl Protocol for Relay {
    fn connection_made(&mut self, transport: &TransportRef) {
        self.sits_on(transport);
    }

    fn transport_switched(&mut self, transport: &TransportRef) {
        self.sits_on(transport);
    }

    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        if let Some(other) = self.other() {
            other.write(data);
        }
    }

    fn read_connection_lost(&mut self, transport: &TransportRef) {
        self.read_lost = true;
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

    fn connection_lost(&mut self, _: &Reason) {
        self.end();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.end();
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
