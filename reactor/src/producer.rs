use std::error::Error;
use std::fmt;
use std::rc::Rc;

/// Something that writes more than fits at once, and lets itself be held back.
///
/// Registered with [`Transport::register_producer`](crate::Transport::register_producer). A
/// transport is a producer too, of what its peer sends, so that a proxy registers each side with
/// the other.
#[doc(alias = "IPushProducer")]
#[doc(alias = "IPullProducer")]
pub trait Producer {
    /// Write more. A pull producer writes one piece for each call; a push producer goes on until it
    /// is paused.
    ///
    /// Called by a turn, never from inside a transport's method.
    fn resume_producing(&self);

    /// Write no more until [`resume_producing`](Producer::resume_producing).
    ///
    /// Called from inside the `write` that fills the buffer, so that a loop which checks a flag
    /// stops at once: note the fact and return. Never called on a pull producer.
    fn pause_producing(&self);

    /// Write no more at all: the connection has gone. Nothing is called after this, and no
    /// [`unregister_producer`](crate::Transport::unregister_producer) is owed. Called by a turn.
    fn stop_producing(&self);

    /// Whether it will write nothing more, though it is still registered. A close does not wait for
    /// such a one. Asked when the close could go on; a producer that finishes later says so with
    /// [`unregister_producer`](crate::Transport::unregister_producer).
    ///
    /// A transport has finished when it, or one below it, has been closed. So when both sides of a
    /// proxy are closed, as the reactor does at its end, neither waits for the other.
    fn has_finished(&self) -> bool {
        false
    }
}

/// Who sets the pace of a [`Producer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProducerKind {
    /// The producer writes when it likes (`streaming=True` in Twisted): it is paused when more than
    /// the high-water mark is waiting, and resumed when all of it has gone.
    Push,
    /// The producer writes when it is asked (`streaming=False`): each time that nothing is waiting,
    /// once a turn.
    Pull,
}

/// [`register_producer`](crate::Transport::register_producer) failed: there is a producer already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerRegistered;

impl fmt::Display for ProducerRegistered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this transport has a producer already; unregister that one first")
    }
}

impl Error for ProducerRegistered {}

/// A producer registered with something that queues, and whether it has been told to pause.
///
/// For those who write a channel or a layer with a queue of its own: [`written`](Flow::written)
/// after something was queued, [`next`](Flow::next) in a turn. All that producers may rely on is
/// decided here.
#[derive(Default)]
pub struct Flow {
    registered: Option<Registered>,
}

struct Registered {
    producer: Rc<dyn Producer>,
    kind: ProducerKind,
    state: Pace,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// A push producer that writes as it likes, or a pull producer that has been asked.
    Running,
    /// Waits for the queue to empty.
    Paused,
}

impl Flow {
    /// Takes the producer; a pull producer, and one that starts on a full queue, waits to be asked.
    pub fn register(
        &mut self,
        producer: Rc<dyn Producer>,
        kind: ProducerKind,
    ) -> Result<(), ProducerRegistered> {
        if self.registered.is_some() {
            return Err(ProducerRegistered);
        }
        let state = match kind {
            ProducerKind::Push => Pace::Running,
            ProducerKind::Pull => Pace::Paused,
        };
        self.registered = Some(Registered {
            producer,
            kind,
            state,
        });
        Ok(())
    }

    /// Gives the producer up; nothing is called on it any more. None if there was none.
    pub fn unregister(&mut self) -> Option<(Rc<dyn Producer>, ProducerKind)> {
        self.registered.take().map(|r| (r.producer, r.kind))
    }

    /// Whether there is a producer.
    pub fn is_registered(&self) -> bool {
        self.registered.is_some()
    }

    /// Whether there is a producer, and a close has to wait for it.
    pub fn is_waited_for(&self) -> bool {
        let registered = self.registered.as_ref();
        registered.is_some_and(|registered| !registered.producer.has_finished())
    }

    /// `queued` bytes are waiting now: the producer to pause, if this is when. The caller calls it
    /// with no borrow held.
    #[must_use]
    pub fn written(&mut self, queued: usize, high_water: usize) -> Option<Rc<dyn Producer>> {
        let registered = self.registered.as_mut()?;
        match registered.kind {
            // Asked again when what it wrote has gone; not before it has written.
            ProducerKind::Pull => registered.state = Pace::Paused,
            ProducerKind::Push => {
                if queued > high_water && registered.state == Pace::Running {
                    registered.state = Pace::Paused;
                    return Some(registered.producer.clone());
                }
            }
        }
        None
    }

    /// The producer to resume, if nothing is waiting (`queued` is 0) and it is waiting for that.
    #[must_use]
    pub fn next(&mut self, queued: usize) -> Option<Rc<dyn Producer>> {
        let registered = self.registered.as_mut()?;
        if queued > 0 || registered.state == Pace::Running {
            return None;
        }
        registered.state = Pace::Running;
        Some(registered.producer.clone())
    }
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow")
            .field("kind", &self.registered.as_ref().map(|r| r.kind))
            .finish_non_exhaustive()
    }
}
