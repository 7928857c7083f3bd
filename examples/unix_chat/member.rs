//! A member: says what is typed, and shows what it hears and gets.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use retwist::protocols::{Framed, LineReceiver, LineTransport, Lines};
use retwist::{DescriptorStream, ProtocolRef, ReactorHandle, Reason, UnixDescriptors, error_chain};
use rustix::fs::OFlags;

use crate::room::clean;
use crate::support::client::Outcome;
use crate::support::say;

struct Member {
    name: String,
    reactor: ReactorHandle,
    outcome: Outcome,
    state: State,
}

/// How far the member has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Nameless,
    /// It has said its name, and the room has yet to say that it has come.
    Named,
    Present,
}

/// The protocol of a member that is called so.
pub(crate) fn protocol(name: String, reactor: ReactorHandle, outcome: Outcome) -> ProtocolRef {
    let member = Member {
        name,
        reactor,
        outcome,
        state: State::Nameless,
    };
    Framed::new(Lines::delimited_by(b"\n").limit(8192), member).into()
}

impl Member {
    fn give_up(&self, transport: &LineTransport, why: &str) {
        log::error!("{why}");
        self.outcome.fail();
        transport.lose_connection();
    }

    /// From now on, what is typed is said.
    fn listen_to_keyboard(&self, transport: &LineTransport) {
        let keyboard = Keyboard {
            chat: transport.clone(),
        };
        let keyboard = Framed::new(Lines::delimited_by(b"\n").limit(4000), keyboard);
        let input = io::stdin().as_fd().try_clone_to_owned();
        let opened = input.map_err(|error| error.to_string()).and_then(|input| {
            let stream = DescriptorStream::reading(input).name("standard input");
            let opened = self.reactor.open_descriptors(stream, keyboard);
            opened.map_err(|error| error_chain(&error))
        });
        if let Err(why) = opened {
            self.give_up(transport, &format!("cannot read standard input: {why}"));
        }
    }
}

impl LineReceiver for Member {
    fn connection_made(&mut self, transport: &LineTransport) {
        match UnixDescriptors::of(transport) {
            Some(descriptors) => descriptors.accept(64),
            None => self.give_up(
                transport,
                "files go over UNIX sockets alone: join by unix:PATH",
            ),
        }
    }

    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        let line = clean(line);
        if line.starts_with("? ") {
            if self.state != State::Nameless {
                return self.give_up(transport, &line);
            }
            self.state = State::Named;
            return transport.send_line(&self.name);
        }
        say(&line);
        if self.state == State::Named && line == format!("* {} has come", self.name) {
            self.state = State::Present;
            self.listen_to_keyboard(transport);
        }
        let sent = line
            .strip_prefix("* ")
            .and_then(|news| news.split_once(" sends "));
        if let (Some((_, name)), Some(descriptors)) = (sent, UnixDescriptors::of(transport))
            && let Some(file) = descriptors.take()
        {
            match look_into(file) {
                Ok(found) => say(&format!("  {name}: {found}")),
                Err(error) => say(&format!("  {name} cannot be read: {error}")),
            }
        }
    }
}

/// The size of a file, and its first line. What comes from another may be anything, also a pipe that
/// would never end: only files are read, and not much of them.
fn look_into(file: OwnedFd) -> io::Result<String> {
    let file = File::from(file);
    let about = file.metadata()?;
    if !about.is_file() {
        return Ok("no regular file".to_owned());
    }
    let mut start = [0; 80];
    let count = file.read_at(&mut start, 0)?;
    let line = start[..count].split(|byte| *byte == b'\n').next();
    let line = clean(line.unwrap_or_default());
    Ok(format!("{} bytes, begins with {line:?}", about.len()))
}

/// What is typed.
struct Keyboard {
    chat: LineTransport,
}

impl Keyboard {
    /// Hands over the file: the open one, so that the others need not be able to open it.
    fn send(&self, path: &Path) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let line = format!("/send {name}\n");
        // A FIFO must not hold up the program until it has a writer.
        let mut options = File::options();
        options.custom_flags(OFlags::NONBLOCK.bits() as i32);
        let passed = options.read(true).open(path).map(|file| {
            UnixDescriptors::of(&self.chat)
                .map(|descriptors| descriptors.write(line.as_bytes(), [file.into()]))
        });
        match passed {
            Ok(Some(Ok(())) | None) => {}
            Ok(Some(Err(error))) => say(&format!("! {}", error_chain(&error))),
            Err(error) => say(&format!("! {} cannot be opened: {error}", path.display())),
        }
    }
}

impl LineReceiver for Keyboard {
    fn line_received(&mut self, _: &LineTransport, line: &[u8]) {
        match line.strip_prefix(b"/send ") {
            Some(path) => self.send(Path::new(String::from_utf8_lossy(path).trim())),
            None => self.chat.send_line(line),
        }
    }

    fn connection_lost(&mut self, _: &Reason) {
        self.chat.lose_connection();
    }
}
