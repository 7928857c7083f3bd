//! What tests of protocols have in common: cuts, addresses, and a protocol that listens.

use std::cell::RefCell;
use std::error::Error;
use std::rc::Rc;

use retwist_reactor::{Address, Protocol, Reason, TransportRef};

/// Sizes of the pieces that bytes arrive in: in the middle of everything, and all at once.
pub(crate) const CUTS: [usize; 7] = [1, 2, 3, 7, 64, 1000, usize::MAX];

pub(crate) fn address(text: &str) -> Address {
    let address: std::net::SocketAddr = text.parse().expect("a good address");
    address.into()
}

/// Says one thing, and keeps what it hears.
#[derive(Clone, Default)]
pub(crate) struct Ear {
    says: &'static [u8],
    transport: Rc<RefCell<Option<TransportRef>>>,
    pub(crate) heard: Rc<RefCell<Vec<u8>>>,
    pub(crate) lost: Rc<RefCell<Option<Reason>>>,
}

impl Ear {
    pub(crate) fn saying(says: &'static [u8]) -> Self {
        Ear {
            says,
            ..Ear::default()
        }
    }

    pub(crate) fn transport(&self) -> TransportRef {
        self.transport.borrow().clone().expect("it is connected")
    }

    pub(crate) fn is_made(&self) -> bool {
        self.transport.borrow().is_some()
    }

    /// Why it was lost, if it was for such an error.
    pub(crate) fn error<E: Error + Clone + 'static>(&self) -> Option<E> {
        self.lost.borrow().as_ref()?.downcast_ref().cloned()
    }
}

impl Protocol for Ear {
    fn connection_made(&mut self, transport: &TransportRef) {
        let before = self.transport.replace(Some(transport.clone()));
        assert!(before.is_none(), "it is made once");
        if !self.says.is_empty() {
            transport.write(self.says);
        }
    }

    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        self.heard.borrow_mut().extend(data);
    }

    fn connection_lost(&mut self, reason: &Reason) {
        let before = self.lost.replace(Some(reason.clone()));
        assert!(before.is_none(), "it is lost once");
    }
}
