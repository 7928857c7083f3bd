use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use crate::{Figure, FigureKind, FigureName, Histogram, Refused};

/// The counters and gauges of one reactor: those of the reactor itself, and by name by layers, libraries and the
/// application.
///
/// Each clock has them ([`Clock::figures`](crate::Clock::figures)), so that a layer finds them by its
/// transport. [`Stats`](crate::Stats) has the values, and so a console and a metrics endpoint show them.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::testing::MemoryReactor;
///
/// let reactor = MemoryReactor::new();
/// let logins = reactor.clock().figures().counter("logins");
/// logins.add(1);
/// let stats = reactor.stats();
/// assert_eq!(stats.figures[0].name.to_string(), "logins");
/// assert_eq!(stats.figures[0].value, 1);
/// ```
#[derive(Default)]
pub struct Figures {
    pub(crate) totals: Totals,
    pub(crate) lag: RefCell<Histogram>,
    counters: RefCell<BTreeMap<FigureName, Rc<Cell<u64>>>>,
    gauges: RefCell<Vec<(FigureName, Gauge)>>,
}

type Gauge = Rc<dyn Fn() -> Option<u64>>;

/// What the reactor counts. It is in cells of its own, since it is counted where it happens.
#[derive(Default)]
pub(crate) struct Totals {
    /// But for the deliveries to connections that there still are.
    pub(crate) callbacks: Cell<u64>,
    pub(crate) timers_called: Cell<u64>,
    pub(crate) accepted: Cell<u64>,
    pub(crate) refused: Cell<Refused>,
    pub(crate) begun: Cell<u64>,
    pub(crate) ended: Cell<u64>,
    pub(crate) broken: Cell<u64>,
    /// By connections that have ended.
    pub(crate) received: Cell<u64>,
    pub(crate) sent: Cell<u64>,
}

/// Counts one more.
#[inline]
pub(crate) fn count(cell: &Cell<u64>) {
    cell.set(cell.get() + 1);
}

impl Figures {
    /// The counter of this name, which is made if there is none. Two that ask for one name share it. To
    /// count, keep what this returns: looking it up again costs more than to add.
    pub fn counter(&self, name: impl Into<FigureName>) -> Counter {
        let mut counters = self.counters.borrow_mut();
        Counter(counters.entry(name.into()).or_default().clone())
    }

    /// Has `read` called each time that the figures are looked at: how many there are now of something,
    /// or `None` once that has gone. It must not keep alive what it looks at, and not change anything.
    /// The values of gauges with one name are added up.
    ///
    /// A panic in it is logged, and the gauge is forgotten.
    pub fn gauge(&self, name: impl Into<FigureName>, read: impl Fn() -> Option<u64> + 'static) {
        self.gauges.borrow_mut().push((name.into(), Rc::new(read)));
    }

    /// All that is counted by name, in the order of names.
    pub fn by_name(&self) -> Vec<Figure> {
        let counters = self.counters.borrow();
        let counted = counters
            .iter()
            .map(|(name, value)| Figure::new(name.clone(), FigureKind::Counter, value.get()));
        let mut figures: Vec<_> = counted.collect();
        drop(counters);
        for (name, value) in self.read_gauges() {
            figures.push(Figure::new(name, FigureKind::Gauge, value));
        }
        figures.sort_by(|one, other| one.name.cmp(&other.name));
        figures
    }

    fn read_gauges(&self) -> BTreeMap<FigureName, u64> {
        // What is read is code of others, which may look here.
        let gauges = self.gauges.borrow().clone();
        let mut values = BTreeMap::new();
        let mut gone: Vec<Gauge> = Vec::new();
        for (name, read) in gauges {
            match crate::catch_panic(|| read()) {
                Ok(Some(value)) => *values.entry(name).or_insert(0) += value,
                Ok(None) => gone.push(read),
                Err(message) => {
                    log::error!("the gauge {name} panicked and is forgotten: {message}");
                    gone.push(read);
                }
            }
        }
        if !gone.is_empty() {
            let is_gone = |gauge: &Gauge| gone.iter().any(|gone| Rc::ptr_eq(gone, gauge));
            let mut gauges = self.gauges.borrow_mut();
            gauges.retain(|(_, gauge)| !is_gone(gauge));
        }
        values
    }
}

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.by_name()).finish()
    }
}

/// A figure that only grows. A clone is the same counter.
#[derive(Clone, Debug, Default)]
pub struct Counter(Rc<Cell<u64>>);

impl Counter {
    /// Adds this many.
    pub fn add(&self, more: u64) {
        self.0.set(self.0.get().wrapping_add(more));
    }

    /// Returns how many so far.
    pub fn value(&self) -> u64 {
        self.0.get()
    }
}
