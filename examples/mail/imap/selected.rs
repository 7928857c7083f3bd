//! SELECT, EXAMINE, CLOSE, EXPUNGE: one mailbox, and what the client knows of it.

use imap_codec::imap_types::mailbox::Mailbox as Name;
use imap_codec::imap_types::sequence::SequenceSet;
use mail_store::{Flags, Mailbox, StoreError};
use retwist::error_chain;

use crate::answer::Answer;
use crate::folders::name;
use crate::job::{Job, Step};
use crate::session::Session;
use crate::text::{self, ALL_FLAGS};
use crate::view::View;

pub(crate) struct Selected {
    pub(crate) mailbox: Mailbox,
    pub(crate) view: View,
    pub(crate) is_read_only: bool,
    /// As it was when the client selected the mailbox.
    uid_validity: u32,
}

impl Selected {
    /// Looks at the mailbox, and writes what is new to the client.
    fn follow(&mut self, may_expunge: bool, out: &mut Vec<u8>) -> Result<(), StoreError> {
        self.mailbox.refresh()?;
        // Where nothing may be changed, messages stay new for the next client.
        let recent = if self.is_read_only {
            let new = self.mailbox.messages().iter();
            let new = new.filter(|message| message.is_new());
            new.map(|message| message.uid()).collect()
        } else {
            self.mailbox.take_new()?
        };
        self.view.update(&self.mailbox, &recent, may_expunge, out);
        Ok(())
    }
}

impl Session {
    pub(crate) fn select(
        &mut self,
        wanted: &Name<'_>,
        is_read_only: bool,
        out: &mut Vec<u8>,
    ) -> Answer {
        // RFC 3501 6.3.1: if this fails, no mailbox is selected.
        self.selected = None;
        let Some(user) = &self.user else {
            return Answer::bad("say who you are first");
        };
        let mailbox = match self.service.store.mailbox(user, &name(wanted)) {
            Ok(mailbox) => mailbox,
            Err(error) => return error.into(),
        };
        let mut selected = Selected {
            uid_validity: mailbox.uid_validity(),
            mailbox,
            view: View::default(),
            is_read_only,
        };
        if let Err(error) = selected.follow(true, &mut Vec::new()) {
            return error.into();
        }
        let view = &selected.view;
        text::write(out, format_args!("* FLAGS ({ALL_FLAGS})\r\n"));
        text::write(out, format_args!("* {} EXISTS\r\n", view.count()));
        text::write(out, format_args!("* {} RECENT\r\n", view.recent()));
        let unseen = |entry: &crate::view::Entry| !entry.flags.contains(Flags::SEEN);
        if let Some(at) = view.entries().iter().position(unseen) {
            text::write(
                out,
                format_args!("* OK [UNSEEN {}] the first of them\r\n", at + 1),
            );
        }
        let kept = if is_read_only { "" } else { ALL_FLAGS };
        text::write(
            out,
            format_args!("* OK [PERMANENTFLAGS ({kept})] are kept\r\n"),
        );
        let (validity, next) = (selected.mailbox.uid_validity(), selected.mailbox.uid_next());
        text::write(
            out,
            format_args!("* OK [UIDVALIDITY {validity}] as long as it is\r\n"),
        );
        text::write(out, format_args!("* OK [UIDNEXT {next}] or more\r\n"));
        self.selected = Some(selected);
        Answer::ok(if is_read_only {
            "[READ-ONLY] to be looked at"
        } else {
            "[READ-WRITE] selected"
        })
    }

    /// Tells the client what other programs have done. An error is why the connection has to end.
    pub(crate) fn follow(
        &mut self,
        may_expunge: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        let Some(selected) = &mut self.selected else {
            return Ok(());
        };
        match selected.follow(may_expunge, out) {
            Ok(()) if selected.mailbox.uid_validity() != selected.uid_validity => {
                Err("the UIDs of the mailbox have changed")
            }
            Ok(()) => Ok(()),
            Err(StoreError::NoSuchMailbox(_)) => Err("the mailbox has been deleted"),
            Err(error) => {
                // The next command tries again.
                log::warn!("{}", error_chain(&error));
                Ok(())
            }
        }
    }

    /// EXPUNGE, and UID EXPUNGE (RFC 4315) with a set.
    pub(crate) fn expunge(&mut self, set: Option<&SequenceSet>) -> Answer {
        match self.deleted(set) {
            Ok(uids) => Answer::Job(Box::new(Expunge {
                uids,
                is_closing: false,
            })),
            Err(answer) => answer,
        }
    }

    /// CLOSE removes what is deleted, and says nothing of it (RFC 3501 6.4.2).
    pub(crate) fn close(&mut self) -> Answer {
        let is_read_only = self
            .selected
            .as_ref()
            .is_some_and(|selected| selected.is_read_only);
        let uids = if is_read_only {
            Vec::new()
        } else {
            self.deleted(None).unwrap_or_default()
        };
        Answer::Job(Box::new(Expunge {
            uids,
            is_closing: true,
        }))
    }

    /// The messages of a set, or of all, that have `\Deleted` now.
    fn deleted(&mut self, set: Option<&SequenceSet>) -> Result<Vec<u32>, Answer> {
        let Some(selected) = &mut self.selected else {
            return Err(Answer::bad("select a mailbox first"));
        };
        if selected.is_read_only {
            return Err(Answer::no("the mailbox is to be looked at only"));
        }
        selected.mailbox.refresh()?;
        let all = selected.view.entries().iter().map(|entry| entry.uid);
        let uids = match set {
            Some(set) => selected.view.resolve(set, true).unwrap_or_default(),
            None => all.collect(),
        };
        let is_deleted = |uid: &u32| {
            let message = selected.mailbox.message(*uid);
            message.is_some_and(|message| message.flags().contains(Flags::DELETED))
        };
        Ok(uids.into_iter().filter(is_deleted).collect())
    }
}

/// Removes messages, a hundred in a step.
struct Expunge {
    uids: Vec<u32>,
    is_closing: bool,
}

impl Job for Expunge {
    fn step(&mut self, session: &mut Session, _: &mut Vec<u8>) -> Step {
        let Some(selected) = &mut session.selected else {
            return Step::Done(Answer::ok("no mailbox is selected"));
        };
        let rest = self.uids.len().saturating_sub(100);
        if let Err(error) = selected.mailbox.remove(&self.uids.split_off(rest)) {
            return Step::Done(error.into());
        }
        if !self.uids.is_empty() {
            return Step::More;
        }
        if self.is_closing {
            session.selected = None;
        }
        Step::Done(Answer::ok("done"))
    }
}
