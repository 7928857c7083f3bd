//! Everyone sees what everyone writes.
//!
//! ```text
//! cargo run --release --example chat
//! nc 127.0.0.1 8011        # in two terminals or more
//! ```
//!
//! Nobody waits for a slow reader. What he has not read yet is kept for him, up to 1 MiB; he is thrown out when it gets more.

mod support;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::rc::Rc;

use retwist::{Address, Protocol, Reason, TransportRef};

const HELP: &str = "
Everyone who is connected sees what everyone writes. Who lets more than 1 MiB wait is thrown out.

Usage: chat [ENDPOINT...]

ENDPOINT   where to listen; tcp:8011:interface=127.0.0.1 if none is given
";

/// How many bytes may wait for one member. More than the system's own buffers take on top of it, and far more than one turn can bring, so
/// that nobody who reads at all ever gets there.
const PATIENCE: usize = 1024 * 1024;

/// Who is there. The transports are weak: a room keeps nobody's connection alive.
#[derive(Default)]
struct Room {
    members: BTreeMap<u64, TransportRef>,
    last: u64,
}

impl Room {
    fn enter(&mut self, member: &TransportRef) -> u64 {
        self.last += 1;
        self.members.insert(self.last, member.clone());
        self.last
    }

    fn tell(&self, message: &[u8]) {
        for member in self.members.values() {
            member.write(message);
            if member.buffered() > PATIENCE {
                log::warn!("{} does not read and is thrown out", member.peer());
                member.abort_connection();
            }
        }
    }
}

struct Member {
    room: Rc<RefCell<Room>>,
    number: u64,
}

impl Protocol for Member {
    fn connection_made(&mut self, transport: &TransportRef) {
        self.number = self.room.borrow_mut().enter(transport);
    }

    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        // No transport's method calls a protocol, so nobody can enter or leave the room while it is borrowed.
        self.room.borrow().tell(data);
    }

    fn connection_lost(&mut self, _: &Reason) {
        self.room.borrow_mut().members.remove(&self.number);
    }
}

fn main() -> ExitCode {
    support::main(HELP, |reactor, arguments| {
        let room = Rc::new(RefCell::new(Room::default()));
        for endpoint in support::servers(arguments, "tcp:8011:interface=127.0.0.1")? {
            let room = room.clone();
            support::listen(reactor, &endpoint, move |_: &Address| Member {
                room: room.clone(),
                number: 0,
            })?;
        }
        Ok(())
    })
}
