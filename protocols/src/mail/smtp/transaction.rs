use std::cell::Cell;
use std::rc::Rc;

use super::client::Done;
use super::{Body, Delivery, Extensions, Fate, Mail, RecipientReport, Reply, SendError};
use crate::mail::MailError;

/// One message on its way: the commands MAIL, RCPT and DATA, the text, and the server's last words.
///
/// It does no I/O. Invariants: a recipient is [`Fate::Sent`] only by a 2xx that came after the end of the
/// text; and once that end has been written, a recipient that the server has accepted and not answered
/// for is [`Fate::Unknown`].
pub(super) struct Transaction {
    recipients: Vec<(String, Option<Fate>)>,
    /// Which recipients the server has accepted, in their order; and of these, how many it has answered
    /// for after the end of the text.
    accepted: Vec<usize>,
    answered: usize,
    mail_command: String,
    /// How many commands have been sent and answered: MAIL, and then each recipient.
    sent: usize,
    replied: usize,
    /// The server has refused the sender, in these words.
    sender_refused: Option<Reply>,
    stage: Stage,
    body: Option<Body>,
    pipelining: bool,
    per_recipient: bool,
    /// The end of the text has been written.
    ended: Rc<Cell<bool>>,
    /// The server claims to have taken the message before it has seen its end.
    claimed: bool,
    done: Done<Delivery, SendError>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Envelope,
    Data,
    Body,
    End,
}

/// What the session does next.
pub(super) enum Next {
    /// Sends commands, and waits for replies.
    Commands,
    /// Sends DATA.
    Data,
    /// Sends the text.
    Body(Body),
    /// Waits for one more reply.
    Wait,
    /// The transaction is over. The server may still have its sender and recipients.
    Over,
    /// The server breaks the rules, and the session ends.
    Fail(MailError),
}

/// How many commands may wait for answers.
const WINDOW: usize = 100;

impl Transaction {
    pub(super) fn new(
        mail: Mail,
        extensions: &Extensions,
        lmtp: bool,
        done: Done<Delivery, SendError>,
    ) -> Self {
        let mail_command = mail.mail_command(extensions);
        Transaction {
            recipients: unanswered(mail.recipients),
            accepted: Vec::new(),
            answered: 0,
            mail_command,
            sent: 0,
            replied: 0,
            sender_refused: None,
            stage: Stage::Envelope,
            body: Some(mail.body),
            pipelining: extensions.pipelining,
            per_recipient: lmtp,
            ended: Rc::default(),
            claimed: false,
            done,
        }
    }

    pub(super) fn ended(&self) -> Rc<Cell<bool>> {
        self.ended.clone()
    }

    /// The name of the command that is to be answered next.
    pub(super) fn command(&self) -> &'static str {
        match self.stage {
            Stage::Envelope if self.replied == 0 => "MAIL",
            Stage::Envelope => "RCPT",
            Stage::Data => "DATA",
            Stage::Body => "the message",
            Stage::End => "the end of the message",
        }
    }

    /// The next command of the envelope that may be sent now.
    pub(super) fn next_command(&mut self) -> Option<String> {
        let window = if self.pipelining { WINDOW } else { 1 };
        let waiting = self.sent - self.replied;
        let refused = self.sender_refused.is_some();
        if waiting == window || refused || self.stage != Stage::Envelope {
            return None;
        }
        let command = match self.sent.checked_sub(1) {
            None => self.mail_command.clone(),
            Some(index) => format!("RCPT TO:<{}>", self.recipients.get(index)?.0),
        };
        self.sent += 1;
        Some(command)
    }

    pub(super) fn reply(&mut self, reply: Reply) -> Next {
        match self.stage {
            Stage::Envelope => self.envelope_reply(reply),
            Stage::Data if reply.code() == 354 => {
                self.stage = Stage::Body;
                match self.body.take() {
                    Some(body) => Next::Body(body),
                    None => Next::Over,
                }
            }
            Stage::Data if reply.is_negative() => {
                self.refuse_rest(&reply);
                Next::Over
            }
            // It refuses in mid-message, and what follows would be taken for commands.
            Stage::Body if reply.is_negative() => {
                self.refuse_rest(&reply);
                Next::Fail(reply.as_error("DATA"))
            }
            Stage::Data | Stage::Body => {
                self.claimed = self.stage == Stage::Body && reply.is_positive();
                Next::Fail(reply.as_error(self.command()))
            }
            Stage::End => self.last_word(reply),
        }
    }

    fn envelope_reply(&mut self, reply: Reply) -> Next {
        if self.sent == self.replied || !(reply.is_positive() || reply.is_negative()) {
            return Next::Fail(reply.as_error(self.command()));
        }
        match self.replied.checked_sub(1) {
            None if reply.is_negative() => self.sender_refused = Some(reply),
            None => {}
            Some(index) if reply.is_positive() => self.accepted.push(index),
            Some(index) => self.recipients[index].1 = Some(Fate::Refused(reply)),
        }
        self.replied += 1;
        if self.replied < self.sent {
            return Next::Commands;
        }
        if let Some(refused) = self.sender_refused.clone() {
            // What it says to recipients of a sender that it refuses is about the order of commands.
            for (_, fate) in &mut self.recipients {
                *fate = Some(Fate::Refused(refused.clone()));
            }
            return Next::Over;
        }
        if self.replied <= self.recipients.len() {
            Next::Commands
        } else if self.accepted.is_empty() {
            Next::Over
        } else {
            self.stage = Stage::Data;
            Next::Data
        }
    }

    fn last_word(&mut self, reply: Reply) -> Next {
        if !(reply.is_positive() || reply.is_negative()) {
            return Next::Fail(reply.as_error(self.command()));
        }
        let until = if self.per_recipient {
            self.answered + 1
        } else {
            self.accepted.len()
        };
        for &index in &self.accepted[self.answered..until] {
            self.recipients[index].1 = Some(if reply.is_positive() {
                Fate::Sent(reply.clone())
            } else {
                Fate::Refused(reply.clone())
            });
        }
        self.answered = until;
        if self.answered < self.accepted.len() {
            Next::Wait
        } else {
            Next::Over
        }
    }

    fn refuse_rest(&mut self, reply: &Reply) {
        for &index in &self.accepted[self.answered..] {
            self.recipients[index].1 = Some(Fate::Refused(reply.clone()));
        }
    }

    /// Some of the text has been written. Returns true if that was the end of it.
    pub(super) fn body_moved(&mut self) -> bool {
        if self.stage == Stage::Body && self.ended.get() {
            self.stage = Stage::End;
        }
        self.stage == Stage::End
    }

    /// Whether the text is being sent: the connection must not end as if it were complete.
    pub(super) fn is_in_body(&self) -> bool {
        self.stage == Stage::Body && !self.ended.get()
    }

    /// Whether a server that has ended the transaction may still have its sender and recipients.
    pub(super) fn leaves_remains(&self) -> bool {
        self.stage != Stage::End
    }

    /// Reports what came of it. `error`: why it does not go on, if it is not over.
    pub(super) fn finish(self, error: Option<MailError>) {
        let unanswered = if self.ended.get() || self.claimed {
            Fate::Unknown
        } else {
            Fate::NotSent
        };
        let accepted = self.accepted;
        let reports = self.recipients.into_iter().enumerate();
        let recipients = reports.map(|(index, (address, fate))| RecipientReport {
            address,
            fate: fate.unwrap_or_else(|| {
                if accepted.contains(&index) {
                    unanswered.clone()
                } else {
                    Fate::NotSent
                }
            }),
        });
        (self.done)(outcome(recipients.collect(), error));
    }
}

fn unanswered(addresses: Vec<String>) -> Vec<(String, Option<Fate>)> {
    addresses
        .into_iter()
        .map(|address| (address, None))
        .collect()
}

/// What a program is told: a delivery, if the server has answered for all, and taken it for one.
fn outcome(
    recipients: Vec<RecipientReport>,
    error: Option<MailError>,
) -> Result<Delivery, SendError> {
    if let Some(error) = error {
        return Err(SendError { error, recipients });
    }
    let mut refusal = None;
    for recipient in &recipients {
        match &recipient.fate {
            Fate::Sent(_) => return Ok(Delivery { recipients }),
            Fate::Refused(reply) => refusal = Some(reply.as_error("the message")),
            Fate::NotSent | Fate::Unknown => {}
        }
    }
    let error = refusal.unwrap_or(MailError::Ended);
    Err(SendError { error, recipients })
}

/// A message that never had its turn.
pub(super) fn not_sent(mail: Mail, error: MailError, done: Done<Delivery, SendError>) {
    let recipients = mail.recipients.into_iter().map(|address| RecipientReport {
        address,
        fate: Fate::NotSent,
    });
    done(Err(SendError {
        error,
        recipients: recipients.collect(),
    }));
}
