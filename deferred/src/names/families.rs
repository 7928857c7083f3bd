use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::{Rc, Weak};
use std::time::Duration;

use retwist_reactor::DelayedCall;

use super::core::Core;
use super::message::Question;
use super::name::to_text;
use super::{Answer, DnsError, RecordData, RecordType};
use crate::{Canceller, Deferred, Outcome, Promise};

/// The addresses of a name of both families, which are asked for at once.
///
/// Some servers never answer for one of the families: when the addresses of one are there, the
/// resolver waits a short while for the others, and no longer (as RFC 8305, section 3, does for
/// connections).
struct Families {
    name: String,
    wait: Duration,
    core: Rc<Core>,
    promise: Promise<Vec<SocketAddr>, DnsError>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    outcomes: [Option<Outcome<Vec<SocketAddr>, DnsError>>; 2],
    questions: Vec<Canceller>,
    timer: Option<DelayedCall>,
}

/// The IPv6 addresses of a name, and then the IPv4 addresses, each with port 0.
pub(super) fn addresses(
    core: &Rc<Core>,
    name: &hickory_proto::rr::Name,
) -> Deferred<Vec<SocketAddr>, DnsError> {
    let place = Rc::new(RefCell::new(Weak::<Families>::new()));
    let (promise, found) = Deferred::with_canceller({
        let place = place.clone();
        move |_| {
            if let Some(families) = place.borrow().upgrade() {
                families.end();
            }
        }
    });
    let families = Rc::new(Families {
        name: to_text(name),
        wait: core.settings().family_wait,
        core: core.clone(),
        promise,
        state: RefCell::default(),
    });
    *place.borrow_mut() = Rc::downgrade(&families);
    let asked = [RecordType::Aaaa, RecordType::A].map(|kind| {
        let name = name.clone();
        core.find(Question { name, kind })
    });
    families.state.borrow_mut().questions = asked.iter().map(Deferred::canceller).collect();
    for (index, answer) in asked.into_iter().enumerate() {
        let families = families.clone();
        answer.done(move |outcome| families.heard(index, outcome));
    }
    found
}

impl Families {
    fn heard(self: &Rc<Self>, index: usize, outcome: Outcome<Rc<Answer>, DnsError>) {
        let outcome = outcome.map(|answer| addresses_of(&answer));
        let is_found = outcome.is_ok();
        let other_is_there = {
            let mut state = self.state.borrow_mut();
            state.outcomes[index] = Some(outcome);
            state.outcomes.iter().all(Option::is_some)
        };
        if other_is_there {
            self.finish();
        } else if is_found && !self.promise.is_called() {
            let me = self.clone();
            let timer = self.core.clock.call_later(self.wait, move || me.finish());
            self.state.borrow_mut().timer = Some(timer);
        }
    }

    fn finish(&self) {
        let [v6, v4] = std::mem::take(&mut self.state.borrow_mut().outcomes);
        self.end();
        let outcome = match (v6, v4) {
            (Some(Ok(mut v6)), Some(Ok(v4))) => {
                v6.extend(v4);
                Ok(v6)
            }
            (Some(Ok(found)), _) | (_, Some(Ok(found))) => Ok(found),
            (Some(Err(one)), Some(Err(other))) => {
                let absent = |failure: &crate::Failure<DnsError>| {
                    failure.error().is_some_and(DnsError::is_absence)
                };
                let missing = |error: &DnsError| matches!(error, DnsError::NoSuchName(_));
                if !absent(&one) {
                    Err(one)
                } else if !absent(&other) || other.error().is_some_and(missing) {
                    Err(other)
                } else if one.error().is_some_and(missing) {
                    Err(one)
                } else {
                    Err(DnsError::NoAddress(self.name.clone()).into())
                }
            }
            // It was cancelled.
            _ => return,
        };
        self.promise.fire(outcome);
    }

    fn end(&self) {
        let (questions, timer) = {
            let mut state = self.state.borrow_mut();
            (std::mem::take(&mut state.questions), state.timer.take())
        };
        if let Some(timer) = timer {
            timer.cancel();
        }
        for question in questions {
            question.cancel();
        }
    }
}

fn addresses_of(answer: &Answer) -> Vec<SocketAddr> {
    let addresses = answer
        .records
        .iter()
        .filter_map(|record| match record.data {
            RecordData::A(address) => Some(IpAddr::V4(address)),
            RecordData::Aaaa(address) => Some(IpAddr::V6(address)),
            _ => None,
        });
    addresses
        .map(|address| SocketAddr::new(address, 0))
        .collect()
}
