//! Where the reply of a server ends, and what it looks like without STARTTLS. Both sides of each
//! function are whole replies, so that no cut of the input shows.

use memchr::memchr_iter;

use super::smtp::reply;
use super::{Dialect, postgres};

/// The lines of `bytes` that are complete, each with its end, and where it ends.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (&str, usize)> {
    let mut start = 0;
    memchr_iter(b'\n', bytes).map(move |end| {
        // A line that is not text is like no line that is looked for.
        let line = str::from_utf8(&bytes[start..=end]).unwrap_or("\n");
        start = end + 1;
        (line, end + 1)
    })
}

/// Where a reply with a number ends: at the first line with the number of its first one and no dash
/// behind it.
pub(super) fn numbered_end(bytes: &[u8]) -> Option<usize> {
    let mut lines = lines(bytes);
    let (first, end) = lines.next()?;
    match reply(first) {
        Some((code, false, _)) => lines.find_map(|(line, end)| match reply(line) {
            Some((last, true, _)) if last == code => Some(end),
            _ => None,
        }),
        _ => Some(end),
    }
}

/// Where a reply ends that has a line with nothing but a dot behind a status which begins with `yes`,
/// and one line behind any other.
fn dotted_end(bytes: &[u8], yes: &str) -> Option<usize> {
    let mut lines = lines(bytes);
    let (first, end) = lines.next()?;
    if !first.starts_with(yes) {
        return Some(end);
    }
    lines.find_map(|(line, end)| (line.trim_end() == ".").then_some(end))
}

/// Where the reply to a request for capabilities ends; for IMAP, `tag` is that of the request.
pub(super) fn end(dialect: Dialect, tag: &str, bytes: &[u8]) -> Option<usize> {
    match dialect {
        Dialect::Smtp | Dialect::Lmtp | Dialect::Ftp => numbered_end(bytes),
        Dialect::Pop3 => dotted_end(bytes, "+OK"),
        Dialect::Nntp => dotted_end(bytes, "101"),
        Dialect::Imap => lines(bytes).find_map(|(line, end)| {
            let behind = line.strip_prefix(tag)?;
            behind.starts_with(' ').then_some(end)
        }),
        Dialect::Sieve => lines(bytes).find_map(|(line, end)| {
            let word = line.split([' ', '(', '\r', '\n']).next()?;
            ["OK", "NO", "BYE"]
                .contains(&word.to_ascii_uppercase().as_str())
                .then_some(end)
        }),
        Dialect::Irc => {
            lines(bytes).find_map(|(line, end)| is_last_of_capabilities(line).then_some(end))
        }
        Dialect::Xmpp => {
            let ends = |tag: &str| {
                let text = String::from_utf8_lossy(bytes);
                text.find(tag).map(|at| at + tag.len())
            };
            ends("</stream:features>").or_else(|| ends("<stream:features/>"))
        }
        Dialect::Postgres => postgres::answer_end(bytes),
        Dialect::Ldap | Dialect::Mysql => Some(bytes.len()),
    }
}

/// `:server CAP * LS :tls sasl`, or a line of a list that goes on: `:server CAP * LS * :tls`.
fn is_capabilities(line: &str) -> bool {
    let mut words = line.split(' ').skip(1);
    words.next() == Some("CAP") && words.nth(1) == Some("LS")
}

fn is_last_of_capabilities(line: &str) -> bool {
    is_capabilities(line) && line.split(' ').nth(4) != Some("*")
}

/// A whole reply, without what offers TLS or is bound to it.
pub(super) fn without_starttls(dialect: Dialect, reply: &[u8]) -> Vec<u8> {
    if dialect == Dialect::Postgres {
        return postgres::without_binding(reply);
    }
    let Ok(text) = str::from_utf8(reply) else {
        return reply.to_vec();
    };
    let drop_lines = |offer: &str| -> String {
        let kept = text.split_inclusive('\n').filter(|line| {
            let word = line.trim().split(' ').next().unwrap_or("");
            !word.eq_ignore_ascii_case(offer)
        });
        kept.collect()
    };
    let changed = match dialect {
        Dialect::Smtp | Dialect::Lmtp => numbered_without_starttls(text),
        Dialect::Pop3 => drop_lines("STLS"),
        Dialect::Nntp => drop_lines("STARTTLS"),
        Dialect::Sieve => drop_lines("\"STARTTLS\""),
        Dialect::Ftp => {
            let kept = text.split_inclusive('\n').filter(|line| {
                let line = line.to_ascii_uppercase();
                !line.starts_with(" AUTH TLS") && !line.starts_with(" AUTH SSL")
            });
            kept.collect()
        }
        Dialect::Imap => words_without(text, "STARTTLS", |line| {
            line.to_ascii_uppercase().contains("CAPABILITY ")
        }),
        Dialect::Irc => words_without(text, "TLS", is_capabilities),
        Dialect::Xmpp => xmpp_without_starttls(text),
        Dialect::Ldap | Dialect::Postgres | Dialect::Mysql => text.to_owned(),
    };
    changed.into_bytes()
}

/// The last line of what remains has a blank behind its number, all before it a dash.
fn numbered_without_starttls(text: &str) -> String {
    let offers = |line: &&str| {
        let text = reply(line).map_or("", |(_, _, text)| text);
        !text.trim().eq_ignore_ascii_case("STARTTLS")
    };
    let kept: Vec<&str> = text.split_inclusive('\n').filter(offers).collect();
    let mut out = String::new();
    for (index, line) in kept.iter().enumerate() {
        let is_last = index + 1 == kept.len();
        match line.split_at_checked(3) {
            Some((code, rest)) if rest.starts_with('-') && is_last => {
                out.push_str(code);
                out.push(' ');
                out.push_str(&rest[1..]);
            }
            _ => out.push_str(line),
        }
    }
    out
}

/// Leaves `word` out of those lines that `concerns` picks.
fn words_without(text: &str, word: &str, concerns: impl Fn(&str) -> bool) -> String {
    let mut out = String::new();
    for line in text.split_inclusive('\n') {
        if !concerns(line) {
            out.push_str(line);
            continue;
        }
        let body = line.trim_end();
        let mut kept = String::new();
        for part in body.split(' ') {
            let bare = part.trim_start_matches([':', '[']).trim_end_matches(']');
            // The bracket or the colon at the side of the word stays.
            let rest = if bare.eq_ignore_ascii_case(word) {
                part.replacen(bare, "", 1)
            } else {
                part.to_owned()
            };
            if rest.is_empty() {
                continue;
            }
            if !kept.is_empty() && rest != "]" {
                kept.push(' ');
            }
            kept.push_str(&rest);
        }
        out.push_str(&kept);
        out.push_str(&line[body.len()..]);
    }
    out
}

fn xmpp_without_starttls(text: &str) -> String {
    let Some(start) = text.find("<starttls") else {
        return text.to_owned();
    };
    let rest = &text[start..];
    let opening = rest.find('>').map_or(rest.len(), |at| at + 1);
    let end = if rest[..opening].ends_with("/>") {
        opening
    } else {
        let close = "</starttls>";
        rest.find(close).map_or(opening, |at| at + close.len())
    };
    format!("{}{}", &text[..start], &rest[end..])
}
