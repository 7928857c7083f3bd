use std::cell::{Cell, RefCell};
use std::rc::Rc;

use retwist_reactor::{Producer, TransportRef};

use super::pattern;

/// What a producer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// `resume_producing`: write more.
    Resume,
    /// `pause_producing`: write no more for now.
    Pause,
    /// `stop_producing`: the connection has ended.
    Stop,
}

type Reaction = Box<dyn Fn(Told)>;
type Answer = Box<dyn Fn() -> Option<bool>>;

/// A producer that remembers what it was told, and reacts.
pub struct PeerProducer {
    told: RefCell<Vec<Told>>,
    reaction: Reaction,
    finished: Answer,
}

impl PeerProducer {
    /// One that reacts like this.
    pub fn new(reaction: impl Fn(Told) + 'static) -> Rc<Self> {
        PeerProducer::answering(reaction, || None)
    }

    /// One that answers whether it has finished.
    pub fn answering(
        reaction: impl Fn(Told) + 'static,
        finished: impl Fn() -> Option<bool> + 'static,
    ) -> Rc<Self> {
        Rc::new(PeerProducer {
            told: RefCell::default(),
            reaction: Box::new(reaction),
            finished: Box::new(finished),
        })
    }

    /// One that only remembers.
    pub fn quiet() -> Rc<Self> {
        PeerProducer::new(|_| ())
    }

    /// Writes `pieces` pieces, one for each time that it is asked, and is gone.
    pub fn pulled(transport: &TransportRef, pieces: usize) -> Rc<Self> {
        let (transport, left) = (transport.clone(), Cell::new(pieces));
        PeerProducer::new(move |told| {
            if told == Told::Resume {
                transport.write(&pattern(1_000));
                left.set(left.get() - 1);
                if left.get() == 0 {
                    transport.unregister_producer();
                }
            }
        })
    }

    /// All that it was told, in order.
    pub fn told(&self) -> Vec<Told> {
        self.told.borrow().clone()
    }

    /// Whether the last thing that it was told is to pause.
    pub fn is_paused(&self) -> bool {
        self.told.borrow().last() == Some(&Told::Pause)
    }

    /// Tells it something, as a transport does.
    pub fn hear(&self, told: Told) {
        self.told.borrow_mut().push(told);
        (self.reaction)(told);
    }
}

impl Producer for PeerProducer {
    fn resume_producing(&self) {
        self.hear(Told::Resume);
    }

    fn pause_producing(&self) {
        self.hear(Told::Pause);
    }

    fn stop_producing(&self) {
        self.hear(Told::Stop);
    }

    fn has_finished(&self) -> Option<bool> {
        (self.finished)()
    }
}
