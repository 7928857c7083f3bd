//! APPEND: a message of any size on its way to the disk.

use std::time::{Duration, SystemTime};

use imap_codec::imap_types::command::{Command, CommandBody};
use imap_codec::imap_types::datetime::DateTime;
use mail_store::{Delivery, Mailbox};
use retwist::protocols::LineTransport;

use crate::answer::{Answer, to_target};
use crate::flags::to_flags;
use crate::folders::name;
use crate::input::Announced;
use crate::session::{Mode, Session};

/// The least number of bytes a second: who sends fewer loses the connection.
const LEAST_RATE: u64 = 4 << 10;
/// How long a message may take besides.
const TIME: Duration = Duration::from_secs(60);

/// A message that is being received.
pub(crate) struct Append {
    tag: String,
    missing: u64,
    target: Option<Mailbox>,
    /// Or why it will be refused when it has come.
    delivery: Result<Delivery, Answer>,
}

impl Session {
    /// All of the command but the message is there.
    pub(crate) fn begin_append(
        &mut self,
        transport: &LineTransport,
        command: Command<'_>,
        announced: Announced,
    ) {
        let tag = command.tag.inner().to_owned();
        let length = announced.length;
        let begun = match command.body {
            CommandBody::Append {
                mailbox,
                flags,
                date,
                ..
            } if length <= self.service.max_size => {
                let opened = self.open_target(&name(&mailbox));
                opened.and_then(|target| {
                    let delivery = target.deliver(Some(length)).map_err(to_target)?;
                    let delivery = delivery.flags(to_flags(&flags));
                    let delivery = match date {
                        Some(date) => delivery.date(time(&date)),
                        None => delivery,
                    };
                    Ok((target, delivery))
                })
            }
            _ => Err(Answer::no("[TOOBIG] the message is too large")),
        };
        let (target, delivery) = match begun {
            Ok((target, delivery)) => (Some(target), Ok(delivery)),
            // Neither is worth receiving: without an announcement that the client waits for, it would be on its way.
            Err(_)
                if announced.is_sent && (length > self.service.max_size || self.user.is_none()) =>
            {
                return self.bye(transport, "this message is not welcome");
            }
            Err(answer) if !announced.is_sent => {
                self.reset_input();
                return self.answer(transport, Vec::new(), &tag, answer, true);
            }
            Err(answer) => (None, Err(answer)),
        };
        self.reset_input();
        self.start_deadline(transport, TIME);
        if !announced.is_sent {
            transport.send_line("+ go on");
        }
        if length > 0 {
            transport.set_raw_mode();
        }
        self.mode = Mode::Append(Box::new(Append {
            tag,
            missing: length,
            target,
            delivery,
        }));
    }

    /// A mailbox that mail is to go to.
    pub(crate) fn open_target(&self, name: &str) -> Result<Mailbox, Answer> {
        match &self.user {
            None => Err(Answer::bad("say who you are first")),
            Some(user) => self.service.store.mailbox(user, name).map_err(to_target),
        }
    }

    /// The message is there, and the line ends behind it.
    pub(crate) fn end_append(&mut self, transport: &LineTransport, append: Append, line: &[u8]) {
        self.stop_deadline();
        let answer = match (append.delivery, append.target) {
            _ if !line.is_empty() => Answer::bad("there is text behind the message"),
            (Ok(delivery), Some(target)) => finish(delivery, target),
            (Err(answer), _) => answer,
            (Ok(_), None) => Answer::no("[SERVERBUG] there is no mailbox"),
        };
        self.answer(transport, Vec::new(), &append.tag, answer, true);
    }
}

fn finish(delivery: Delivery, mut target: Mailbox) -> Answer {
    let file_name = match delivery.finish() {
        Ok(file_name) => file_name,
        Err(error) => return to_target(error),
    };
    // The message is there, whether its number can be told now or not.
    match target.uid_of(&file_name) {
        Ok(uid) => Answer::ok(format!(
            "[APPENDUID {} {uid}] stored",
            target.uid_validity()
        )),
        Err(error) => {
            log::warn!("{error}");
            Answer::ok("stored")
        }
    }
}

impl Append {
    /// Takes bytes of the message. Returns how many belong to it, and how much time they are worth.
    pub(crate) fn take(&mut self, data: &[u8]) -> (usize, Duration) {
        let used =
            usize::try_from(self.missing).map_or(data.len(), |missing| missing.min(data.len()));
        self.missing -= used as u64;
        if let Ok(delivery) = &mut self.delivery {
            if data[..used].contains(&0) {
                // RFC 3501 9: CHAR8. The peer may be about to hide something from programs that end texts there.
                self.delivery = Err(Answer::bad("a message has no NUL"));
            } else if let Err(error) = delivery.write(&data[..used]) {
                self.delivery = Err(error.into());
            }
        }
        let time = Duration::from_micros(used as u64 * 1_000_000 / LEAST_RATE);
        (used, time)
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.missing == 0
    }
}

fn time(date: &DateTime) -> SystemTime {
    let seconds = date.as_ref().timestamp();
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    };
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}
