use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::finding::Finding;
use super::message::Question;
use super::name::parse;
use super::{Answer, DnsError, Record, RecordType};

/// What has been found, for as long as it holds.
///
/// What is evil here: a server may say that its records hold for a hundred years, that they hold
/// for no time at all, and may have a new name for each question. So:
///
/// - Nothing is kept longer than [`LONGEST`], and absence not longer than [`LONGEST_ABSENCE`].
/// - There are at most as many entries as the setting says; of those that are too many, the one
///   goes that would be the first to expire. An answer that is large is not kept, so that the bytes
///   are bounded as well.
/// - An entry answers the very question that was asked, and nothing that a message has beside it is
///   kept: a server cannot say anything about names that it was not asked for.
pub(super) struct Cache {
    entries: HashMap<Key, Entry>,
    /// The same in the order in which they expire.
    order: BTreeMap<(Instant, u64), Key>,
    most: usize,
    next: u64,
}

/// The question. That a name does not exist holds for all types, and is kept under [`ALL_TYPES`].
type Key = Question;

struct Entry {
    finding: Finding,
    since: Instant,
    expires: (Instant, u64),
}

/// No type has this number.
const ALL_TYPES: RecordType = RecordType::Other(0);
/// RFC 8767, section 4, advises between a day and a week.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// RFC 2308, section 5, advises between one and three hours.
const LONGEST_ABSENCE: Duration = Duration::from_secs(3 * 3600);
/// The most records that are kept of one answer, and the most bytes in their texts.
const MOST_RECORDS: usize = 128;
const MOST_BYTES: usize = 16 * 1024;

impl Cache {
    pub(super) fn new(most: usize) -> Self {
        Cache {
            entries: HashMap::new(),
            order: BTreeMap::new(),
            most,
            next: 0,
        }
    }

    /// What is known of a question at this time.
    pub(super) fn get(
        &self,
        question: &Question,
        now: Instant,
    ) -> Option<Result<Rc<Answer>, DnsError>> {
        let all_types = for_all_types(question);
        let fresh = |key| {
            let entry = self.entries.get(key);
            entry.filter(|entry| entry.expires.0 > now)
        };
        let entry = fresh(question).or_else(|| fresh(&all_types))?;
        let age = now.saturating_duration_since(entry.since);
        Some(match &entry.finding.outcome {
            Ok(answer) => Ok(aged(answer, age)),
            Err(error) => Err(error.clone()),
        })
    }

    pub(super) fn put(&mut self, question: &Question, finding: &Finding, now: Instant) {
        self.expire(now);
        if question.kind == ALL_TYPES {
            return;
        }
        let (key, longest) = match &finding.outcome {
            Ok(answer) if is_small(answer) => (question.clone(), LONGEST),
            Ok(_) => return,
            // If it is an alias that leads nowhere, the alias itself exists.
            Err(DnsError::NoSuchName(name)) if parse(name).as_ref() == Some(&question.name) => {
                (for_all_types(question), LONGEST_ABSENCE)
            }
            Err(_) => (question.clone(), LONGEST_ABSENCE),
        };
        let lifetime = finding.lifetime.min(longest);
        if lifetime.is_zero() || self.most == 0 {
            return;
        }
        self.remove(&key);
        while self.entries.len() >= self.most
            && let Some((_, first)) = self.order.pop_first()
        {
            self.entries.remove(&first);
        }
        let expires = (now + lifetime, self.next);
        self.next += 1;
        self.order.insert(expires, key.clone());
        let entry = Entry {
            finding: finding.clone(),
            since: now,
            expires,
        };
        self.entries.insert(key, entry);
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.order.clear();
    }

    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            self.order.remove(&entry.expires);
        }
    }

    fn expire(&mut self, now: Instant) {
        while let Some(first) = self
            .order
            .first_entry()
            .filter(|first| first.key().0 <= now)
        {
            self.entries.remove(&first.remove());
        }
    }
}

fn for_all_types(question: &Question) -> Key {
    Question {
        name: question.name.clone(),
        kind: ALL_TYPES,
    }
}

fn is_small(answer: &Answer) -> bool {
    let records = || answer.aliases.iter().chain(&answer.records);
    records().count() <= MOST_RECORDS
        && records().map(|record| record.data.size()).sum::<usize>() <= MOST_BYTES
}

/// The answer as it is after this time.
fn aged(answer: &Rc<Answer>, age: Duration) -> Rc<Answer> {
    let aged = |record: &Record| Record {
        ttl: Duration::from_secs(record.ttl.saturating_sub(age).as_secs()),
        ..record.clone()
    };
    Rc::new(Answer {
        canonical_name: answer.canonical_name.clone(),
        aliases: answer.aliases.iter().map(aged).collect(),
        records: answer.records.iter().map(aged).collect(),
    })
}
