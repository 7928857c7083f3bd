use std::rc::Rc;

use super::child::Process;
use crate::stream::Owner;
use crate::{Protocol, ProtocolRef, Reason, TransportRef};

/// The protocol of one pipe of a child: passes on to the protocol of the process what the child
/// writes.
pub(crate) struct PipeEnd {
    process: Rc<Process>,
    descriptor: i32,
}

impl PipeEnd {
    /// The protocol of the pipe, and what hears that it is closed.
    pub(crate) fn of(process: &Rc<Process>, descriptor: i32) -> (ProtocolRef, Rc<dyn Owner>) {
        let end = PipeEnd {
            process: process.clone(),
            descriptor,
        };
        (end.into(), PipeOwner::of(process, descriptor))
    }
}

impl Protocol for PipeEnd {
    fn connection_made(&mut self, _: &TransportRef) {
        self.process.begin();
    }

    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        self.process.data(self.descriptor, data);
    }

    /// The child reads no more, and what is only written ends with it.
    fn write_connection_lost(&mut self, transport: &TransportRef) {
        transport.lose_connection();
    }

    /// The protocol of the process decides what is closed at the end of the reactor.
    fn shutting_down(&mut self, _: &TransportRef) {
        self.process.stop();
    }
}

/// What hears that a pipe is closed, whatever protocol sits on it by then.
pub(crate) struct PipeOwner {
    process: Rc<Process>,
    descriptor: i32,
}

impl PipeOwner {
    pub(crate) fn of(process: &Rc<Process>, descriptor: i32) -> Rc<dyn Owner> {
        Rc::new(PipeOwner {
            process: process.clone(),
            descriptor,
        })
    }
}

impl Owner for PipeOwner {
    fn stream_lost(&self, reason: &Reason) {
        self.process.pipe_lost(self.descriptor, reason);
    }
}
