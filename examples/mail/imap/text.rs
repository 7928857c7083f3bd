//! How values are written in responses (RFC 3501 9).

use std::io::Write;

use mail_store::Flags;

/// The system flags, and what they are in a response.
const NAMES: [(Flags, &str); 5] = [
    (Flags::ANSWERED, r"\Answered"),
    (Flags::FLAGGED, r"\Flagged"),
    (Flags::DELETED, r"\Deleted"),
    (Flags::SEEN, r"\Seen"),
    (Flags::DRAFT, r"\Draft"),
];

/// What SELECT shows: the flags that there are, all of which are kept. Keywords are not.
pub(crate) const ALL_FLAGS: &str = r"\Answered \Flagged \Deleted \Seen \Draft";

/// A string: between quotation marks if it can be, and as a literal if not.
pub(crate) fn string(out: &mut Vec<u8>, text: &[u8]) {
    let is_quotable = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if text.len() <= 1000 && text.iter().all(is_quotable) {
        out.push(b'"');
        out.extend_from_slice(text);
        out.push(b'"');
    } else {
        // No literal has a NUL.
        write(out, format_args!("{{{}}}\r\n", text.len()));
        out.extend(
            text.iter()
                .map(|byte| if *byte == 0 { b' ' } else { *byte }),
        );
    }
}

/// A string, or NIL.
pub(crate) fn nstring(out: &mut Vec<u8>, text: Option<&[u8]>) {
    match text {
        Some(text) => string(out, text),
        None => out.extend_from_slice(b"NIL"),
    }
}

/// The flags of a message, in parentheses.
pub(crate) fn flags(out: &mut Vec<u8>, flags: Flags, is_recent: bool) {
    let recent = is_recent.then_some(r"\Recent");
    let set = NAMES.iter().filter(|(flag, _)| flags.contains(*flag));
    let names: Vec<&str> = set.map(|(_, name)| *name).chain(recent).collect();
    write(out, format_args!("({})", names.join(" ")));
}

/// What `write!` does for something that takes everything.
pub(crate) fn write(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

/// UIDs in ascending order, as a set: `1:3,7`.
pub(crate) fn set(numbers: impl IntoIterator<Item = u32>) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let written = ranges.iter().map(|(first, last)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}:{last}")
        }
    });
    written.collect::<Vec<_>>().join(",")
}
