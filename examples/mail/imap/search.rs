//! SEARCH: a job of which each step is a message.

use std::collections::VecDeque;
use std::time::SystemTime;

use imap_codec::imap_types::core::{Charset, Vec1};
use imap_codec::imap_types::search::SearchKey;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use mail_store::StoreError;

use crate::answer::Answer;
use crate::criteria::{Depth, Subject, Test};
use crate::job::{Job, Step};
use crate::mime;
use crate::selected::Selected;
use crate::session::Session;
use crate::text::write;
use crate::view::Entry;

impl Session {
    pub(crate) fn search(
        &mut self,
        charset: Option<&Charset<'_>>,
        criteria: &Vec1<SearchKey<'_>>,
        is_uid: bool,
    ) -> Answer {
        let name = charset.map(|charset| match charset {
            Charset::Atom(atom) => atom.inner().to_ascii_uppercase(),
            Charset::Quoted(quoted) => quoted.inner().to_ascii_uppercase(),
        });
        if name.is_some_and(|name| !matches!(&*name, "US-ASCII" | "UTF-8")) {
            return Answer::no(
                "[BADCHARSET (US-ASCII UTF-8)] this server does not know that charset",
            );
        }
        let Some(selected) = &self.selected else {
            return Answer::bad("select a mailbox first");
        };
        let keys: Option<Vec<Test>> = criteria
            .as_ref()
            .iter()
            .map(|key| Test::new(key, &selected.view))
            .collect();
        let Some(keys) = keys else {
            return Answer::bad("there is no such message");
        };
        Answer::Job(Box::new(Search {
            uids: selected
                .view
                .entries()
                .iter()
                .map(|entry| entry.uid)
                .collect(),
            depth: keys.iter().map(Test::depth).max().unwrap_or(Depth::View),
            key: Test::And(keys),
            is_uid,
            found: Vec::new(),
        }))
    }
}

struct Search {
    uids: VecDeque<u32>,
    key: Test,
    depth: Depth,
    is_uid: bool,
    found: Vec<u32>,
}

impl Job for Search {
    fn step(&mut self, session: &mut Session, out: &mut Vec<u8>) -> Step {
        let Some(selected) = &mut session.selected else {
            return Step::Done(Answer::bad("select a mailbox first"));
        };
        for _ in 0..if self.depth == Depth::View { 1000 } else { 1 } {
            let Some(uid) = self.uids.pop_front() else {
                out.extend_from_slice(b"* SEARCH");
                for number in &self.found {
                    write(out, format_args!(" {number}"));
                }
                out.extend_from_slice(b"\r\n");
                return Step::Done(Answer::ok("done"));
            };
            let Some((number, entry)) = selected.view.find(uid) else {
                continue;
            };
            let entry = *entry;
            let number = if self.is_uid {
                uid
            } else {
                u32::try_from(number).unwrap_or(u32::MAX)
            };
            match look(selected, &entry, &self.key, self.depth) {
                Ok(true) => self.found.push(number),
                Ok(false) | Err(StoreError::NoSuchMessage) => {}
                Err(error) => return Step::Done(error.into()),
            }
        }
        Step::More
    }
}

/// Looks at what is known of a message anyway, and only if that does not decide at its text.
fn look(
    selected: &mut Selected,
    entry: &Entry,
    key: &Test,
    depth: Depth,
) -> Result<bool, StoreError> {
    let date = if key.needs_date() {
        selected.mailbox.date(entry.uid)?
    } else {
        SystemTime::UNIX_EPOCH
    };
    let stored = selected.mailbox.message(entry.uid);
    let stored = stored.ok_or(StoreError::NoSuchMessage)?;
    let mut subject = Subject {
        entry,
        size: stored.size(),
        flags: stored.flags(),
        received: day(date),
        text: None,
    };
    if let Some(is_met) = key.is_met(&subject) {
        return Ok(is_met);
    }
    let mut file = selected.mailbox.read(entry.uid)?;
    let read = match depth {
        Depth::Body => mime::read(&mut file),
        Depth::View | Depth::Header => mime::read_header(&mut file),
    };
    let raw = read.map_err(|error| {
        log::error!("cannot read a message: {error}");
        StoreError::NoSuchMessage
    })?;
    let message = mime::parse(&raw);
    subject.text = Some((&raw, message.as_ref()));
    Ok(key.is_met(&subject).unwrap_or(false))
}

/// The day of a time, in UTC, as INTERNALDATE shows it.
fn day(time: SystemTime) -> Date {
    let time = Timestamp::try_from(time).unwrap_or_default();
    time.to_zoned(TimeZone::UTC).date()
}
