use std::time::Duration;

use retwist_reactor::{Clock, ProtocolRef};

use super::{Facts, How, Way};

/// A layer on both sides of a connection, or a pair of layers that belong together: what the suite
/// asks of a layer. [`Layered`] makes a [`Way`] of it, over any other.
///
/// ```
/// # use retwist_reactor as retwist;
/// use std::rc::Rc;
///
/// use retwist_conformance::streams::{How, Layering};
/// use retwist::{Channel, Layer, ProtocolRef, Seat};
///
/// /// Turns every bit that passes.
/// struct Inverted {
///     seat: Seat,
/// }
///
/// impl Channel for Inverted {
///     fn seat(&self) -> &Seat {
///         &self.seat
///     }
///
///     fn write(&self, data: &[u8]) {
///         let turned: Vec<u8> = data.iter().map(|byte| !byte).collect();
///         self.seat.with_lower(|lower| lower.write(&turned));
///     }
///
///     fn write_control(&self, data: &[u8]) {
///         let turned: Vec<u8> = data.iter().map(|byte| !byte).collect();
///         self.seat.with_lower(|lower| lower.write_control(&turned));
///     }
/// }
///
/// impl Layer for Inverted {
///     fn data_received(&self, data: &mut [u8]) {
///         data.iter_mut().for_each(|byte| *byte = !*byte);
///         self.seat.deliver(data);
///     }
/// }
///
/// /// What the suite runs over.
/// struct Inverting;
///
/// impl Layering for Inverting {
///     fn new(_: &How) -> Self {
///         Inverting
///     }
///
///     fn client(&self, above: ProtocolRef) -> ProtocolRef {
///         Rc::new_cyclic(|me| Inverted { seat: Seat::new(me, above) }).as_protocol()
///     }
/// }
/// # use retwist_conformance::streams::{cases, Kind, Layered, Memory};
/// # for case in cases().filter(|case| case.name().starts_with("delivery::")) {
/// #     case.run(Kind::of::<Layered<Inverting, Memory>>());
/// # }
/// ```
pub trait Layering: 'static {
    /// What its layers share, for the connections of one loop.
    fn new(how: &How) -> Self
    where
        Self: Sized;

    /// Puts the layer of the side that connects under this protocol, and returns it as the protocol
    /// for the transport below.
    fn client(&self, above: ProtocolRef) -> ProtocolRef;

    /// Puts the layer of the side that accepts under this protocol. By default, both sides have the
    /// same.
    fn server(&self, above: ProtocolRef) -> ProtocolRef {
        self.client(above)
    }

    /// What a connection with these layers does by its nature, over one that does what `below` says.
    fn facts(below: Facts) -> Facts
    where
        Self: Sized,
    {
        below
    }
}

/// The layers of `L`, on any way.
pub struct Layered<L, W> {
    // Its loop ends first.
    below: W,
    layering: L,
}

impl<L: Layering, W: Way> Way for Layered<L, W> {
    fn facts() -> Facts {
        L::facts(W::facts())
    }

    fn new(how: How) -> Self {
        Layered {
            layering: L::new(&how),
            below: W::new(how),
        }
    }

    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef) {
        let (client, server) = (self.layering.client(client), self.layering.server(server));
        self.below.connect(client, server);
    }

    fn pass(&self, wait: Duration) {
        self.below.pass(wait);
    }

    fn one_pass(&self) {
        self.below.one_pass();
    }

    fn clock(&self) -> Clock {
        self.below.clock()
    }
}
