//! How a command ends.

use std::borrow::Cow;

use mail_store::StoreError;
use retwist::error_chain;

use crate::job::Job;
use crate::text;

/// The tagged line, or what it takes to get there.
pub(crate) enum Answer {
    Ok(Cow<'static, str>),
    No(Cow<'static, str>),
    Bad(Cow<'static, str>),
    /// More than one turn's work.
    Job(Box<dyn Job>),
    /// The answer comes from elsewhere, or has been sent.
    Later,
}

impl Answer {
    pub(crate) fn ok(text: impl Into<Cow<'static, str>>) -> Self {
        Answer::Ok(text.into())
    }

    pub(crate) fn no(text: impl Into<Cow<'static, str>>) -> Self {
        Answer::No(text.into())
    }

    pub(crate) fn bad(text: impl Into<Cow<'static, str>>) -> Self {
        Answer::Bad(text.into())
    }

    pub(crate) fn write(&self, tag: &str, out: &mut Vec<u8>) {
        let (word, words) = match self {
            Answer::Ok(words) => ("OK", words),
            Answer::No(words) => ("NO", words),
            Answer::Bad(words) => ("BAD", words),
            Answer::Job(_) | Answer::Later => return,
        };
        text::write(out, format_args!("{tag} {word} {words}\r\n"));
    }
}

/// What the store did not do, with the codes of RFC 5530. The client reads no paths; the log has them.
impl From<StoreError> for Answer {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::BadName(_) => "[CANNOT] no mailbox can have this name",
            StoreError::NoSuchMailbox(_) => "[NONEXISTENT] there is no such mailbox",
            StoreError::MailboxExists(_) => "[ALREADYEXISTS] there is such a mailbox already",
            StoreError::IsInbox => "[CANNOT] INBOX cannot be deleted or replaced",
            StoreError::NoSuchMessage => "[EXPUNGEISSUED] the message has been removed",
            StoreError::TooLarge { .. } => "[TOOBIG] the message is too large",
            StoreError::Busy(_) => "[INUSE] another program has locked the mailbox: try again",
            StoreError::NoRoom(..) => "[OVERQUOTA] there is no room",
            StoreError::Denied(..) => "[NOPERM] the server has no permission",
            _ => "[SERVERBUG] the disk has failed",
        };
        if let StoreError::Busy(..)
        | StoreError::NoRoom(..)
        | StoreError::Denied(..)
        | StoreError::Disk(..) = error
        {
            log::error!("{}", error_chain(&error));
        }
        Answer::no(code)
    }
}

/// The same, for a mailbox that mail is to go to: the client may create it (RFC 3501 7.1).
pub(crate) fn to_target(error: StoreError) -> Answer {
    match error {
        StoreError::NoSuchMailbox(_) => Answer::no("[TRYCREATE] there is no such mailbox"),
        error => error.into(),
    }
}
