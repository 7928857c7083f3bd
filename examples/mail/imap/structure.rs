//! BODY and BODYSTRUCTURE (RFC 3501 7.4.2): the tree of the parts.

use mail_parser::{ContentType, HeaderName, MimeHeaders};

use crate::envelope::{encoded, envelope, unfolded};
use crate::mime::Part;
use crate::text::{nstring, string, write};

/// What lies deeper is shown as one block of bytes.
const DEEPEST: usize = 50;

/// How a message is written.
#[derive(Clone, Copy)]
pub(crate) struct Structure<'a> {
    pub(crate) raw: &'a [u8],
    /// BODYSTRUCTURE, and not BODY.
    pub(crate) is_extended: bool,
}

impl Structure<'_> {
    pub(crate) fn write(self, out: &mut Vec<u8>, part: Part<'_>) {
        self.part(out, part, false, 0);
    }

    fn part(self, out: &mut Vec<u8>, part: Part<'_>, is_in_digest: bool, depth: usize) {
        let content = part.get().and_then(|found| found.content_type());
        let kind = content.map(|content| content.ctype().to_ascii_uppercase());
        let subtype = content.and_then(|content| content.subtype());
        let subtype = subtype.map(str::to_ascii_uppercase);
        if depth > DEEPEST {
            return self.leaf(out, part, None, "APPLICATION", "OCTET-STREAM");
        }
        if let Some(children) = part.children() {
            let subtype = subtype.unwrap_or_else(|| "MIXED".into());
            return self.multipart(out, part, children, &subtype, depth);
        }
        match (kind.as_deref(), subtype.as_deref()) {
            (Some("MESSAGE"), Some("RFC822" | "GLOBAL")) => self.message(out, part, content, depth),
            (None, _) if is_in_digest => self.message(out, part, content, depth),
            // A multipart without parts, and nothing at all, are text (RFC 2045 5.2).
            (Some("MULTIPART") | None, _) | (_, None) => {
                self.leaf(out, part, None, "TEXT", "PLAIN");
            }
            (Some(kind), Some(subtype)) => self.leaf(out, part, content, kind, subtype),
        }
    }

    fn multipart<'p>(
        self,
        out: &mut Vec<u8>,
        part: Part<'p>,
        children: impl Iterator<Item = Part<'p>>,
        subtype: &str,
        depth: usize,
    ) {
        out.push(b'(');
        let start = out.len();
        for child in children {
            self.part(out, child, subtype == "DIGEST", depth + 1);
        }
        if out.len() == start {
            out.extend_from_slice(br#"("TEXT" "PLAIN" NIL NIL NIL "7BIT" 0 0)"#);
        }
        out.push(b' ');
        string(out, subtype.as_bytes());
        if self.is_extended {
            out.push(b' ');
            parameters(out, part.get().and_then(|found| found.content_type()));
            self.disposition(out, part);
        }
        out.push(b')');
    }

    /// A message in a message. One that the parser could not look into is a block of bytes.
    fn message(
        self,
        out: &mut Vec<u8>,
        part: Part<'_>,
        content: Option<&ContentType<'_>>,
        depth: usize,
    ) {
        let Some(nested) = part.nested() else {
            return self.leaf(out, part, None, "APPLICATION", "OCTET-STREAM");
        };
        self.begin(out, part, content, "MESSAGE", "RFC822");
        out.push(b' ');
        envelope(out, nested, self.raw);
        out.push(b' ');
        self.part(out, nested, false, depth + 1);
        self.lines(out, part);
        self.end(out, part);
    }

    fn leaf(
        self,
        out: &mut Vec<u8>,
        part: Part<'_>,
        content: Option<&ContentType<'_>>,
        kind: &str,
        subtype: &str,
    ) {
        self.begin(out, part, content, kind, subtype);
        if kind == "TEXT" {
            self.lines(out, part);
        }
        self.end(out, part);
    }

    /// What all parts but multiparts begin with: the type, the id, the description, the encoding, the size.
    fn begin(
        self,
        out: &mut Vec<u8>,
        part: Part<'_>,
        content: Option<&ContentType<'_>>,
        kind: &str,
        subtype: &str,
    ) {
        out.push(b'(');
        string(out, kind.as_bytes());
        out.push(b' ');
        string(out, subtype.as_bytes());
        out.push(b' ');
        parameters(out, content);
        for name in [HeaderName::ContentId, HeaderName::ContentDescription] {
            out.push(b' ');
            nstring(out, self.field(part, &name).as_deref());
        }
        out.push(b' ');
        let encoding = self.field(part, &HeaderName::ContentTransferEncoding);
        let encoding = encoding.filter(|encoding| !encoding.is_empty());
        let encoding = encoding.map_or_else(|| b"7BIT".into(), |text| text.to_ascii_uppercase());
        string(out, &encoding);
        write(out, format_args!(" {}", part.body(self.raw).len()));
    }

    fn lines(self, out: &mut Vec<u8>, part: Part<'_>) {
        let body = &self.raw[part.body(self.raw)];
        write(
            out,
            format_args!(" {}", memchr::memchr_iter(b'\n', body).count()),
        );
    }

    /// What all parts but multiparts end with.
    fn end(self, out: &mut Vec<u8>, part: Part<'_>) {
        if self.is_extended {
            // No MD5: RFC 1864 is hardly used.
            out.extend_from_slice(b" NIL");
            self.disposition(out, part);
        }
        out.push(b')');
    }

    /// The disposition, the languages, the location.
    fn disposition(self, out: &mut Vec<u8>, part: Part<'_>) {
        out.push(b' ');
        match part.get().and_then(|found| found.content_disposition()) {
            None => out.extend_from_slice(b"NIL"),
            Some(disposition) => {
                out.push(b'(');
                string(out, disposition.ctype().as_bytes());
                out.push(b' ');
                parameters(out, Some(disposition));
                out.push(b')');
            }
        }
        for name in [HeaderName::ContentLanguage, HeaderName::ContentLocation] {
            out.push(b' ');
            nstring(out, self.field(part, &name).as_deref());
        }
    }

    /// The value of a field, as it stands there.
    fn field(self, part: Part<'_>, name: &HeaderName<'_>) -> Option<Vec<u8>> {
        let headers = &part.get()?.headers;
        let header = headers.iter().find(|header| header.name == *name)?;
        Some(unfolded(header, self.raw))
    }
}

/// Names and values, in parentheses.
fn parameters(out: &mut Vec<u8>, content: Option<&ContentType<'_>>) {
    let attributes = content.and_then(|content| content.attributes());
    let Some(attributes) = attributes.filter(|attributes| !attributes.is_empty()) else {
        return out.extend_from_slice(b"NIL");
    };
    for (at, attribute) in attributes.iter().enumerate() {
        out.push(if at == 0 { b'(' } else { b' ' });
        string(out, attribute.name.as_bytes());
        out.push(b' ');
        string(out, encoded(&attribute.value).as_bytes());
    }
    out.push(b')');
}
