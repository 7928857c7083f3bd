//! Names between their text and the form in which messages have them.
//!
//! The text of RFC 1035, section 5.1: labels with dots between them, a backslash before what is
//! special, and `\DDD`, in decimal, for a byte that is not a printable letter. (`hickory-proto` reads
//! and writes octal.)

use std::fmt::Write;

use hickory_proto::rr::Name;

use crate::ascii_host;

/// The name that a text stands for, as an absolute one: a dot at its end changes nothing. Letters
/// outside of ASCII are converted as [`ascii_host`] does it. `None` if no name in DNS can be this.
pub(super) fn parse(text: &str) -> Option<Name> {
    if text == "." {
        return Some(Name::root());
    }
    let ascii = if text.is_ascii() {
        text.into()
    } else {
        ascii_host(text).ok()?
    };
    let mut labels = vec![Vec::new()];
    let mut bytes = ascii.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'.' => labels.push(Vec::new()),
            b'\\' => labels.last_mut()?.push(escaped(&mut bytes)?),
            0..=b' ' | 0x7f => return None,
            _ => labels.last_mut()?.push(byte),
        }
    }
    if labels.last().is_some_and(Vec::is_empty) {
        labels.pop();
    }
    if labels.is_empty() || labels.iter().any(Vec::is_empty) {
        return None;
    }
    let mut name = Name::from_labels(labels.iter().map(Vec::as_slice)).ok()?;
    name.set_fqdn(true);
    Some(name)
}

/// What follows a backslash: three digits, or the byte itself.
fn escaped(bytes: &mut std::str::Bytes<'_>) -> Option<u8> {
    let first = bytes.next()?;
    if !first.is_ascii_digit() {
        return Some(first);
    }
    let mut value = u16::from(first - b'0');
    for _ in 0..2 {
        let digit = bytes.next().filter(u8::is_ascii_digit)?;
        value = value * 10 + u16::from(digit - b'0');
    }
    u8::try_from(value).ok()
}

/// The text of a name, without the dot at its end; `.` for the root.
pub(super) fn to_text(name: &Name) -> String {
    let mut text = String::with_capacity(name.len());
    for label in name {
        if !text.is_empty() {
            text.push('.');
        }
        for byte in label {
            match byte {
                b'"' | b'$' | b'(' | b')' | b'.' | b';' | b'@' | b'\\' => {
                    text.push('\\');
                    text.push(char::from(*byte));
                }
                0x21..=0x7e => text.push(char::from(*byte)),
                _ => {
                    let _ = write!(text, "\\{byte:03}");
                }
            }
        }
    }
    if text.is_empty() {
        text.push('.');
    }
    text
}

/// The name with a dot at its end, as zone files and `dig` write it.
pub(super) fn with_dot(text: &str) -> impl std::fmt::Display + '_ {
    struct WithDot<'a>(&'a str);
    impl std::fmt::Display for WithDot<'_> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)?;
            if self.0 == "." {
                Ok(())
            } else {
                f.write_char('.')
            }
        }
    }
    WithDot(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_there_and_back() {
        for text in [
            "example.org",
            "_imaps._tcp.example.org",
            r"two\.parts.example",
            r"a\032blank.example",
            r"\000\255\@\$\\.example",
            "*.example",
            ".",
        ] {
            let name = parse(text).unwrap();
            assert_eq!(to_text(&name), text);
            assert!(name.is_fqdn());
        }
        assert_eq!(parse("example.org."), parse("EXAMPLE.org"));
        assert_eq!(with_dot("example").to_string(), "example.");
        assert_eq!(with_dot(".").to_string(), ".");
    }

    #[test]
    fn what_is_not_a_name() {
        let long_label = format!("{}.example", "x".repeat(64));
        let long_name = vec!["x".repeat(62); 5].join(".");
        for text in [
            "",
            "..",
            ".example",
            "two..dots",
            "a blank",
            "a\tab",
            r"cut\",
            r"cut\03",
            r"too.great\256",
            &long_label,
            &long_name,
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
