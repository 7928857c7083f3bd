//! FETCH: a job of which each step is a message, or a piece of a body on its way from the disk.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::num::NonZeroU32;
use std::ops::Range;
use std::time::SystemTime;

use imap_codec::imap_types::IntoStatic;
use imap_codec::imap_types::fetch::{
    MacroOrMessageDataItemNames, MessageDataItemName as Item, Section,
};
use imap_codec::imap_types::sequence::SequenceSet;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use mail_store::{Flags, StoreError};

use crate::answer::Answer;
use crate::envelope::envelope;
use crate::job::{Job, PIECE, Step};
use crate::mime::{self, Part};
use crate::section::{self, Content};
use crate::selected::Selected;
use crate::session::Session;
use crate::structure::Structure;
use crate::text::{self, write};

impl Session {
    pub(crate) fn fetch(
        &mut self,
        set: &SequenceSet,
        items: &MacroOrMessageDataItemNames<'_>,
        is_uid: bool,
    ) -> Answer {
        let selected = self.selected.as_ref();
        let Some(uids) = selected.and_then(|selected| selected.view.resolve(set, is_uid)) else {
            return Answer::bad("there is no such message");
        };
        let mut items: Vec<Item<'static>> = match items {
            MacroOrMessageDataItemNames::Macro(all) => all.expand().into_static(),
            MacroOrMessageDataItemNames::MessageDataItemNames(items) => items.clone().into_static(),
        };
        if items
            .iter()
            .any(|item| matches!(item, Item::Binary { .. } | Item::BinarySize { .. }))
        {
            return Answer::bad("this server does not know BINARY");
        }
        if is_uid && !items.contains(&Item::Uid) {
            items.insert(0, Item::Uid);
        }
        Answer::Job(Box::new(Fetch {
            uids: uids.into(),
            items,
            pieces: VecDeque::new(),
            has_missed: false,
        }))
    }
}

struct Fetch {
    uids: VecDeque<u32>,
    items: Vec<Item<'static>>,
    /// What is still to be written of one message.
    pieces: VecDeque<Piece>,
    has_missed: bool,
}

enum Piece {
    Bytes(Vec<u8>),
    File { file: File, missing: u64 },
}

impl Job for Fetch {
    fn step(&mut self, session: &mut Session, out: &mut Vec<u8>) -> Step {
        match self.pieces.pop_front() {
            Some(Piece::Bytes(bytes)) => out.extend_from_slice(&bytes),
            Some(Piece::File { mut file, missing }) => {
                let most = missing.min(PIECE as u64);
                let start = out.len();
                let read = (&mut file).take(most).read_to_end(out);
                let count = (out.len() - start) as u64;
                if read.is_err() || count < most {
                    // The literal was announced with its length.
                    log::error!("a message has become shorter, or cannot be read: {read:?}");
                    return Step::Broken;
                }
                if count < missing {
                    let missing = missing - count;
                    self.pieces.push_front(Piece::File { file, missing });
                }
            }
            None => {
                let Some(uid) = self.uids.pop_front() else {
                    return Step::Done(if self.has_missed {
                        Answer::no("[EXPUNGEISSUED] some of the messages have been removed")
                    } else {
                        Answer::ok("done")
                    });
                };
                let Some(selected) = &mut session.selected else {
                    return Step::Done(Answer::bad("select a mailbox first"));
                };
                match Response::build(selected, uid, &self.items) {
                    Ok(pieces) => self.pieces = pieces,
                    Err(StoreError::NoSuchMessage) => self.has_missed = true,
                    Err(error) => return Step::Done(error.into()),
                }
            }
        }
        Step::More
    }
}

/// The answer about one message.
struct Response<'a> {
    selected: &'a mut Selected,
    uid: u32,
    pieces: VecDeque<Piece>,
    out: Vec<u8>,
}

impl Response<'_> {
    fn build(
        selected: &mut Selected,
        uid: u32,
        items: &[Item<'_>],
    ) -> Result<VecDeque<Piece>, StoreError> {
        let found = selected.view.find(uid);
        let number = found.ok_or(StoreError::NoSuchMessage)?.0;
        let mut response = Response {
            selected,
            uid,
            pieces: VecDeque::new(),
            out: Vec::new(),
        };
        let raw = response.read_for(items)?;
        let message = raw.as_deref().and_then(mime::parse);
        let parsed = raw.as_deref().zip(message.as_ref().map(Part::root));
        let shows_flags = response.note_seen(items)?;
        write(&mut response.out, format_args!("* {number} FETCH ("));
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                response.out.push(b' ');
            }
            response.item(item, parsed)?;
        }
        if shows_flags {
            response.out.push(b' ');
            response.item(&Item::Flags, parsed)?;
        }
        response.out.extend_from_slice(b")\r\n");
        response.pieces.push_back(Piece::Bytes(response.out));
        Ok(response.pieces)
    }

    /// Reads as much of the message as the items need to be found.
    fn read_for(&mut self, items: &[Item<'_>]) -> Result<Option<Vec<u8>>, StoreError> {
        let needs_all = items.iter().any(|item| match item {
            Item::Body | Item::BodyStructure => true,
            Item::BodyExt { section, .. } => section.as_ref().is_some_and(|section| {
                !section::is_in_header(section) && !matches!(section, Section::Text(None))
            }),
            _ => false,
        });
        let needs_header = items.iter().any(|item| {
            matches!(
                item,
                Item::Envelope
                    | Item::Rfc822Header
                    | Item::Rfc822Text
                    | Item::BodyExt {
                        section: Some(_),
                        ..
                    }
            )
        });
        if !needs_all && !needs_header {
            return Ok(None);
        }
        let mut file = self.selected.mailbox.read(self.uid)?;
        let read = if needs_all {
            mime::read(&mut file)
        } else {
            mime::read_header(&mut file)
        };
        // The file was there a moment ago.
        read.map(Some).map_err(|error| {
            log::error!("cannot read a message: {error}");
            StoreError::NoSuchMessage
        })
    }

    /// Who reads the body has seen the message (RFC 3501 6.4.5). Returns whether the client has yet to hear of that.
    fn note_seen(&mut self, items: &[Item<'_>]) -> Result<bool, StoreError> {
        let sees = |item: &Item<'_>| {
            matches!(
                item,
                Item::Rfc822 | Item::Rfc822Text | Item::BodyExt { peek: false, .. }
            )
        };
        let entry = self.selected.view.find(self.uid);
        let was_seen = entry.is_some_and(|(_, entry)| entry.flags.contains(Flags::SEEN));
        if self.selected.is_read_only || was_seen || !items.iter().any(sees) {
            return Ok(false);
        }
        let mailbox = &mut self.selected.mailbox;
        mailbox.change_flags(&[self.uid], |flags| flags | Flags::SEEN)?;
        if let Some(message) = mailbox.message(self.uid) {
            self.selected.view.told(self.uid, message.flags());
        }
        Ok(!items.contains(&Item::Flags))
    }

    fn item(
        &mut self,
        item: &Item<'_>,
        parsed: Option<(&[u8], Part<'_>)>,
    ) -> Result<(), StoreError> {
        match item {
            Item::Flags => {
                self.out.extend_from_slice(b"FLAGS ");
                if let Some((_, entry)) = self.selected.view.find(self.uid) {
                    text::flags(&mut self.out, entry.flags, entry.is_recent);
                }
            }
            Item::Uid => write(&mut self.out, format_args!("UID {}", self.uid)),
            Item::InternalDate => {
                let date = internal_date(self.selected.mailbox.date(self.uid)?);
                write(&mut self.out, format_args!("INTERNALDATE \"{date}\""));
            }
            Item::Rfc822Size => {
                let message = self.selected.mailbox.message(self.uid);
                let size = message.ok_or(StoreError::NoSuchMessage)?.size();
                write(&mut self.out, format_args!("RFC822.SIZE {size}"));
            }
            Item::Envelope => {
                self.out.extend_from_slice(b"ENVELOPE ");
                match parsed {
                    Some((raw, message)) => envelope(&mut self.out, message, raw),
                    None => self
                        .out
                        .extend_from_slice(b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"),
                }
            }
            Item::Body => self.structure("BODY ", parsed, false),
            Item::BodyStructure => self.structure("BODYSTRUCTURE ", parsed, true),
            Item::Rfc822 => self.section("RFC822", None, None, parsed)?,
            Item::Rfc822Header => {
                self.section("RFC822.HEADER", Some(&Section::Header(None)), None, parsed)?;
            }
            Item::Rfc822Text => {
                self.section("RFC822.TEXT", Some(&Section::Text(None)), None, parsed)?;
            }
            Item::BodyExt {
                section, partial, ..
            } => self.section("", section.as_ref(), *partial, parsed)?,
            Item::Binary { .. } | Item::BinarySize { .. } => {}
        }
        Ok(())
    }

    fn structure(&mut self, name: &str, parsed: Option<(&[u8], Part<'_>)>, is_extended: bool) {
        self.out.extend_from_slice(name.as_bytes());
        match parsed {
            Some((raw, message)) => Structure { raw, is_extended }.write(&mut self.out, message),
            // A message without a header.
            None => {
                let size = self
                    .selected
                    .mailbox
                    .message(self.uid)
                    .map_or(0, |message| message.size());
                write(
                    &mut self.out,
                    format_args!(r#"("TEXT" "PLAIN" NIL NIL NIL "7BIT" {size} 0)"#),
                );
            }
        }
    }

    /// A part of the message as a literal. A short one is copied; a long one is sent from the file.
    fn section(
        &mut self,
        name: &str,
        section: Option<&Section<'_>>,
        partial: Option<(u32, NonZeroU32)>,
        parsed: Option<(&[u8], Part<'_>)>,
    ) -> Result<(), StoreError> {
        match name {
            "" => section::name(&mut self.out, section, partial),
            name => self.out.extend_from_slice(name.as_bytes()),
        }
        let size = self.selected.mailbox.message(self.uid);
        let size = size.ok_or(StoreError::NoSuchMessage)?.size() as usize;
        let header = || parsed.map_or(0, |(raw, _)| mime::end_of_header(raw).unwrap_or(raw.len()));
        let content = match (section, parsed) {
            (None, _) => Content::Range(0..size),
            (Some(Section::Header(None)), _) => Content::Range(0..header()),
            (Some(Section::Text(None)), _) => Content::Range(header().min(size)..size),
            (Some(section), Some((raw, message))) => section::find(section, message, raw),
            (Some(_), None) => Content::Nothing,
        };
        match content {
            Content::Nothing => self.out.extend_from_slice(b" NIL"),
            Content::Fields(fields) => {
                let range = cut(0..fields.len(), partial);
                write(&mut self.out, format_args!(" {{{}}}\r\n", range.len()));
                self.out.extend_from_slice(&fields[range]);
            }
            Content::Range(range) => {
                let range = cut(range, partial);
                write(&mut self.out, format_args!(" {{{}}}\r\n", range.len()));
                match parsed.and_then(|(raw, _)| raw.get(range.clone())) {
                    Some(bytes) if bytes.len() <= PIECE => self.out.extend_from_slice(bytes),
                    _ => self.send_file(range)?,
                }
            }
        }
        Ok(())
    }

    fn send_file(&mut self, range: Range<usize>) -> Result<(), StoreError> {
        let mut file = self.selected.mailbox.read(self.uid)?;
        if let Err(error) = file.seek(SeekFrom::Start(range.start as u64)) {
            log::error!("cannot read a message: {error}");
            return Err(StoreError::NoSuchMessage);
        }
        let before = std::mem::take(&mut self.out);
        self.pieces.push_back(Piece::Bytes(before));
        self.pieces.push_back(Piece::File {
            file,
            missing: range.len() as u64,
        });
        Ok(())
    }
}

/// A part of a part: `<origin.length>`. What lies beyond the end is left out.
fn cut(range: Range<usize>, partial: Option<(u32, NonZeroU32)>) -> Range<usize> {
    let Some((origin, length)) = partial else {
        return range;
    };
    let start = range.start.saturating_add(origin as usize).min(range.end);
    start..start.saturating_add(length.get() as usize).min(range.end)
}

/// As in `" 1-Feb-2026 03:04:05 +0000"`.
fn internal_date(time: SystemTime) -> String {
    let time = Timestamp::try_from(time).unwrap_or_default();
    time.to_zoned(TimeZone::UTC)
        .strftime("%e-%b-%Y %H:%M:%S +0000")
        .to_string()
}
