use std::error::Error;
use std::fmt;

use super::Reply;
use crate::mail::MailError;

/// The server has taken a message for at least one of its recipients, and what came of each is known.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delivery {
    /// The outcome for each recipient, in the order of the message.
    pub recipients: Vec<RecipientReport>,
}

impl Delivery {
    /// Whether the server has taken the message for all recipients.
    pub fn is_complete(&self) -> bool {
        let mut all = self.recipients.iter();
        all.all(|recipient| matches!(recipient.fate, Fate::Sent(_)))
    }
}

/// `a@example.org: sent (250 2.0.0 queued), b@example.org: refused (550 5.1.1 unknown)`.
impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, &self.recipients)
    }
}

/// The outcome for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecipientReport {
    /// The address, as it was given.
    pub address: String,
    /// Whether the server has taken the message.
    pub fate: Fate,
}

/// Whether the server has taken a message for a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// The server has taken it, and has said so after the end of the message.
    Sent(Reply),
    /// The server has refused it.
    Refused(Reply),
    /// The end of the message was not sent, so the server has not taken it.
    NotSent,
    /// The end of the message was sent, and no answer came: the server may have taken it. If it is sent
    /// again, the recipient may get it twice.
    Unknown,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fate::Sent(reply) => write!(f, "sent ({reply})"),
            Fate::Refused(reply) => write!(f, "refused ({reply})"),
            Fate::NotSent => f.write_str("not sent"),
            Fate::Unknown => f.write_str("may have been taken"),
        }
    }
}

/// A message was not sent to any recipient, or it is not known whether it was.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SendError {
    /// Why.
    pub error: MailError,
    /// The outcome for each recipient. A server of LMTP may have taken the message for some of them.
    pub recipients: Vec<RecipientReport>,
}

impl SendError {
    /// Whether the server may have taken the message for a recipient although it has not said so.
    pub fn may_have_been_taken(&self) -> bool {
        let mut all = self.recipients.iter();
        all.any(|recipient| recipient.fate == Fate::Unknown)
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let taken = self.recipients.iter();
        let taken = taken.filter(|recipient| matches!(recipient.fate, Fate::Sent(_)));
        let taken = taken.count();
        if self.may_have_been_taken() {
            f.write_str("the message may have been taken: its end was sent, and no answer came")
        } else if taken > 0 {
            write!(f, "the message was taken for {taken} recipients only")
        } else {
            f.write_str("the message was not sent")
        }
    }
}

impl Error for SendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

fn list(f: &mut fmt::Formatter<'_>, recipients: &[RecipientReport]) -> fmt::Result {
    for (index, recipient) in recipients.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        write!(f, "{separator}{}: {}", recipient.address, recipient.fate)?;
    }
    Ok(())
}
