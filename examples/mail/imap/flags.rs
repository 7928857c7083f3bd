//! STORE: the flags of messages.

use imap_codec::imap_types::flag::{Flag, StoreResponse, StoreType};
use imap_codec::imap_types::sequence::SequenceSet;
use mail_store::Flags;

use crate::answer::Answer;
use crate::job::{Job, Step};
use crate::session::Session;
use crate::text;

/// The flags that are kept. Keywords are not, as PERMANENTFLAGS says.
pub(crate) fn to_flags(flags: &[Flag<'_>]) -> Flags {
    let known = flags.iter().filter_map(|flag| match flag {
        Flag::Answered => Some(Flags::ANSWERED),
        Flag::Deleted => Some(Flags::DELETED),
        Flag::Draft => Some(Flags::DRAFT),
        Flag::Flagged => Some(Flags::FLAGGED),
        Flag::Seen => Some(Flags::SEEN),
        Flag::Extension(_) | Flag::Keyword(_) => None,
    });
    known.collect()
}

impl Session {
    pub(crate) fn store(
        &mut self,
        set: &SequenceSet,
        kind: &StoreType,
        response: &StoreResponse,
        flags: &[Flag<'_>],
        is_uid: bool,
    ) -> Answer {
        let Some(selected) = &self.selected else {
            return Answer::bad("select a mailbox first");
        };
        if selected.is_read_only {
            return Answer::no("the mailbox is to be looked at only");
        }
        let Some(uids) = selected.view.resolve(set, is_uid) else {
            return Answer::bad("there is no such message");
        };
        Answer::Job(Box::new(Change {
            uids,
            at: 0,
            kind: *kind,
            flags: to_flags(flags),
            is_silent: *response == StoreResponse::Silent,
            is_uid,
            has_missed: false,
        }))
    }
}

/// Changes flags, a hundred messages in a step.
struct Change {
    uids: Vec<u32>,
    at: usize,
    kind: StoreType,
    flags: Flags,
    is_silent: bool,
    is_uid: bool,
    has_missed: bool,
}

impl Job for Change {
    fn step(&mut self, session: &mut Session, out: &mut Vec<u8>) -> Step {
        let Some(selected) = &mut session.selected else {
            return Step::Done(Answer::bad("select a mailbox first"));
        };
        let end = self.uids.len().min(self.at + 100);
        let uids = &self.uids[self.at..end];
        self.at = end;
        let (kind, flags) = (self.kind, self.flags);
        let changed = selected.mailbox.change_flags(uids, |before| match kind {
            StoreType::Replace => flags,
            StoreType::Add => before | flags,
            StoreType::Remove => before - flags,
        });
        if let Err(error) = changed {
            return Step::Done(error.into());
        }
        for uid in uids {
            let Some(after) = selected
                .mailbox
                .message(*uid)
                .map(|message| message.flags())
            else {
                self.has_missed = true;
                continue;
            };
            selected.view.told(*uid, after);
            if let Some((number, entry)) = selected.view.find(*uid)
                && !self.is_silent
            {
                text::write(out, format_args!("* {number} FETCH (FLAGS "));
                text::flags(out, after, entry.is_recent);
                if self.is_uid {
                    text::write(out, format_args!(" UID {uid}"));
                }
                out.extend_from_slice(b")\r\n");
            }
        }
        if self.at < self.uids.len() {
            return Step::More;
        }
        Step::Done(if self.has_missed {
            Answer::no("[EXPUNGEISSUED] some of the messages have been removed")
        } else {
            Answer::ok("done")
        })
    }
}
