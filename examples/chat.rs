//! Everyone sees what everyone writes.
//!
//! ```text
//! cargo run --release --example chat
//! nc 127.0.0.1 8011        # in two terminals or more
//! ```
//!
//! The first line that somebody writes is his name. Nobody waits for a slow reader: what he has not
//! read yet is kept for him, up to 1 MiB, and when it gets more he is thrown out.

mod support;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::process::ExitCode;
use std::rc::Rc;

use retwist::protocols::{Framed, LineReceiver, LineTransport, Lines};
use retwist::{Address, Clock, Reason};

const HELP: &str = "
Everyone who is connected sees what everyone writes. The first line is a name. Who lets more than
1 MiB wait is thrown out.

Usage: chat [ENDPOINT...]

ENDPOINT   where to listen; tcp:8011:interface=127.0.0.1 if none is given
";

/// How many bytes may wait for one member.
const PATIENCE: usize = 1024 * 1024;

/// How many bytes a name may have.
const LONGEST_NAME: usize = 16;

/// Who is there, by name, and what has been said in this turn of the loop.
struct Room {
    /// The transports are weak: the room keeps nobody's connection alive.
    members: BTreeMap<String, LineTransport>,
    said: String,
    clock: Clock,
}

/// A room that all its members hold.
#[derive(Clone)]
struct RoomRef(Rc<RefCell<Room>>);

impl RoomRef {
    /// Has everyone told at the end of this turn.
    fn tell(&self, message: &str) {
        let mut room = self.0.borrow_mut();
        if room.said.is_empty() {
            let this = self.clone();
            room.clock.call_soon(move || this.0.borrow_mut().send());
        }
        room.said.push_str(message);
        room.said.push_str("\r\n");
    }
}

impl Room {
    /// Sends what was said, but not to those who have not yet taken what was said in earlier turns.
    fn send(&mut self) {
        for (name, transport) in &self.members {
            if transport.buffered() > PATIENCE {
                log::warn!("{name} does not read and is thrown out");
                transport.abort_connection();
            } else {
                transport.write(self.said.as_bytes());
            }
        }
        self.said.clear();
    }
}

struct Member {
    room: RoomRef,
    /// None before he has said it.
    name: Option<String>,
}

impl Member {
    /// Takes the name, or says what is wrong with it.
    fn enter(&mut self, transport: &LineTransport, name: &str) -> Result<(), &'static str> {
        if !(1..=LONGEST_NAME).contains(&name.len()) || !name.chars().all(char::is_alphanumeric) {
            return Err("A name has 1 to 16 letters and digits. What is yours?");
        }
        let members = &mut self.room.0.borrow_mut().members;
        match members.entry(name.to_owned()) {
            Entry::Occupied(_) => return Err("That name is taken. What else is yours?"),
            Entry::Vacant(place) => place.insert(transport.clone()),
        };
        self.name = Some(name.to_owned());
        Ok(())
    }
}

impl LineReceiver for Member {
    fn connection_made(&mut self, transport: &LineTransport) {
        transport.send_line("What is your name?\r");
    }

    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        // Not everything that can be sent to a terminal is meant to be read.
        let line = String::from_utf8_lossy(line).replace(char::is_control, " ");
        let line = line.trim_end();
        match &self.name {
            Some(_) if line.is_empty() => {}
            Some(name) => self.room.tell(&format!("<{name}> {line}")),
            None => match self.enter(transport, line) {
                Ok(()) => self.room.tell(&format!("* {line} has come")),
                Err(answer) => transport.send_line(format!("{answer}\r")),
            },
        }
    }

    fn connection_lost(&mut self, _: &Reason) {
        if let Some(name) = &self.name {
            self.room.0.borrow_mut().members.remove(name);
            self.room.tell(&format!("* {name} has left"));
        }
    }
}

fn main() -> ExitCode {
    support::main(HELP, |reactor, arguments| {
        let room = RoomRef(Rc::new(RefCell::new(Room {
            members: BTreeMap::new(),
            said: String::new(),
            clock: reactor.clock().clone(),
        })));
        for endpoint in support::servers(arguments, "tcp:8011:interface=127.0.0.1")? {
            let room = room.clone();
            support::listen(reactor, &endpoint, move |_: &Address| {
                let member = Member {
                    room: room.clone(),
                    name: None,
                };
                Framed::new(Lines::delimited_by(b"\n").limit(4096), member)
            })?;
        }
        Ok(())
    })
}
