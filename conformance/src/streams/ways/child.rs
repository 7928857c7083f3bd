use std::cell::Cell;
use std::io;
use std::time::Duration;

use retwist_reactor::{
    Address, ChildDescriptor, Clock, DescriptorStream, Program, ProtocolRef, Reactor,
};

use super::Cut;
use crate::streams::{Ability, Facts, How, Way};

/// A child process as the peer: its standard input and output are the side that connects, and two more
/// pipes of it, which this process holds at their other ends, are the side that accepts. The child
/// copies each way by itself, and so passes on each half-close.
///
/// A child that is killed, as an abort does it, closes its pipes: that looks like a close.
pub struct Child {
    how: How,
    reactor: Reactor,
}

/// Each `cat` has the two descriptors that it copies between, and no other end of a pipe.
const RELAY: &str = "exec 5<&0 6>&1; \
    cat <&5 >&4 3<&- 4>&- 5<&- 6>&- & \
    exec cat <&3 >&6 3<&- 4>&- 5<&- 6>&-";

impl Way for Child {
    fn facts() -> Facts {
        Facts::new(8_000_000)
            .without(Ability::ShowBreak)
            .without(Ability::BreakAPause)
            .without(Ability::CountUnread)
            .without(Ability::NameEnds)
            .without(Ability::MoveTime)
    }

    fn new(how: How) -> Self {
        Child {
            how,
            reactor: Reactor::new().unwrap(),
        }
    }

    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef) {
        let (theirs_to_read, ours_to_write) = io::pipe().unwrap();
        let (ours_to_read, theirs_to_write) = io::pipe().unwrap();
        let program = Program::new("sh")
            .args(["-c", RELAY])
            .descriptor(3, ChildDescriptor::once(theirs_to_read))
            .descriptor(4, ChildDescriptor::once(theirs_to_write))
            .settings(self.how.client.clone());
        let client = Cell::new(Some(Cut::under(client, self.how.cut)));
        self.reactor
            .connect_process(program, move |_: &Address| client.take());
        let stream = DescriptorStream::pair(ours_to_read, ours_to_write)
            .name("child")
            .settings(self.how.server.clone());
        let server = Cut::under(server, self.how.cut);
        self.reactor.open_descriptors(stream, server).unwrap();
    }

    fn pass(&self, wait: Duration) {
        self.reactor.iterate(wait).unwrap();
    }

    fn one_pass(&self) {
        self.pass(Duration::ZERO);
    }

    fn clock(&self) -> Clock {
        self.reactor.clock().clone()
    }
}
