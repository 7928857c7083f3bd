//! Answers that are longer than one turn of the loop: FETCH of large messages, SEARCH through many.
//!
//! Such a command is a [`Job`], made of steps of bounded work. The first steps run at once; if they do not suffice, a pull
//! producer asks for more each time that the client has taken what was written. The client's further commands wait unread. So
//! an answer takes 32 KiB of memory, whatever its length, and other connections have their turns between the steps.

use std::time::{Duration, Instant};

use retwist::protocols::{LineTransport, Lines, WeakReceiver};
use retwist::{Producer, ProducerKind};

use crate::answer::Answer;
use crate::session::Session;

/// How much is written at once.
pub(crate) const PIECE: usize = 32 << 10;
/// How long one turn may take.
const TURN: Duration = Duration::from_millis(5);

pub(crate) trait Job {
    /// Does a bounded piece of work, and appends what the client is to read, about [`PIECE`] bytes at most.
    fn step(&mut self, session: &mut Session, out: &mut Vec<u8>) -> Step;
}

pub(crate) enum Step {
    More,
    Done(Answer),
    /// What was announced can no longer be sent: only the end of the connection tells the client.
    Broken,
}

/// A job, and the command that it answers.
pub(crate) struct Running {
    tag: String,
    job: Box<dyn Job>,
    may_expunge: bool,
}

impl Running {
    pub(crate) fn new(tag: String, job: Box<dyn Job>, may_expunge: bool) -> Self {
        Running {
            tag,
            job,
            may_expunge,
        }
    }
}

impl Session {
    /// Begins a job, which may be done when this returns.
    pub(crate) fn start(&mut self, transport: &LineTransport, running: Running) {
        self.running = Some(running);
        self.advance(transport);
        if self.running.is_none() {
            return;
        }
        transport.pause_producing();
        let pump = Pump {
            session: transport.me(self),
        };
        if let Err(error) = transport.register_producer(std::rc::Rc::new(pump), ProducerKind::Pull)
        {
            log::error!("{}: {error}", transport.peer());
            transport.abort_connection();
        }
    }

    /// Goes on with the job, for one turn.
    fn advance(&mut self, transport: &LineTransport) {
        let Some(mut running) = self.running.take() else {
            return;
        };
        let began = Instant::now();
        let mut out = Vec::new();
        let step = loop {
            match running.job.step(self, &mut out) {
                Step::More if out.len() < PIECE && began.elapsed() < TURN => {}
                step => break step,
            }
        };
        match step {
            Step::More => {
                self.running = Some(running);
                if out.is_empty() {
                    // The producer is asked when something that was written has gone.
                    transport.call_later(Duration::ZERO, self, Self::advance);
                } else {
                    transport.write(&out);
                }
            }
            Step::Done(answer) => {
                let was_registered = transport.unregister_producer().is_some();
                self.answer(transport, out, &running.tag, answer, running.may_expunge);
                if was_registered {
                    transport.resume_producing();
                }
            }
            Step::Broken => {
                transport.unregister_producer();
                transport.abort_connection();
            }
        }
    }
}

/// What the transport asks for more.
struct Pump {
    session: WeakReceiver<Lines, Session>,
}

impl Producer for Pump {
    fn resume_producing(&self) {
        self.session.call(Session::advance);
    }

    fn pause_producing(&self) {}

    fn stop_producing(&self) {}
}
