//! The room: it passes on what is said, and the files.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use retwist::protocols::{Framed, LineReceiver, LineTransport, Lines};
use retwist::{Address, Factory, IntoProtocol, NotPassed, Reason, UnixDescriptors, error_chain};

/// How many bytes may wait for one member before it is thrown out.
const PATIENCE: usize = 1024 * 1024;

/// How many files a member may hand over before their lines have come.
const FILES_AHEAD: usize = 4;

/// Who is there, by name.
pub(crate) struct Room {
    /// The transports are weak: the room keeps no connection alive.
    members: RefCell<BTreeMap<String, LineTransport>>,
}

/// Says what is wrong with a name.
pub(crate) fn check_name(name: &str) -> Result<(), &'static str> {
    if (1..=16).contains(&name.len()) && name.chars().all(char::is_alphanumeric) {
        return Ok(());
    }
    Err("a name has 1 to 16 letters and digits")
}

/// Makes a line of text that is safe to print.
pub(crate) fn clean(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line);
    line.trim_end().replace(char::is_control, " ")
}

impl Room {
    pub(crate) fn new() -> Rc<Room> {
        Rc::new(Room {
            members: RefCell::default(),
        })
    }

    fn tell(&self, message: &str) {
        for (name, transport) in &*self.members.borrow() {
            if has_patience(name, transport) {
                transport.send_line(message);
            }
        }
    }

    /// Hands a copy of the descriptor to each member but the one that it comes from.
    fn hand_over(&self, from: &str, message: &str, file: &OwnedFd) {
        for (name, transport) in &*self.members.borrow() {
            if name == from || !has_patience(name, transport) {
                continue;
            }
            let Some(descriptors) = UnixDescriptors::of(transport) else {
                transport.send_line(format!("{message}, which only comes over UNIX sockets"));
                continue;
            };
            let copy = match file.as_fd().try_clone_to_owned() {
                Ok(copy) => copy,
                Err(error) => {
                    log::error!("the file for {name} cannot be copied: {error}");
                    continue;
                }
            };
            let line = format!("{message}\n");
            if let Err(refused) = descriptors.write(line.as_bytes(), [copy]) {
                throw_out(name, transport, &refused);
            }
        }
    }
}

fn has_patience(name: &str, transport: &LineTransport) -> bool {
    let is_slow = transport.buffered() > PATIENCE;
    if is_slow {
        log::warn!("{name} does not read and is thrown out");
        transport.abort_connection();
    }
    !is_slow
}

/// A member that takes no more files takes nothing else either.
fn throw_out(name: &str, transport: &LineTransport, refused: &NotPassed) {
    log::warn!("{name} is thrown out: {}", error_chain(refused));
    transport.abort_connection();
}

impl Factory for Room {
    fn build_protocol(self: &Rc<Self>, _: &Address) -> impl IntoProtocol {
        let guest = Guest {
            room: self.clone(),
            name: None,
        };
        Framed::new(Lines::delimited_by(b"\n").limit(4096), guest)
    }
}

/// A member, as the room knows it.
struct Guest {
    room: Rc<Room>,
    /// `None` until the member has said it.
    name: Option<String>,
}

impl Guest {
    fn enter(&mut self, transport: &LineTransport, name: &str) -> Result<(), &'static str> {
        check_name(name)?;
        let mut members = self.room.members.borrow_mut();
        if members.contains_key(name) {
            return Err("that name is taken");
        }
        members.insert(name.to_owned(), transport.clone());
        self.name = Some(name.to_owned());
        Ok(())
    }

    /// The file came with the line, or before it.
    fn send(&self, transport: &LineTransport, name: &str, file: &str) {
        match UnixDescriptors::of(transport).and_then(|descriptors| descriptors.take()) {
            Some(open) => {
                let message = format!("* {name} sends {file}");
                self.room.hand_over(name, &message, &open);
            }
            None => transport.send_line("! no file came with that line"),
        }
    }
}

impl LineReceiver for Guest {
    fn connection_made(&mut self, transport: &LineTransport) {
        if let Some(descriptors) = UnixDescriptors::of(transport) {
            descriptors.accept(FILES_AHEAD);
        }
        transport.send_line("? your name");
    }

    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        let line = clean(line);
        match &self.name {
            Some(name) => match line.strip_prefix("/send ") {
                Some(file) => self.send(transport, name, file),
                None if line.is_empty() => {}
                None => self.room.tell(&format!("<{name}> {line}")),
            },
            None => match self.enter(transport, &line) {
                Ok(()) => self.room.tell(&format!("* {line} has come")),
                Err(mistake) => transport.send_line(format!("? another name: {mistake}")),
            },
        }
    }

    /// Members meet again in the next room: those of two would not hear each other. So no member waits here
    /// for the end of a drain.
    fn shutting_down(&mut self, transport: &LineTransport) {
        transport.send_line("! the server stops");
        transport.lose_connection();
    }

    fn connection_lost(&mut self, reason: &Reason) {
        if let Some(name) = &self.name {
            log::info!("{name}: {}", error_chain(reason));
            self.room.members.borrow_mut().remove(name);
            self.room.tell(&format!("* {name} has left"));
        }
    }
}
