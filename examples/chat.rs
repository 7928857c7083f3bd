//! Everyone sees what everyone writes.
//!
//! ```text
//! cargo run --release --example chat
//! nc 127.0.0.1 8011        # in two terminals or more
//! ```
//!
//! The first line of each member is a name. A slow reader delays no other: what it has not read yet
//! is kept for it, up to 1 MiB, and beyond that it is thrown out. All members together have 64 MiB: if
//! that is not enough, the one who reads least is thrown out.
//!
//! A program that stops or is replaced sends all of them away, and does not wait for the end of a drain: they
//! meet again in the next one, and would not hear each other in two.

mod support;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use retwist::protocols::{Framed, LineReceiver, LineTransport, Lines};
use retwist::{Address, Clock, Factory, IntoProtocol, Reason};

const HELP: &str = "
Everyone who is connected sees what everyone writes. The first line is a name. A member who lets more
than 1 MiB wait is thrown out; so is the slowest one if all members together let more than 64 MiB wait.
A name has to come within a minute, and the rest of a line that has begun, too. When the program stops or is
replaced, all hear \"! the server stops\" and may come again.

Usage: chat [ENDPOINT...]

ENDPOINT   where to listen (default: tcp:8011:interface=127.0.0.1)
";

/// How many bytes may wait for one member, and for all of them.
const PATIENCE: usize = 1024 * 1024;
const PATIENCE_WITH_ALL: usize = 64 * PATIENCE;

/// How many bytes are said in one turn. Who speaks then is heard in the next one.
const MOST_PER_TURN: usize = 64 * 1024;

/// How long a name may take, or a line.
const LIMIT: Duration = Duration::from_secs(60);

/// How many bytes a name may have.
const LONGEST_NAME: usize = 16;

/// The room, and the factory of those who enter it: who is there, by name, and what has been said in
/// this turn of the loop.
struct Room {
    /// The transports are weak: the room keeps no connection alive.
    members: RefCell<BTreeMap<String, LineTransport>>,
    said: RefCell<String>,
    /// Those who speak in the next turn.
    waiting: RefCell<Vec<LineTransport>>,
    clock: Clock,
}

impl Factory for Room {
    fn build_protocol(self: &Rc<Self>, _: &Address) -> impl IntoProtocol {
        let member = Member {
            room: self.clone(),
            name: None,
        };
        Framed::new(Lines::delimited_by(b"\n").limit(4096), member).frame_timeout(LIMIT)
    }
}

impl Room {
    /// Tells everyone, at the end of this turn.
    fn tell(self: &Rc<Self>, message: &str) {
        let mut said = self.said.borrow_mut();
        if said.is_empty() {
            let room = self.clone();
            self.clock.call_soon(move || room.send());
        }
        said.push_str(message);
        said.push_str("\r\n");
    }

    /// Whether so much has been said in this turn that the next speaker waits.
    fn is_loud(&self) -> bool {
        self.said.borrow().len() > MOST_PER_TURN
    }

    /// Sends what was said, except to members who have not yet taken what was said in earlier turns.
    fn send(&self) {
        let said = self.said.take();
        let mut pending = Vec::new();
        for (name, transport) in &*self.members.borrow() {
            if transport.buffered() > PATIENCE {
                throw_out(name, transport);
            } else {
                transport.write(said.as_bytes());
                pending.push((transport.buffered(), name.clone(), transport.clone()));
            }
        }
        let mut sum: usize = pending.iter().map(|(bytes, ..)| bytes).sum();
        if sum > PATIENCE_WITH_ALL {
            pending.sort_by_key(|(bytes, ..)| *bytes);
            while let Some((bytes, name, transport)) = pending.pop_if(|_| sum > PATIENCE_WITH_ALL) {
                throw_out(&name, &transport);
                sum -= bytes;
            }
        }
        for speaker in self.waiting.take() {
            speaker.resume_producing();
        }
    }
}

fn throw_out(name: &str, transport: &LineTransport) {
    log::warn!("{name} does not read and is thrown out");
    transport.abort_connection();
}

struct Member {
    room: Rc<Room>,
    /// `None` until the member has said it.
    name: Option<String>,
}

impl Member {
    /// Takes the name, or says what is wrong with it.
    fn enter(&mut self, transport: &LineTransport, name: &str) -> Result<(), &'static str> {
        if !(1..=LONGEST_NAME).contains(&name.len()) || !name.chars().all(char::is_alphanumeric) {
            return Err("A name has 1 to 16 letters and digits. What is yours?");
        }
        let mut members = self.room.members.borrow_mut();
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
        transport.call_later(LIMIT, self, |member, transport| {
            if member.name.is_none() {
                transport.lose_connection();
            }
        });
    }

    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        if self.room.is_loud() {
            // The line is given back, and comes again in the next turn.
            transport.pause_producing();
            transport.set_line_mode(&[line, b"\n"].concat());
            return self.room.waiting.borrow_mut().push(transport.clone());
        }
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

    fn shutting_down(&mut self, transport: &LineTransport) {
        // What was said before, this member hears too.
        self.room.send();
        transport.send_line("! the server stops\r");
        transport.lose_connection();
    }

    fn connection_lost(&mut self, _: &Reason) {
        if let Some(name) = &self.name {
            self.room.members.borrow_mut().remove(name);
            self.room.tell(&format!("* {name} has left"));
        }
    }
}

fn main() -> ExitCode {
    support::main(HELP, |reactor, arguments| {
        let room = Rc::new(Room {
            members: RefCell::default(),
            said: RefCell::default(),
            waiting: RefCell::default(),
            clock: reactor.clock().clone(),
        });
        for endpoint in support::servers(arguments, "tcp:8011:interface=127.0.0.1")? {
            support::listen(reactor, &endpoint, support::patient(room.clone()))?;
        }
        Ok(())
    })
}
