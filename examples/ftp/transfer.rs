//! A transfer that is under way, and what the client says meanwhile.

use std::cell::Cell;
use std::rc::Rc;

use retwist::ReactorHandle;
use retwist::protocols::{LineTransport, TimeoutLayer};

use crate::data::{Passive, Work};

/// The transfer that a session has begun last.
pub(crate) struct Transfer {
    passive: Passive,
    notes: Rc<Notes>,
}

/// What its report looks at, and notes.
#[derive(Default)]
struct Notes {
    over: Cell<bool>,
    aborted: Cell<bool>,
    /// The client says nothing more on the control connection, but hears how it went.
    input_ended: Cell<bool>,
    /// The server stops.
    last: Cell<bool>,
}

/// Says on a control connection that the server stops, and ends it.
pub(crate) fn leave(control: &LineTransport) {
    control.send_line("421 the server stops");
    control.lose_connection();
}

impl Transfer {
    /// Begins it. When it is over, the client hears on `control` how it went, and is listened to
    /// again if it was not meanwhile.
    pub(crate) fn begin(
        passive: Passive,
        work: Work,
        reactor: &ReactorHandle,
        control: &LineTransport,
    ) -> Self {
        control.send_line("150 here it comes");
        // It is not its fault if it is silent meanwhile.
        let timeout = TimeoutLayer::of(control);
        let idle = timeout.as_ref().and_then(|timeout| timeout.set_idle(None));
        let notes = Rc::<Notes>::default();
        let (noted, control) = (notes.clone(), control.clone());
        passive.start(reactor, work, move |answer| {
            noted.over.set(true);
            control.send_line(answer);
            if noted.aborted.get() {
                control.send_line("226 it was");
            }
            if let Some(timeout) = timeout {
                timeout.set_idle(idle);
            }
            if noted.last.get() {
                leave(&control);
            } else if noted.input_ended.get() {
                control.lose_connection();
            } else {
                control.resume_producing();
            }
        });
        Transfer { passive, notes }
    }

    pub(crate) fn is_running(&self) -> bool {
        !self.notes.over.get()
    }

    /// Ends it here; false if that has been done.
    pub(crate) fn abort(&self) -> bool {
        let first = !self.notes.aborted.replace(true);
        if first {
            self.passive.abort();
        }
        first
    }

    /// The server stops when it is over. If its client has not connected yet, it never will: the port is closed.
    pub(crate) fn is_last(&self) {
        self.notes.last.set(true);
        self.passive.end_if_alone();
    }

    /// The client has ended its side of the control connection.
    pub(crate) fn input_ended(&self) {
        self.notes.input_ended.set(true);
    }
}
