//! ENVELOPE (RFC 3501 7.4.2): the header fields that a list of messages shows.

use mail_parser::{Addr, Address, Header, HeaderName, HeaderValue};
use retwist::protocols::sasl::encode;

use crate::mime::Part;
use crate::text::{nstring, string};

pub(crate) fn envelope(out: &mut Vec<u8>, message: Part<'_>, raw: &[u8]) {
    let headers = message.get().map_or(&[][..], |part| &part.headers);
    out.push(b'(');
    text(out, headers, raw, &HeaderName::Date);
    out.push(b' ');
    text(out, headers, raw, &HeaderName::Subject);
    let from = find(headers, &HeaderName::From);
    for name in [
        HeaderName::From,
        HeaderName::Sender,
        HeaderName::ReplyTo,
        HeaderName::To,
        HeaderName::Cc,
        HeaderName::Bcc,
    ] {
        out.push(b' ');
        let field = find(headers, &name);
        // Who sends, and who is to be answered, is the author if nothing else is said.
        let field = match name {
            HeaderName::Sender | HeaderName::ReplyTo => field.or(from),
            _ => field,
        };
        match field.map(|field| &field.value) {
            Some(HeaderValue::Address(address)) => addresses(out, address),
            _ => out.extend_from_slice(b"NIL"),
        }
    }
    for name in [HeaderName::InReplyTo, HeaderName::MessageId] {
        out.push(b' ');
        text(out, headers, raw, &name);
    }
    out.push(b')');
}

fn find<'a>(headers: &'a [Header<'a>], name: &HeaderName<'_>) -> Option<&'a Header<'a>> {
    headers.iter().find(|header| header.name == *name)
}

/// The value of a field as it stands there, on one line.
fn text(out: &mut Vec<u8>, headers: &[Header<'_>], raw: &[u8], name: &HeaderName<'_>) {
    let value = find(headers, name).map(|header| unfolded(header, raw));
    nstring(out, value.as_deref());
}

pub(crate) fn unfolded(header: &Header<'_>, raw: &[u8]) -> Vec<u8> {
    let range = header.offset_start as usize..header.offset_end as usize;
    let value = raw.get(range).unwrap_or_default().trim_ascii();
    let mut value = value.to_vec();
    value.retain(|byte| !matches!(byte, b'\r' | b'\n'));
    value
}

fn addresses(out: &mut Vec<u8>, address: &Address<'_>) {
    let start = out.len();
    out.push(b'(');
    match address {
        Address::List(list) => list.iter().for_each(|one| mailbox(out, one)),
        Address::Group(groups) => {
            for group in groups {
                // A group without a name is what stands beside groups.
                if let Some(name) = &group.name {
                    out.extend_from_slice(b"(NIL NIL ");
                    string(out, name.as_bytes());
                    out.extend_from_slice(b" NIL)");
                }
                group.addresses.iter().for_each(|one| mailbox(out, one));
                if group.name.is_some() {
                    out.extend_from_slice(b"(NIL NIL NIL NIL)");
                }
            }
        }
    }
    if out.len() == start + 1 {
        // The grammar has no empty list.
        out.truncate(start);
        return out.extend_from_slice(b"NIL");
    }
    out.push(b')');
}

fn mailbox(out: &mut Vec<u8>, one: &Addr<'_>) {
    let address = one.address.as_deref().unwrap_or_default();
    let (local, host) = address.rsplit_once('@').unwrap_or((address, ""));
    out.push(b'(');
    nstring(
        out,
        one.name
            .as_deref()
            .map(encoded)
            .as_deref()
            .map(str::as_bytes),
    );
    out.extend_from_slice(b" NIL ");
    string(out, local.as_bytes());
    out.push(b' ');
    string(out, host.as_bytes());
    out.push(b')');
}

/// A phrase, with letters beyond ASCII as in a header (RFC 2047): the parser has decoded them.
pub(crate) fn encoded(text: &str) -> String {
    if text.is_ascii() {
        return text.replace(['\r', '\n'], " ");
    }
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        // An encoded word has at most 75 characters.
        let end = rest.char_indices().map(|(at, c)| at + c.len_utf8());
        let end = end
            .take_while(|end| *end <= 45)
            .last()
            .unwrap_or(rest.len());
        words.push(format!("=?UTF-8?B?{}?=", encode(&rest.as_bytes()[..end])));
        rest = &rest[end..];
    }
    words.join(" ")
}
