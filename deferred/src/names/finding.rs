use std::rc::Rc;
use std::time::Duration;

use super::message::{Question, Reply};
use super::name::{parse, to_text};
use super::{Answer, DnsError, Record, RecordData};

/// The most aliases that lead from one name to another.
pub(super) const MOST_ALIASES: usize = 16;

/// What is known of a question, and for how long.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    /// The records, or that there are none.
    pub(super) outcome: Result<Rc<Answer>, DnsError>,
    pub(super) lifetime: Duration,
}

/// Where the aliases in a reply lead to.
pub(super) enum Lead {
    /// To an end.
    End(Finding),
    /// To a name of which the reply says nothing: it has to be asked for.
    On(Trail),
}

/// The aliases that have been followed.
///
/// What is evil here: aliases come in any order, repeat themselves, lead in circles, and lead out
/// of the zone that the server knows. So a name is looked for among all records, and
/// [`MOST_ALIASES`] steps are all that is made, over all replies.
pub(super) struct Trail {
    aliases: Vec<Record>,
    /// Where it has come to.
    pub(super) at: Question,
    lifetime: Duration,
}

impl Trail {
    /// A trail that begins with a question.
    pub(super) fn new(question: &Question) -> Self {
        Trail {
            aliases: Vec::new(),
            at: question.clone(),
            lifetime: Duration::MAX,
        }
    }

    /// Goes on through the records of a reply.
    pub(super) fn follow(mut self, reply: &Reply) -> Result<Lead, DnsError> {
        let began_at = self.aliases.len();
        loop {
            let here = to_text(&self.at.name);
            let is_here = |record: &&Record| record.name.eq_ignore_ascii_case(&here);
            let ours = || reply.answers.iter().filter(is_here);
            let wanted = ours().filter(|record| self.at.kind.asks_for(record.kind()));
            let records: Vec<_> = wanted.cloned().collect();
            if !records.is_empty() {
                return Ok(Lead::End(self.arrived(here, records)));
            }
            let alias = ours().find_map(|record| match &record.data {
                RecordData::Cname(target) => Some((record.clone(), parse(target)?)),
                _ => None,
            });
            let Some((alias, target)) = alias else {
                let knows_the_end = reply.no_such_name || reply.absence.is_some();
                if self.aliases.len() > began_at && !knows_the_end {
                    return Ok(Lead::On(self));
                }
                return Ok(Lead::End(self.nothing(here, reply)));
            };
            if self.aliases.len() == MOST_ALIASES {
                let first = self.aliases.first();
                return Err(DnsError::AliasLoop(
                    first.map_or(here, |alias| alias.name.clone()),
                ));
            }
            self.lifetime = self.lifetime.min(alias.ttl);
            self.aliases.push(alias);
            self.at.name = target;
        }
    }

    fn arrived(self, canonical_name: String, records: Vec<Record>) -> Finding {
        let lifetimes = records.iter().map(|record| record.ttl);
        Finding {
            lifetime: lifetimes.fold(self.lifetime, Duration::min),
            outcome: Ok(Rc::new(Answer {
                canonical_name,
                aliases: self.aliases,
                records,
            })),
        }
    }

    fn nothing(self, here: String, reply: &Reply) -> Finding {
        let error = if reply.no_such_name {
            DnsError::NoSuchName(here)
        } else {
            DnsError::NoRecords(here, self.at.kind)
        };
        Finding {
            outcome: Err(error),
            // Without an SOA record, a server does not say how long that is so: RFC 2308, section
            // 5.
            lifetime: self.lifetime.min(reply.absence.unwrap_or_default()),
        }
    }
}
