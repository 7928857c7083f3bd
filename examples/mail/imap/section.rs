//! BODY[section]: which bytes of a message are meant, and what they are called in the answer.

use std::num::NonZeroU32;
use std::ops::Range;

use imap_codec::imap_types::core::AString;
use imap_codec::imap_types::fetch::{Part as Path, Section};

use crate::mime::Part;
use crate::text::{string, write};

/// What a section is.
pub(crate) enum Content {
    /// Bytes of the message, as they lie there.
    Range(Range<usize>),
    /// Header fields that were picked out.
    Fields(Vec<u8>),
    /// There is no such part.
    Nothing,
}

/// Whether the header suffices to find it.
pub(crate) fn is_in_header(section: &Section<'_>) -> bool {
    matches!(
        section,
        Section::Header(None) | Section::HeaderFields(None, _) | Section::HeaderFieldsNot(None, _)
    )
}

/// Finds a section of a message.
pub(crate) fn find(section: &Section<'_>, message: Part<'_>, raw: &[u8]) -> Content {
    let found = match section {
        Section::Part(path) => message.find(path).map(|part| part.body(raw)),
        Section::Mime(path) => message.find(path).map(|part| part.header(raw)),
        Section::Header(path) => whole(message, path.as_ref()).map(|message| message.header(raw)),
        Section::Text(path) => whole(message, path.as_ref()).map(|message| message.body(raw)),
        Section::HeaderFields(path, names) => {
            return fields(message, path.as_ref(), raw, names.as_ref(), true);
        }
        Section::HeaderFieldsNot(path, names) => {
            return fields(message, path.as_ref(), raw, names.as_ref(), false);
        }
    };
    found.map_or(Content::Nothing, Content::Range)
}

/// The message itself, or the one that a part consists of.
fn whole<'a>(message: Part<'a>, path: Option<&Path>) -> Option<Part<'a>> {
    match path {
        None => Some(message),
        Some(path) => message.find(path)?.nested(),
    }
}

fn fields(
    message: Part<'_>,
    path: Option<&Path>,
    raw: &[u8],
    names: &[AString<'_>],
    is_wanted: bool,
) -> Content {
    let Some(message) = whole(message, path) else {
        return Content::Nothing;
    };
    Content::Fields(pick(&raw[message.header(raw)], names, is_wanted))
}

/// The fields of a header with these names, or with any others; and the empty line.
fn pick(header: &[u8], names: &[AString<'_>], is_wanted: bool) -> Vec<u8> {
    let mut picked = Vec::new();
    let mut is_picked = false;
    for line in header.split_inclusive(|byte| *byte == b'\n') {
        if matches!(line, b"\r\n" | b"\n") {
            break;
        }
        if !matches!(line.first(), Some(b' ' | b'\t')) {
            let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
            let name = name.trim_ascii_end();
            let is_named = names.iter().any(|n| n.as_ref().eq_ignore_ascii_case(name));
            is_picked = is_named == is_wanted;
        }
        if is_picked {
            picked.extend_from_slice(line);
        }
    }
    picked.extend_from_slice(b"\r\n");
    picked
}

/// The name of an item in the answer: `BODY[1.2.HEADER]<0>`.
pub(crate) fn name(
    out: &mut Vec<u8>,
    section: Option<&Section<'_>>,
    partial: Option<(u32, NonZeroU32)>,
) {
    out.extend_from_slice(b"BODY[");
    let (path, word, names) = match section {
        None => (None, "", None),
        Some(Section::Part(path)) => (Some(path), "", None),
        Some(Section::Mime(path)) => (Some(path), "MIME", None),
        Some(Section::Header(path)) => (path.as_ref(), "HEADER", None),
        Some(Section::Text(path)) => (path.as_ref(), "TEXT", None),
        Some(Section::HeaderFields(path, names)) => {
            (path.as_ref(), "HEADER.FIELDS", Some(names.as_ref()))
        }
        Some(Section::HeaderFieldsNot(path, names)) => {
            (path.as_ref(), "HEADER.FIELDS.NOT", Some(names.as_ref()))
        }
    };
    let numbers = path.iter().flat_map(|path| path.0.as_ref().iter());
    let words = numbers.map(ToString::to_string);
    let words: Vec<String> = words
        .chain((!word.is_empty()).then(|| word.into()))
        .collect();
    write(out, format_args!("{}", words.join(".")));
    if let Some(names) = names {
        for (at, name) in names.iter().enumerate() {
            out.extend_from_slice(if at == 0 { b" (" } else { b" " });
            string(out, name.as_ref());
        }
        out.push(b')');
    }
    out.push(b']');
    if let Some((origin, _)) = partial {
        write(out, format_args!("<{origin}>"));
    }
}
