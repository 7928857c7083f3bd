use std::cell::RefCell;

use crate::AdoptError;

/// How the socket of a port of datagrams comes to be.
pub(crate) enum Origin<S> {
    /// The port makes it, each time that it is opened.
    Made,
    /// It was given, for the first time that the port is opened. A port has but one.
    Given(RefCell<Option<S>>),
}

impl<S> Origin<S> {
    /// The socket that was given; `None` if the port makes it.
    pub(crate) fn take(&self) -> Option<Result<S, AdoptError>> {
        match self {
            Origin::Made => None,
            Origin::Given(given) => Some(given.borrow_mut().take().ok_or(AdoptError::Closed)),
        }
    }
}
