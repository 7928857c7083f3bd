//! The parts of a message, where they lie in its text.
//!
//! What is evil here: a message that strangers have sent. One in which each part is a message again, 300,000 levels deep,
//! would exhaust the stack of a parser's owner. Each level has a header field of its own, so these are counted before anything
//! is parsed. What has too many is a message with one part.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;

use imap_codec::imap_types::fetch::Part as Path;
use mail_parser::{Encoding, Message, MessageParser, MessagePart, PartType};

/// A message beyond this has one part.
const MOST_FIELDS: usize = 1000;
/// How much of a message is parsed.
const MOST_BYTES: u64 = 64 << 20;
/// The longest header that is looked at.
const LONGEST_HEADER: usize = 1 << 20;

/// Reads a message for its structure. 10 MB from the cache of the system take some milliseconds, and as long to parse.
pub(crate) fn read(file: &mut File) -> io::Result<Vec<u8>> {
    let mut raw = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut raw)?;
    Ok(raw)
}

/// Reads a message up to the end of its header, and what comes along.
pub(crate) fn read_header(file: &mut File) -> io::Result<Vec<u8>> {
    let mut raw = Vec::new();
    let mut piece = [0; 16 << 10];
    while raw.len() < LONGEST_HEADER {
        let count = file.read(&mut piece)?;
        // The empty line may lie across two pieces.
        let from = raw.len().saturating_sub(3);
        raw.extend_from_slice(&piece[..count]);
        if count == 0 || end_of_header(&raw[from..]).is_some() || raw.first() == Some(&b'\n') {
            break;
        }
    }
    Ok(raw)
}

/// Where the body begins: behind the empty line.
pub(crate) fn end_of_header(raw: &[u8]) -> Option<usize> {
    if raw.starts_with(b"\r\n") {
        return Some(2);
    }
    let mut lines = memchr::memchr_iter(b'\n', raw);
    lines.find_map(|at| match &raw[at + 1..] {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

pub(crate) fn parse(raw: &[u8]) -> Option<Message<'_>> {
    let parser = MessageParser::default();
    let is_field = |at: &usize| {
        let name = raw.get(*at + 1..*at + 13);
        name.is_some_and(|name| name.eq_ignore_ascii_case(b"content-type"))
    };
    let fields = memchr::memchr_iter(b'\n', raw).filter(is_field);
    if fields.take(MOST_FIELDS).count() < MOST_FIELDS {
        parser.parse(raw)
    } else {
        parser.parse_headers(raw)
    }
}

/// A part, and the message that it belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) message: &'a Message<'a>,
    id: u32,
    /// It is the message as a whole.
    is_root: bool,
}

impl<'a> Part<'a> {
    pub(crate) fn root(message: &'a Message<'a>) -> Self {
        Part {
            message,
            id: 0,
            is_root: true,
        }
    }

    pub(crate) fn get(self) -> Option<&'a MessagePart<'a>> {
        self.message.part(self.id)
    }

    /// The parts of a multipart.
    pub(crate) fn children(self) -> Option<impl Iterator<Item = Part<'a>>> {
        let ids = self.get()?.sub_parts()?;
        Some(ids.iter().map(move |id| Part {
            id: *id,
            is_root: false,
            ..self
        }))
    }

    /// The message that this part consists of. What is encoded has offsets of its own, and does not count.
    pub(crate) fn nested(self) -> Option<Part<'a>> {
        let part = self.get()?;
        match &part.body {
            PartType::Message(message) if part.encoding == Encoding::None => {
                Some(Part::root(message))
            }
            _ => None,
        }
    }

    /// The part of this number path (RFC 3501 6.4.5). A message with one part has it as its number 1.
    pub(crate) fn find(self, path: &Path) -> Option<Part<'a>> {
        let mut part = self;
        for number in path.0.as_ref() {
            let index = number.get() as usize - 1;
            if part.children().is_none()
                && !part.is_root
                && let Some(nested) = part.nested()
            {
                part = nested;
            }
            part = match part.children() {
                Some(mut children) => children.nth(index)?,
                None if part.is_root && index == 0 => Part {
                    is_root: false,
                    ..part
                },
                None => return None,
            };
        }
        Some(part)
    }

    /// Its header, with the empty line behind it.
    pub(crate) fn header(self, raw: &[u8]) -> Range<usize> {
        let part = self.get();
        part.map_or(0..0, |part| {
            range(raw, part.offset_header, part.offset_body)
        })
    }

    /// What is behind the header.
    pub(crate) fn body(self, raw: &[u8]) -> Range<usize> {
        let part = self.get();
        part.map_or(0..0, |part| range(raw, part.offset_body, part.offset_end))
    }
}

/// Offsets as the parser has found them, within the text in any case.
fn range(raw: &[u8], start: u32, end: u32) -> Range<usize> {
    let end = raw.len().min(end as usize);
    (start as usize).min(end)..end
}
