//! The TRANSACTION state.

use std::fmt::Write;

use retwist::protocols::{FileSendError, FileSender, LineTransport};

use super::Session;
use crate::command::Command;
use crate::maildrop::{Entry, refusal};
use crate::text::Text;

const NO_MESSAGE: &str = "-ERR there is no such message";

impl Session {
    pub(super) fn transaction(&mut self, transport: &LineTransport, command: Command<'_>) {
        let Some(open) = &mut self.open else {
            return;
        };
        let maildrop = &mut open.maildrop;
        match command {
            Command::Stat => {
                let (count, bytes) = maildrop.total();
                transport.send_line(format!("+OK {count} {bytes}"));
            }
            Command::List(which) => self.list(transport, which, |entry| entry.size.to_string()),
            Command::UniqueIds(which) => {
                self.list(transport, which, |entry| entry.unique_id.to_string());
            }
            Command::Retrieve(number) => self.retrieve(transport, number, None),
            Command::Top(number, lines) => self.retrieve(transport, number, Some(lines)),
            Command::Delete(number) => transport.send_line(if maildrop.delete(number) {
                "+OK it goes at QUIT"
            } else {
                NO_MESSAGE
            }),
            Command::Reset => {
                maildrop.reset();
                transport.send_line("+OK all of them stay");
            }
            Command::Noop => transport.send_line("+OK nothing done"),
            _ => transport.send_line("-ERR you have logged in already"),
        }
    }

    /// LIST and UIDL, which differ in what they say about a message.
    fn list(
        &mut self,
        transport: &LineTransport,
        which: Option<usize>,
        about: impl Fn(&Entry) -> String,
    ) {
        let Some(open) = &self.open else {
            return;
        };
        if let Some(number) = which {
            return match open.maildrop.get(number) {
                Some(entry) => transport.send_line(format!("+OK {number} {}", about(entry))),
                None => transport.send_line(NO_MESSAGE),
            };
        }
        let mut list = String::from("+OK here they are\r\n");
        for (number, entry) in open.maildrop.iter() {
            let _ = write!(list, "{number} {}\r\n", about(entry));
        }
        list.push_str(".\r\n");
        // One list may be long, and so the client gets no second one before it has taken this one.
        transport.pause_producing();
        transport.write(list.as_bytes());
        transport.after_sent(self, |_, transport| transport.resume_producing());
    }

    /// RETR and TOP.
    fn retrieve(&mut self, transport: &LineTransport, number: usize, lines: Option<usize>) {
        let found = self
            .open
            .as_ref()
            .and_then(|open| open.maildrop.get(number));
        let Some((uid, size)) = found.map(|entry| (entry.uid, entry.size)) else {
            return transport.send_line(NO_MESSAGE);
        };
        let read = move |mailbox: &mut mail_store::Mailbox| mailbox.read(uid);
        self.with_mailbox(
            transport,
            read,
            move |session, transport, file| match file {
                Ok(file) => {
                    transport.send_line(format!("+OK {size} bytes"));
                    session.send(transport, Text::new(file, lines));
                }
                Err(error) => transport.send_line(refusal(&error)),
            },
        );
    }

    /// Sends a message as fast as the client takes it, and reads no command meanwhile.
    fn send(&mut self, transport: &LineTransport, text: Text<std::fs::File>) {
        let me = transport.me(self);
        let sender = FileSender::new(text, move |outcome| {
            me.call(move |_, transport| sent(transport, &outcome));
        });
        match sender.begin(transport) {
            Ok(()) => transport.pause_producing(),
            Err(error) => {
                log::error!("{}: {error}", transport.peer());
                transport.abort_connection();
            }
        }
    }

    pub(super) fn quit(&mut self, transport: &LineTransport) {
        let deleted = self.open.as_ref().map(|open| open.maildrop.deleted());
        let deleted = deleted.unwrap_or_default();
        if deleted.is_empty() {
            transport.send_line("+OK goodbye");
            return transport.lose_connection();
        }
        let remove = move |mailbox: &mut mail_store::Mailbox| mailbox.remove(&deleted);
        self.with_mailbox(transport, remove, |_, transport, removed| {
            transport.send_line(match removed {
                Ok(()) => "+OK they are gone, goodbye",
                Err(_) => "-ERR [SYS/TEMP] some deleted messages are still there",
            });
            transport.lose_connection();
        });
    }
}

/// A message has been sent, or part of it: then nothing but the end of the connection says so.
fn sent(transport: &LineTransport, outcome: &Result<u64, FileSendError>) {
    match outcome {
        Ok(_) => transport.resume_producing(),
        Err(error) => {
            log::error!("{}: {error}", transport.peer());
            transport.abort_connection();
        }
    }
}
