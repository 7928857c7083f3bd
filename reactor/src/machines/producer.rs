use std::error::Error;
use std::fmt;
use std::rc::Rc;

/// Something that writes more than fits at once, and lets itself be held back.
///
/// Each of these is code of the application: a panic costs the connection that called it.
///
/// Registered with [`Transport::register_producer`](crate::Transport::register_producer). A
/// transport is a producer too, of what its peer sends, so that a proxy registers each side with
/// the other.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::testing::RecordingTransport;
/// use retwist::{Producer, ProducerKind, Protocol, TransportRef};
/// use std::cell::Cell;
/// use std::rc::Rc;
///
/// /// Writes a line each time that it is asked.
/// struct CountDown {
///     transport: TransportRef,
///     left: Cell<u32>,
/// }
///
/// impl Producer for CountDown {
///     fn resume_producing(&self) {
///         match self.left.get() {
///             0 => drop(self.transport.unregister_producer()),
///             left => {
///                 self.left.set(left - 1);
///                 self.transport.write(format!("{left}\n").as_bytes());
///             }
///         }
///     }
///     fn pause_producing(&self) {} // never called on a pull producer
///     fn stop_producing(&self) {}
/// }
///
/// struct Rocket;
///
/// impl Protocol for Rocket {
///     fn connection_made(&mut self, transport: &TransportRef) {
///         let count = CountDown { transport: transport.clone(), left: Cell::new(2) };
///         transport.register_producer(Rc::new(count), ProducerKind::Pull).unwrap();
///         transport.lose_connection(); // waits until the producer has finished
///     }
/// }
///
/// let recording = RecordingTransport::connect(Rocket);
/// assert_eq!(recording.take_written(), b"2\n");
/// assert_eq!(recording.take_written(), b"1\n");
/// ```
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

    /// Whether it has written all that it will write, though it is still registered: what a close
    /// asks before it ends the output. `Some(true)` lets the close go on, `Some(false)` holds it.
    ///
    /// `None`, the default, leaves the answer to the kind. A pull producer holds a close until it is
    /// unregistered. A push producer holds it only while it is paused, and from then on until it
    /// has written again: a producer that has not been paused has written what it had. One that still
    /// has more to write says `Some(false)`.
    ///
    /// A transport answers `Some(true)` once it, or one below it, has been closed. So when both
    /// sides of a proxy are closed, as the reactor does at its end, neither waits for the other.
    ///
    /// Called by a turn. A producer that finishes later says so with
    /// [`unregister_producer`](crate::Transport::unregister_producer).
    fn has_finished(&self) -> Option<bool> {
        None
    }
}

/// Which side sets the pace of a [`Producer`].
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
    /// It waits for the queue to empty.
    Paused,
    /// It has been resumed, and has not written since.
    Resumed,
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

    /// Gives the producer up; no further call is made on it. Returns `None` without a producer.
    pub fn unregister(&mut self) -> Option<(Rc<dyn Producer>, ProducerKind)> {
        self.registered.take().map(|r| (r.producer, r.kind))
    }

    /// Whether there is a producer.
    pub fn is_registered(&self) -> bool {
        self.registered.is_some()
    }

    /// A close begins. From here on it matters whether a producer that is resumed writes again:
    /// what it was resumed for before does not hold the close.
    pub fn close_begins(&mut self) {
        if let Some(registered) = &mut self.registered
            && registered.state == Pace::Resumed
        {
            registered.state = Pace::Running;
        }
    }

    /// The producer that a close may have to wait for; `None` without a producer. The caller asks
    /// [`holds_close`](Awaited::holds_close) with no borrow held.
    pub fn awaited(&self) -> Option<Awaited> {
        let registered = self.registered.as_ref()?;
        Some(Awaited {
            producer: registered.producer.clone(),
            is_busy: registered.kind == ProducerKind::Pull || registered.state != Pace::Running,
        })
    }

    /// `queued` bytes are waiting now: the producer to pause, if this is when. The caller calls it
    /// with no borrow held.
    #[must_use]
    pub fn written(&mut self, queued: usize, high_water: usize) -> Option<Rc<dyn Producer>> {
        let registered = self.registered.as_mut()?;
        match registered.kind {
            // Asked again when what it wrote has gone; not before it has written.
            ProducerKind::Pull => registered.state = Pace::Paused,
            ProducerKind::Push if registered.state == Pace::Paused => {}
            ProducerKind::Push if queued > high_water => {
                registered.state = Pace::Paused;
                return Some(registered.producer.clone());
            }
            ProducerKind::Push => registered.state = Pace::Running,
        }
        None
    }

    /// The producer to resume, if nothing is waiting (`queued` is 0) and it is waiting for that.
    #[must_use]
    pub fn next(&mut self, queued: usize) -> Option<Rc<dyn Producer>> {
        let registered = self.registered.as_mut()?;
        if queued > 0 || registered.state != Pace::Paused {
            return None;
        }
        registered.state = match registered.kind {
            ProducerKind::Push => Pace::Resumed,
            ProducerKind::Pull => Pace::Running,
        };
        Some(registered.producer.clone())
    }
}

/// A producer that is asked whether a close has to wait for it: see [`Flow::awaited`].
pub struct Awaited {
    producer: Rc<dyn Producer>,
    is_busy: bool,
}

impl Awaited {
    /// Whether a close waits for it: [`Producer::has_finished`] says so, or else its kind and
    /// state. It runs code of the application, which may panic and do anything.
    pub fn holds_close(&self) -> bool {
        self.producer
            .has_finished()
            .map_or(self.is_busy, |finished| !finished)
    }
}

impl fmt::Debug for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Awaited")
            .field("is_busy", &self.is_busy)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow")
            .field("kind", &self.registered.as_ref().map(|r| r.kind))
            .finish_non_exhaustive()
    }
}
