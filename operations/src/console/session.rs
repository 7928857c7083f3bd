use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use retwist_protocols::{LineReceiver, LineTransport};
use retwist_reactor::{Producer, ProducerKind, TransportRef};

use super::answer::{Answer, Style};
use super::commands::{Command, rest_after};
use super::{MOST, Shared};

/// How long a command may be, in bytes.
pub(super) const LONGEST_LINE: usize = 1000;

/// How long a console may be silent, both ways.
pub(super) const IDLE: Duration = Duration::from_secs(30 * 60);

/// How often it looks whether it is among the last, under a drain.
const LOOK: Duration = Duration::from_millis(500);

/// How many lines are written at a time.
const PAGE: usize = 64;

/// One connection to the console.
///
/// ```text
/// reading --a line--> answering, not reading --all is written--> resting --the time is up--> reading
/// ```
///
/// What the peer sends meanwhile waits in the system, and in the end with the peer.
pub(super) struct Session {
    shared: Rc<Shared>,
    /// Whether it is one of those that may be open.
    counts: bool,
}

impl Session {
    pub(super) fn new(shared: &Rc<Shared>) -> Self {
        let counts = shared.open.get() < MOST;
        if counts {
            shared.open.set(shared.open.get() + 1);
        }
        Session {
            shared: shared.clone(),
            counts,
        }
    }

    /// Ends when all connections that the program serves but the consoles have ended.
    fn leave_last(&mut self, transport: &LineTransport) {
        let stats = self.shared.reactor.stats();
        let served = stats.connections.total().saturating_sub(stats.outgoing);
        if served <= self.shared.open.get() {
            transport.lose_connection();
        } else {
            transport.call_later(LOOK, self, Self::leave_last);
        }
    }

    fn refuse(&self, transport: &LineTransport, why: &str) {
        log::warn!("a console is refused: {why}");
        transport.write(format!("error: {why}\n").as_bytes());
        transport.lose_connection();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.counts {
            self.shared.open.set(self.shared.open.get() - 1);
        }
    }
}

impl LineReceiver for Session {
    fn connection_made(&mut self, transport: &LineTransport) {
        let bottom: &TransportRef = transport;
        if !self.counts {
            self.refuse(transport, &format!("there are {MOST} consoles already"));
        } else if let Some(why) = self.shared.access.get().refuses(bottom) {
            self.refuse(transport, &why);
        }
    }

    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        let began = Instant::now();
        let Ok(line) = std::str::from_utf8(line) else {
            let answer = Answer::error("a command is text");
            return Answering::begin(transport, answer, Style::Text, began);
        };
        let line = line.trim_ascii();
        let (style, line) = match line.split_once(|letter: char| letter.is_ascii_whitespace()) {
            Some(("json", rest)) => (Style::Json, rest.trim_ascii()),
            _ => (Style::Text, line),
        };
        match line {
            "" => {}
            "quit" => transport.lose_connection(),
            _ => {
                let answer = Command::run(&self.shared, line);
                let answer = answer.unwrap_or_else(|why| Answer::error(&why));
                Answering::begin(transport, answer, style, began);
            }
        }
    }

    fn line_length_exceeded(&mut self, transport: &LineTransport, _: &[u8]) {
        self.refuse(
            transport,
            &format!("a command has at most {LONGEST_LINE} bytes"),
        );
    }

    /// A console looks on while the program drains, and holds it up no longer than the others.
    fn shutting_down(&mut self, transport: &LineTransport) {
        if transport.is_draining() {
            self.leave_last(transport);
        } else {
            transport.lose_connection();
        }
    }

    /// Of a peer that ends its input with a command and no end of line.
    fn line_incomplete(&mut self, transport: &LineTransport, line: &[u8]) {
        self.line_received(transport, line);
    }
}

/// An answer that is being written, as fast as the peer takes it.
struct Answering {
    transport: LineTransport,
    lines: RefCell<Box<dyn Iterator<Item = String>>>,
    /// How long it has kept the loop so far.
    work: Cell<Duration>,
}

impl Answering {
    fn begin(transport: &LineTransport, answer: Answer, style: Style, began: Instant) {
        transport.pause_producing();
        let answering = Rc::new(Answering {
            transport: transport.clone(),
            lines: RefCell::new(Box::new(answer.lines(style))),
            work: Cell::new(began.elapsed()),
        });
        // There is no other: nothing is read while there is one.
        let _ = transport.register_producer(answering, ProducerKind::Pull);
    }

    fn rest(&self) {
        let transport = self.transport.clone();
        let clock = transport.clock();
        clock.call_later(rest_after(self.work.get()), move || {
            transport.resume_producing()
        });
    }
}

impl Producer for Answering {
    fn resume_producing(&self) {
        let began = Instant::now();
        let mut page = String::new();
        let mut lines = self.lines.borrow_mut();
        let mut is_last = false;
        for _ in 0..PAGE {
            match lines.next() {
                Some(line) => page.extend([&line, "\n"]),
                None => {
                    is_last = true;
                    page.push('\n');
                    break;
                }
            }
        }
        self.transport.write(page.as_bytes());
        self.work.set(self.work.get() + began.elapsed());
        if is_last {
            self.transport.unregister_producer();
            self.rest();
        }
    }

    fn pause_producing(&self) {}

    fn stop_producing(&self) {}
}
