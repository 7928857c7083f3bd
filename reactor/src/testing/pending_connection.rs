use std::cell::RefCell;
use std::fmt;
use std::rc::{Rc, Weak};

use crate::core::connector::{Attempt, ConnectOptions, Dialer, OwnedConnector};
use crate::{Clock, ConnectError, DelayedCall, TcpConnect};

/// A connection that code under test is making, over TCP or, with the options
/// [`UnixConnect`](crate::UnixConnect), to a UNIX socket. The
/// [`MemoryReactor`](super::MemoryReactor) owns it until it has an outcome.
pub struct PendingConnection<O = TcpConnect> {
    shared: Rc<Shared<O>>,
}

impl<O> Clone for PendingConnection<O> {
    fn clone(&self) -> Self {
        PendingConnection {
            shared: self.shared.clone(),
        }
    }
}

struct Shared<O> {
    options: O,
    clock: Clock,
    /// `None` once it is made, has failed or was cancelled.
    waiting: RefCell<Option<Waiting>>,
}

struct Waiting {
    connector: Rc<OwnedConnector>,
    timeout: DelayedCall,
}

impl<O> PendingConnection<O> {
    /// Returns how the code wants to connect.
    pub fn options(&self) -> &O {
        &self.shared.options
    }

    /// Whether it still waits for an outcome.
    pub fn is_pending(&self) -> bool {
        self.shared.waiting.borrow().is_some()
    }

    /// Makes it fail, in the next turn.
    pub fn fail(&self, error: ConnectError) {
        self.shared.fail(error);
    }

    /// Takes the connector out: the connection has its outcome.
    pub(super) fn take(&self) -> Option<Rc<OwnedConnector>> {
        self.shared.take()
    }
}

impl<O> Shared<O> {
    fn take(&self) -> Option<Rc<OwnedConnector>> {
        let waiting = self.waiting.take()?;
        waiting.timeout.cancel();
        Some(waiting.connector)
    }

    fn fail(&self, error: ConnectError) {
        if let Some(connector) = self.take() {
            self.clock.call_soon(move || connector.failed(&error));
        }
    }
}

/// What the connector keeps: the way to give up.
struct Canceller<O>(Weak<Shared<O>>);

impl<O> Attempt for Canceller<O> {
    fn cancel(&self) {
        if let Some(pending) = self.0.upgrade() {
            pending.fail(ConnectError::Cancelled);
        }
    }
}

/// Connects by leaving a [`PendingConnection`] with the reactor.
pub(super) struct MemoryDialer<O> {
    options: O,
    clock: Clock,
    dialled: Weak<RefCell<Vec<PendingConnection<O>>>>,
}

impl<O> MemoryDialer<O> {
    pub(super) fn new(
        options: O,
        clock: Clock,
        dialled: &Rc<RefCell<Vec<PendingConnection<O>>>>,
    ) -> Self {
        MemoryDialer {
            options,
            clock,
            dialled: Rc::downgrade(dialled),
        }
    }
}

impl<O: ConnectOptions> Dialer for MemoryDialer<O> {
    fn dial(&self, connector: &Rc<OwnedConnector>) -> Option<Rc<dyn Attempt>> {
        let dialled = self.dialled.upgrade()?;
        let shared = Rc::new(Shared {
            options: self.options.clone(),
            clock: self.clock.clone(),
            waiting: RefCell::default(),
        });
        let timed = Rc::downgrade(&shared);
        let timeout = self.clock.call_later(self.options.time_limit(), move || {
            if let Some(pending) = timed.upgrade() {
                pending.fail(ConnectError::TimedOut(pending.options.time_limit()));
            }
        });
        *shared.waiting.borrow_mut() = Some(Waiting {
            connector: connector.clone(),
            timeout,
        });
        let canceller = Canceller(Rc::downgrade(&shared));
        dialled.borrow_mut().push(PendingConnection { shared });
        Some(Rc::new(canceller))
    }
}

impl<O: fmt::Debug> fmt::Debug for PendingConnection<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingConnection")
            .field("options", self.options())
            .field("pending", &self.is_pending())
            .finish_non_exhaustive()
    }
}
