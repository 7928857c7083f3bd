use std::rc::Rc;

use crate::heart::protocol::cell::{Dispatch, ErasedProtocol};
use crate::values::panic::catch_panic;
use crate::{Layer, Reason, TransportRef};

/// Who sits in a seat: an application's protocol, or a layer with a seat of its own.
#[derive(Clone)]
pub(crate) enum Occupant {
    Application(Rc<dyn ErasedProtocol>),
    Layer(Rc<dyn Layer>),
}

/// All that an occupant is told, except bytes.
#[derive(Clone, Copy)]
pub(crate) enum Event<'a> {
    Made,
    Switched,
    HandshakeCompleted,
    ReadLost,
    WriteLost,
    ShuttingDown,
    Lost(&'a Reason),
}

impl Occupant {
    /// It has been put in a seat, where this is its transport. A layer has to know at once, since
    /// the protocol above may write before the next turn.
    pub(crate) fn attached(&self, transport: &TransportRef) {
        match self {
            Occupant::Application(protocol) => {
                protocol.attached(transport, Rc::strong_count(protocol) > 1);
            }
            Occupant::Layer(layer) => layer.seat().set_lower(transport.clone()),
        }
    }

    /// Code outside gets a reference to it, and may call it: it has to know its transport.
    pub(crate) fn shared(&self, transport: &TransportRef) {
        if let Occupant::Application(protocol) = self {
            protocol.shared(transport);
        }
    }

    /// Whether it has heard `connection_made`.
    pub(crate) fn is_connected_before(&self) -> bool {
        match self {
            Occupant::Application(protocol) => protocol.connected_before().get(),
            Occupant::Layer(layer) => layer.seat().connected_before().get(),
        }
    }

    /// What it hears first from a new seat.
    pub(crate) fn introduction(&self) -> Event<'static> {
        let before = match self {
            Occupant::Application(protocol) => protocol.connected_before(),
            Occupant::Layer(layer) => layer.seat().connected_before(),
        };
        if before.replace(true) {
            Event::Switched
        } else {
            Event::Made
        }
    }

    /// Whether a call from outside is running in it, so that it cannot be told anything now. A
    /// layer never is: what it keeps is in cells.
    pub(crate) fn is_busy(&self) -> bool {
        match self {
            Occupant::Application(protocol) => protocol.is_busy(),
            Occupant::Layer(_) => false,
        }
    }

    pub(crate) fn tell(&self, event: Event<'_>, transport: &TransportRef) -> Dispatch {
        match self {
            Occupant::Application(protocol) => protocol.tell(event, transport),
            Occupant::Layer(layer) => run(&**layer, |layer| match event {
                Event::Made => layer.connection_made(),
                Event::Switched => {}
                Event::HandshakeCompleted => layer.handshake_completed(),
                Event::ReadLost => layer.read_connection_lost(),
                Event::WriteLost => layer.write_connection_lost(),
                Event::ShuttingDown => layer.shutting_down(),
                Event::Lost(reason) => lose(layer, reason),
            }),
        }
    }

    #[inline(always)]
    pub(crate) fn deliver(&self, data: &mut [u8], transport: &TransportRef) -> Dispatch {
        match self {
            Occupant::Application(protocol) => protocol.deliver(data, transport),
            Occupant::Layer(layer) => deliver_to(&**layer, data),
        }
    }

    /// The same, for bytes that are not the channel's own: a layer, which may change them, gets a
    /// copy.
    #[inline(always)]
    pub(crate) fn deliver_shared(&self, data: &[u8], transport: &TransportRef) -> Dispatch {
        match self {
            Occupant::Application(protocol) => protocol.deliver(data, transport),
            Occupant::Layer(layer) => deliver_to(&**layer, &mut data.to_vec()),
        }
    }

    pub(crate) fn ptr_eq(&self, other: &Occupant) -> bool {
        match (self, other) {
            (Occupant::Application(one), Occupant::Application(other)) => Rc::ptr_eq(one, other),
            (Occupant::Layer(one), Occupant::Layer(other)) => Rc::ptr_eq(one, other),
            _ => false,
        }
    }
}

#[inline(never)]
fn deliver_to(layer: &dyn Layer, data: &mut [u8]) -> Dispatch {
    run(layer, |layer| layer.data_received(data))
}

/// Tells the layer, and gives it its turn, in which it tells the protocol above and hands on what
/// that one writes. A panic is caught in each layer, and not once for the whole stack: so the seats
/// in between see their callback return, and the protocol at the top hears of the end.
fn run(layer: &dyn Layer, tell: impl FnOnce(&dyn Layer)) -> Dispatch {
    let outcome = catch_panic(|| {
        tell(layer);
        layer.turn();
    });
    match outcome {
        Ok(()) => Dispatch::Done,
        Err(message) => Dispatch::panicked(message),
    }
}

/// Whatever the layer makes of the end, the protocol above hears of it.
fn lose(layer: &dyn Layer, reason: &Reason) {
    if let Err(message) = catch_panic(|| layer.connection_lost(reason)) {
        log::error!("a layer panicked when its connection was lost: {message}");
    }
    layer.seat().lost(reason.clone());
    layer.seat().settle();
}
