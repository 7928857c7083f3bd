//! The keys of SEARCH (RFC 3501 6.4.4).

use chrono::Datelike;
use imap_codec::imap_types::datetime::NaiveDate;
use imap_codec::imap_types::search::SearchKey;
use jiff::civil::Date;
use mail_parser::{Header, HeaderValue, Message, PartType};
use mail_store::Flags;

use crate::envelope::unfolded;
use crate::view::{Entry, View};

/// How much of a message a key looks at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Depth {
    View,
    Header,
    Body,
}

/// One message, as the keys see it.
pub(crate) struct Subject<'a> {
    pub(crate) entry: &'a Entry,
    pub(crate) size: u64,
    pub(crate) flags: Flags,
    pub(crate) received: Date,
    /// `None` as long as the text has not been read.
    pub(crate) text: Option<(&'a [u8], Option<&'a Message<'a>>)>,
}

/// A key, with what is the same for all messages done once.
pub(crate) enum Test {
    And(Vec<Test>),
    Or(Box<Test>, Box<Test>),
    Not(Box<Test>),
    Always(bool),
    /// The flag is set.
    Has(Flags),
    Recent,
    /// UIDs, in ascending order.
    Among(Vec<u32>),
    Larger(u64),
    Smaller(u64),
    /// The day on which the message came, or which its header has: from the first day on, and before the second.
    Received(Date, Date),
    Sent(Date, Date),
    /// A header field, and what it contains, in small letters.
    Header(String, String),
    Body(String),
    Text(String),
}

impl Test {
    /// `None` if the key has a sequence number that no message has.
    pub(crate) fn new(key: &SearchKey<'_>, view: &View) -> Option<Self> {
        let not = |test: Test| Test::Not(Box::new(test));
        let header = |name: &str, text: &[u8]| Test::Header(name.to_lowercase(), small(text));
        let (first, last) = (Date::MIN, Date::MAX);
        Some(match key {
            SearchKey::And(keys) => {
                let tests: Option<Vec<Test>> = keys
                    .as_ref()
                    .iter()
                    .map(|key| Test::new(key, view))
                    .collect();
                Test::And(tests?)
            }
            SearchKey::Or(a, b) => {
                Test::Or(Box::new(Test::new(a, view)?), Box::new(Test::new(b, view)?))
            }
            SearchKey::Not(key) => not(Test::new(key, view)?),
            SearchKey::SequenceSet(set) => Test::Among(view.resolve(set, false)?),
            SearchKey::Uid(set) => Test::Among(view.resolve(set, true)?),
            SearchKey::All => Test::Always(true),
            SearchKey::Answered => Test::Has(Flags::ANSWERED),
            SearchKey::Deleted => Test::Has(Flags::DELETED),
            SearchKey::Draft => Test::Has(Flags::DRAFT),
            SearchKey::Flagged => Test::Has(Flags::FLAGGED),
            SearchKey::Seen => Test::Has(Flags::SEEN),
            SearchKey::Unanswered => not(Test::Has(Flags::ANSWERED)),
            SearchKey::Undeleted => not(Test::Has(Flags::DELETED)),
            SearchKey::Undraft => not(Test::Has(Flags::DRAFT)),
            SearchKey::Unflagged => not(Test::Has(Flags::FLAGGED)),
            SearchKey::Unseen => not(Test::Has(Flags::SEEN)),
            SearchKey::Recent => Test::Recent,
            SearchKey::Old => not(Test::Recent),
            SearchKey::New => Test::And(vec![Test::Recent, not(Test::Has(Flags::SEEN))]),
            // No message has a keyword.
            SearchKey::Keyword(_) => Test::Always(false),
            SearchKey::Unkeyword(_) => Test::Always(true),
            SearchKey::Larger(size) => Test::Larger((*size).into()),
            SearchKey::Smaller(size) => Test::Smaller((*size).into()),
            SearchKey::Before(date) => Test::Received(first, civil(date)),
            SearchKey::On(date) => Test::Received(civil(date), next(civil(date))),
            SearchKey::Since(date) => Test::Received(civil(date), last),
            SearchKey::SentBefore(date) => Test::Sent(first, civil(date)),
            SearchKey::SentOn(date) => Test::Sent(civil(date), next(civil(date))),
            SearchKey::SentSince(date) => Test::Sent(civil(date), last),
            SearchKey::Bcc(text) => header("bcc", text.as_ref()),
            SearchKey::Cc(text) => header("cc", text.as_ref()),
            SearchKey::From(text) => header("from", text.as_ref()),
            SearchKey::To(text) => header("to", text.as_ref()),
            SearchKey::Subject(text) => header("subject", text.as_ref()),
            SearchKey::Header(name, text) => {
                header(&String::from_utf8_lossy(name.as_ref()), text.as_ref())
            }
            SearchKey::Body(text) => Test::Body(small(text.as_ref())),
            SearchKey::Text(text) => Test::Text(small(text.as_ref())),
        })
    }

    /// Whether a message is meant; `None` if its text has to be read to know.
    pub(crate) fn is_met(&self, subject: &Subject<'_>) -> Option<bool> {
        match self {
            Test::And(tests) => {
                let mut all = Some(true);
                for test in tests {
                    match test.is_met(subject) {
                        Some(false) => return Some(false),
                        Some(true) => {}
                        None => all = None,
                    }
                }
                all
            }
            Test::Or(a, b) => match (a.is_met(subject), b.is_met(subject)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Test::Not(test) => test.is_met(subject).map(|is_met| !is_met),
            Test::Always(answer) => Some(*answer),
            Test::Has(flags) => Some(subject.flags.contains(*flags)),
            Test::Recent => Some(subject.entry.is_recent),
            Test::Among(uids) => Some(uids.binary_search(&subject.entry.uid).is_ok()),
            Test::Larger(size) => Some(subject.size > *size),
            Test::Smaller(size) => Some(subject.size < *size),
            Test::Received(first, end) => Some((*first..*end).contains(&subject.received)),
            Test::Sent(first, end) => {
                let (_, message) = subject.text?;
                let date = message.and_then(|message| message.date());
                let day = date.and_then(|date| {
                    let (month, day) = (date.month.try_into().ok()?, date.day.try_into().ok()?);
                    Date::new(date.year.try_into().ok()?, month, day).ok()
                });
                Some(day.is_some_and(|day| (*first..*end).contains(&day)))
            }
            Test::Header(name, text) => {
                let (raw, message) = subject.text?;
                let headers = message.map_or(&[][..], |message| message.headers());
                let named = headers
                    .iter()
                    .filter(|header| header.name().eq_ignore_ascii_case(name));
                Some(
                    named
                        .into_iter()
                        .any(|header| value(header, raw).contains(&**text)),
                )
            }
            Test::Body(text) => {
                let (_, message) = subject.text?;
                Some(message.is_some_and(|message| body_contains(message, text)))
            }
            Test::Text(text) => {
                let (raw, message) = subject.text?;
                let Some(message) = message else {
                    return Some(false);
                };
                let mut headers = message.headers().iter();
                let in_header = headers.any(|header| {
                    small(header.name().as_bytes()).contains(&**text)
                        || value(header, raw).contains(&**text)
                });
                Some(in_header || body_contains(message, text))
            }
        }
    }

    pub(crate) fn depth(&self) -> Depth {
        match self {
            Test::And(tests) => tests.iter().map(Test::depth).max().unwrap_or(Depth::View),
            Test::Or(a, b) => a.depth().max(b.depth()),
            Test::Not(test) => test.depth(),
            Test::Sent(..) | Test::Header(..) => Depth::Header,
            Test::Body(_) | Test::Text(_) => Depth::Body,
            _ => Depth::View,
        }
    }

    /// Whether the time at which the message came has to be asked of the system.
    pub(crate) fn needs_date(&self) -> bool {
        match self {
            Test::And(tests) => tests.iter().any(Test::needs_date),
            Test::Or(a, b) => a.needs_date() || b.needs_date(),
            Test::Not(test) => test.needs_date(),
            Test::Received(..) => true,
            _ => false,
        }
    }
}

/// Letters of both cases are alike (RFC 3501 6.4.4).
fn small(text: &[u8]) -> String {
    String::from_utf8_lossy(text).to_lowercase()
}

fn civil(date: &NaiveDate) -> Date {
    let date = date.as_ref();
    let (year, month, day) = (
        date.year().try_into(),
        date.month().try_into(),
        date.day().try_into(),
    );
    match (year, month, day) {
        (Ok(year), Ok(month), Ok(day)) => Date::new(year, month, day).unwrap_or_default(),
        _ => Date::default(),
    }
}

fn next(date: Date) -> Date {
    date.tomorrow().unwrap_or(Date::MAX)
}

/// The value of a field, as it stands there and as it reads.
fn value(header: &Header<'_>, raw: &[u8]) -> String {
    let mut text = small(&unfolded(header, raw));
    let mut add = |part: Option<&str>| {
        if let Some(part) = part {
            text.push(' ');
            text += &part.to_lowercase();
        }
    };
    match &header.value {
        HeaderValue::Text(text) => add(Some(text)),
        HeaderValue::TextList(texts) => texts.iter().for_each(|text| add(Some(text))),
        HeaderValue::Address(address) => {
            for one in address.iter() {
                add(one.name.as_deref());
                add(one.address.as_deref());
            }
        }
        _ => {}
    }
    text
}

/// Looks through the texts, decoded, also of messages in the message. The parser has decoded three levels at most.
fn body_contains(message: &Message<'_>, text: &str) -> bool {
    let mut messages = vec![message];
    while let Some(message) = messages.pop() {
        for part in &message.parts {
            match &part.body {
                PartType::Text(body) | PartType::Html(body)
                    if body.to_lowercase().contains(text) =>
                {
                    return true;
                }
                PartType::Message(nested) => messages.push(nested),
                _ => {}
            }
        }
    }
    false
}
