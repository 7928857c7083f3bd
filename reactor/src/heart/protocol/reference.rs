use std::any::Any;
use std::fmt;
use std::rc::Rc;

use crate::heart::occupant::Occupant;
use crate::{Layer, Protocol, ProtocolHandle};

/// A protocol of any type, or a layer, that can be put on a transport. It remembers whether it has
/// ever been connected.
///
/// Made with `into()` from any [`Protocol`], [`ProtocolHandle`] or `Rc` of a [`Layer`]. Clones are
/// the same protocol.
#[derive(Clone)]
pub struct ProtocolRef(pub(crate) Occupant);

impl ProtocolRef {
    /// Whether both are the same protocol.
    pub fn ptr_eq(&self, other: &ProtocolRef) -> bool {
        self.0.ptr_eq(&other.0)
    }

    /// Whether it has heard `connection_made`, so that it hears `transport_switched` from a new
    /// transport.
    pub fn is_connected_before(&self) -> bool {
        self.0.is_connected_before()
    }

    /// The same protocol with its type; `None` if it is not a `P`.
    ///
    /// ```
    /// # use retwist_reactor as retwist;
    /// use retwist::{Protocol, ProtocolRef};
    ///
    /// struct Echo;
    /// impl Protocol for Echo {}
    ///
    /// let erased: ProtocolRef = Echo.into();
    /// assert!(erased.downcast::<Echo>().is_some());
    /// ```
    pub fn downcast<P: Protocol>(&self) -> Option<ProtocolHandle<P>> {
        let Occupant::Application(protocol) = &self.0 else {
            return None;
        };
        let protocol: Rc<dyn Any> = protocol.clone();
        protocol.downcast().ok().map(ProtocolHandle)
    }
}

impl<P: Protocol> From<P> for ProtocolRef {
    fn from(protocol: P) -> Self {
        ProtocolHandle::new(protocol).into()
    }
}

impl<P: Protocol> From<ProtocolHandle<P>> for ProtocolRef {
    fn from(handle: ProtocolHandle<P>) -> Self {
        ProtocolRef(Occupant::Application(handle.0))
    }
}

impl<P: Protocol> From<&ProtocolHandle<P>> for ProtocolRef {
    fn from(handle: &ProtocolHandle<P>) -> Self {
        handle.clone().into()
    }
}

impl<L: Layer> From<Rc<L>> for ProtocolRef {
    fn from(layer: Rc<L>) -> Self {
        ProtocolRef(Occupant::Layer(layer))
    }
}

impl fmt::Debug for ProtocolRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProtocolRef")
            .field("connected_before", &self.is_connected_before())
            .finish_non_exhaustive()
    }
}
