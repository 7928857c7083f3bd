//! The names of mailboxes: LIST, LSUB, STATUS, CREATE, DELETE, RENAME, SUBSCRIBE.

use std::collections::BTreeMap;

use imap_codec::imap_types::mailbox::{ListMailbox, Mailbox as Name};
use imap_codec::imap_types::status::StatusDataItemName;
use mail_store::{Flags, Mailbox, Message, Store, StoreError, User};

use crate::answer::Answer;
use crate::session::Session;
use crate::text;

/// The name of a mailbox, as the store wants it. What is not text is no name there.
pub(crate) fn name(wanted: &Name<'_>) -> String {
    match wanted {
        Name::Inbox => "INBOX".into(),
        Name::Other(other) => String::from_utf8_lossy(other.as_ref()).into_owned(),
    }
}

impl Session {
    fn on_names(
        &mut self,
        act: impl FnOnce(&Store, &User) -> Result<(), StoreError>,
        done: &'static str,
    ) -> Answer {
        match &self.user {
            None => Answer::bad("say who you are first"),
            Some(user) => match act(&self.service.store, user) {
                Ok(()) => Answer::ok(done),
                Err(error) => error.into(),
            },
        }
    }

    pub(crate) fn create(&mut self, mailbox: &Name<'_>) -> Answer {
        let name = name(mailbox);
        self.on_names(|store, user| store.create_mailbox(user, &name), "created")
    }

    pub(crate) fn delete(&mut self, mailbox: &Name<'_>) -> Answer {
        let name = name(mailbox);
        self.on_names(|store, user| store.delete_mailbox(user, &name), "deleted")
    }

    pub(crate) fn rename(&mut self, from: &Name<'_>, to: &Name<'_>) -> Answer {
        let (from, to) = (name(from), name(to));
        self.on_names(
            |store, user| store.rename_mailbox(user, &from, &to),
            "renamed",
        )
    }

    pub(crate) fn subscribe(&mut self, mailbox: &Name<'_>, is_on: bool) -> Answer {
        let name = name(mailbox);
        self.on_names(|store, user| store.subscribe(user, &name, is_on), "noted")
    }

    /// LIST and LSUB. A name that only stands above others is shown as one that cannot be selected.
    pub(crate) fn list(
        &mut self,
        command: &str,
        reference: &Name<'_>,
        pattern: &ListMailbox<'_>,
        out: &mut Vec<u8>,
    ) -> Answer {
        let Some(user) = &self.user else {
            return Answer::bad("say who you are first");
        };
        let pattern: &[u8] = match pattern {
            ListMailbox::Token(token) => token.as_ref(),
            ListMailbox::String(string) => string.as_ref(),
        };
        if pattern.is_empty() {
            // RFC 3501 6.3.8: asks for the separator.
            text::write(out, format_args!("* {command} (\\Noselect) \".\" \"\"\r\n"));
            return Answer::ok("that is all");
        }
        let names = match command {
            "LSUB" => self.service.store.subscriptions(user),
            _ => self.service.store.mailboxes(user),
        };
        let names = match names {
            Ok(names) => names,
            Err(error) => return error.into(),
        };
        let reference = match reference {
            Name::Inbox => "INBOX".into(),
            other => name(other),
        };
        let pattern = [reference.as_bytes(), pattern].concat();
        let mut shown: BTreeMap<&str, bool> = BTreeMap::new();
        for name in &names {
            for (at, _) in name.match_indices(Store::SEPARATOR) {
                shown.entry(&name[..at]).or_insert(false);
            }
            shown.insert(name, true);
        }
        for (name, exists) in shown {
            // LSUB shows what stands above a name if the pattern ends there (RFC 3501 6.3.9).
            if matches(&pattern, name.as_bytes()) && (exists || pattern.ends_with(b"%")) {
                let attributes = if exists { "" } else { "\\Noselect" };
                text::write(out, format_args!("* {command} ({attributes}) \".\" "));
                text::string(out, name.as_bytes());
                out.extend_from_slice(b"\r\n");
            }
        }
        Answer::ok("that is all")
    }

    pub(crate) fn status(
        &mut self,
        wanted: &Name<'_>,
        items: &[StatusDataItemName],
        out: &mut Vec<u8>,
    ) -> Answer {
        let Some(user) = &self.user else {
            return Answer::bad("say who you are first");
        };
        let name = name(wanted);
        let mailbox = match self.service.store.mailbox(user, &name) {
            Ok(mailbox) => mailbox,
            Err(error) => return error.into(),
        };
        let mut values = Vec::new();
        for item in items {
            values.push(match value(&mailbox, item) {
                Some((name, value)) => format!("{name} {value}"),
                None => return Answer::bad("this server does not know that item"),
            });
        }
        out.extend_from_slice(b"* STATUS ");
        text::string(out, mailbox.name().as_bytes());
        text::write(out, format_args!(" ({})\r\n", values.join(" ")));
        Answer::ok("that is all")
    }
}

fn value(mailbox: &Mailbox, item: &StatusDataItemName) -> Option<(&'static str, u64)> {
    let count = |is: &dyn Fn(&Message) -> bool| {
        let found = mailbox.messages().iter().filter(|message| is(message));
        found.count() as u64
    };
    Some(match item {
        StatusDataItemName::Messages => ("MESSAGES", count(&|_| true)),
        StatusDataItemName::Recent => ("RECENT", count(&|message| message.is_new())),
        StatusDataItemName::UidNext => ("UIDNEXT", mailbox.uid_next().into()),
        StatusDataItemName::UidValidity => ("UIDVALIDITY", mailbox.uid_validity().into()),
        StatusDataItemName::Unseen => (
            "UNSEEN",
            count(&|message| !message.flags().contains(Flags::SEEN)),
        ),
        _ => return None,
    })
}

/// Whether a name is what a pattern means: `*` is anything, `%` anything within a level. INBOX is the same in letters of any
/// case.
///
/// The time it takes is the product of both lengths, however many wildcards there are: a set of places in the pattern moves
/// along the name.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let is_inbox = name == b"INBOX";
    let mut places = vec![false; pattern.len() + 1];
    places[0] = true;
    skip_wildcards(pattern, &mut places);
    for byte in name {
        let mut next = vec![false; pattern.len() + 1];
        for at in (0..pattern.len()).filter(|at| places[*at]) {
            match pattern[at] {
                b'*' => next[at] = true,
                b'%' => next[at] |= *byte != Store::SEPARATOR as u8,
                same if same == *byte || is_inbox && same.eq_ignore_ascii_case(byte) => {
                    next[at + 1] = true;
                }
                _ => {}
            }
        }
        skip_wildcards(pattern, &mut next);
        places = next;
    }
    places[pattern.len()]
}

/// A wildcard may also stand for nothing.
fn skip_wildcards(pattern: &[u8], places: &mut [bool]) {
    for at in 0..pattern.len() {
        if places[at] && matches!(pattern[at], b'*' | b'%') {
            places[at + 1] = true;
        }
    }
}
