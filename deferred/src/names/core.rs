use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::rc::{Rc, Weak};
use std::time::Instant;

use retwist_reactor::{Clock, FullReactor};

use super::cache::Cache;
use super::exchange::Exchange;
use super::finding::{Finding, Lead, Trail};
use super::hosts::Hosts;
use super::message::{Question, Reply};
use super::watched_file::WatchedFile;
use super::{Answer, DnsError, DnsSettings};
use crate::{Canceller, Deferred, DeferredSemaphore, Failure, Outcome, Promise};

/// What all handles of one resolver share.
///
/// What is evil here: a thousand callers want the same answer at once, and some of them cancel. So
/// a question that is being asked is not asked again: its callers wait together, and it is taken
/// back when the last of them cancels. The work owns the core, and the core knows the work weakly:
/// a resolver that is dropped still answers what it was asked, and then goes.
pub(super) struct Core {
    pub(super) reactor: Rc<dyn FullReactor>,
    pub(super) clock: Clock,
    settings: Rc<DnsSettings>,
    resolv_conf: RefCell<Option<WatchedFile<Rc<DnsSettings>>>>,
    hosts: RefCell<Option<WatchedFile<Hosts>>>,
    cache: RefCell<Cache>,
    asking: RefCell<HashMap<Question, Rc<Asking>>>,
    permits: DeferredSemaphore,
    /// Which server the next question begins with, if they take turns.
    first: Cell<usize>,
}

/// A question that is being asked, and the callers that wait for the answer.
#[derive(Default)]
struct Asking {
    waiting: RefCell<BTreeMap<u64, Promise<Rc<Answer>, DnsError>>>,
    next: Cell<u64>,
    work: RefCell<Option<Canceller>>,
}

impl Core {
    pub(super) fn new(reactor: Rc<dyn FullReactor>, settings: DnsSettings) -> Rc<Self> {
        Rc::new(Core {
            clock: reactor.time(),
            reactor,
            cache: RefCell::new(Cache::new(settings.cache_entries)),
            permits: DeferredSemaphore::new(settings.max_questions.max(1)),
            settings: Rc::new(settings),
            resolv_conf: RefCell::default(),
            hosts: RefCell::default(),
            asking: RefCell::default(),
            first: Cell::new(0),
        })
    }

    pub(super) fn follow_resolv_conf(&self, path: std::path::PathBuf) {
        let base = self.settings.clone();
        let read = move |text: &str| Rc::new((*base).clone().with_resolv_conf(text));
        *self.resolv_conf.borrow_mut() = Some(WatchedFile::new(path, read));
    }

    pub(super) fn follow_hosts(&self, path: std::path::PathBuf) {
        *self.hosts.borrow_mut() = Some(WatchedFile::new(path, Hosts::parse));
    }

    /// The settings as they are now.
    pub(super) fn settings(&self) -> Rc<DnsSettings> {
        match &*self.resolv_conf.borrow() {
            Some(file) => (*file.get(self.now())).clone(),
            None => self.settings.clone(),
        }
    }

    /// The hosts file as it is now, if there is one.
    pub(super) fn hosts(&self) -> Option<Rc<Hosts>> {
        let hosts = self.hosts.borrow();
        hosts.as_ref().map(|file| file.get(self.now()))
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    pub(super) fn cached(&self) -> usize {
        self.cache.borrow().len()
    }

    pub(super) fn clear_cache(&self) {
        self.cache.borrow_mut().clear();
    }

    /// Finds the answer: in the cache, with a caller that has asked already, or from a server.
    pub(super) fn find(self: &Rc<Self>, question: Question) -> Deferred<Rc<Answer>, DnsError> {
        let cached = self.cache.borrow().get(&question, self.now());
        if let Some(outcome) = cached {
            return Deferred::from_outcome(outcome.map_err(Failure::Error));
        }
        let running = self.asking.borrow().get(&question).cloned();
        if let Some(asking) = running {
            return self.wait(&question, &asking);
        }
        let asking = Rc::<Asking>::default();
        self.asking
            .borrow_mut()
            .insert(question.clone(), asking.clone());
        let answer = self.wait(&question, &asking);
        self.start(question, &asking);
        answer
    }

    fn start(self: &Rc<Self>, question: Question, asking: &Rc<Asking>) {
        let (core, asked) = (self.clone(), question.clone());
        let work = self.permits.run(move || core.pursue(Trail::new(&asked)));
        *asking.work.borrow_mut() = Some(work.canceller());
        let (core, asking) = (self.clone(), Rc::downgrade(asking));
        work.done(move |outcome| {
            if let Ok(finding) = &outcome {
                core.cache.borrow_mut().put(&question, finding, core.now());
            }
            if let Some(asking) = asking.upgrade() {
                core.forget(&question, &asking);
                asking.fire(outcome);
            }
        });
    }

    /// Asks servers, and asks again for the names to which aliases lead.
    fn pursue(self: &Rc<Self>, trail: Trail) -> Deferred<Finding, DnsError> {
        let settings = self.settings();
        let first = if settings.rotate {
            self.first.replace(self.first.get().wrapping_add(1))
        } else {
            0
        };
        let core = self.clone();
        let replied: Deferred<Reply, DnsError> =
            Exchange::begin(&self.reactor, &trail.at, &settings, first);
        replied.add_callback(move |reply| match trail.follow(&reply) {
            Ok(Lead::End(finding)) => Deferred::succeed(finding),
            Ok(Lead::On(trail)) => core.pursue(trail),
            Err(error) => Deferred::fail(error),
        })
    }

    fn wait(
        self: &Rc<Self>,
        question: &Question,
        asking: &Rc<Asking>,
    ) -> Deferred<Rc<Answer>, DnsError> {
        let id = asking.next.replace(asking.next.get() + 1);
        let (core, question) = (Rc::downgrade(self), question.clone());
        let weak = Rc::downgrade(asking);
        let (promise, answer) = Deferred::with_canceller(move |_| {
            leave(&core, &question, &weak, id);
        });
        asking.waiting.borrow_mut().insert(id, promise);
        answer
    }

    fn forget(&self, question: &Question, asking: &Rc<Asking>) {
        let mut all = self.asking.borrow_mut();
        if all
            .get(question)
            .is_some_and(|other| Rc::ptr_eq(other, asking))
        {
            all.remove(question);
        }
    }
}

/// A caller has cancelled. The last one takes the question back.
fn leave(core: &Weak<Core>, question: &Question, asking: &Weak<Asking>, id: u64) {
    let (Some(core), Some(asking)) = (core.upgrade(), asking.upgrade()) else {
        return;
    };
    let left = asking.waiting.borrow_mut().remove(&id);
    if left.is_some() && asking.waiting.borrow().is_empty() {
        core.forget(question, &asking);
        if let Some(work) = asking.work.take() {
            work.cancel();
        }
    }
}

impl Asking {
    /// Tells all callers, in the order in which they came.
    fn fire(&self, outcome: Outcome<Finding, DnsError>) {
        let outcome = match outcome {
            Ok(finding) => finding.outcome.map_err(Failure::Error),
            // The timer of an exchange is dropped with its reactor, and the promise with the timer.
            Err(Failure::BrokenPromise) => Err(Failure::ReactorEnded),
            Err(failure) => Err(failure),
        };
        let waiting = mem::take(&mut *self.waiting.borrow_mut());
        for promise in waiting.into_values() {
            promise.fire(outcome.clone());
        }
    }
}
