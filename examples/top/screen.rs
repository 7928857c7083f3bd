use std::cell::RefCell;
use std::rc::Rc;

use retwist::{Protocol, ReactorHandle, Reason, Terminal, TransportRef, WindowSize};

use crate::picture::{Sample, picture};

/// Another screen of the terminal, without a cursor; and back.
const BEGIN: &[u8] = b"\x1b[?1049h\x1b[?25l";
const END: &[u8] = b"\x1b[?25h\x1b[?1049l";

/// The size of a picture that goes to no terminal.
const PAPER: (usize, usize) = (100, 40);

/// Standard output, and the picture on it. A clone is the same screen.
#[derive(Clone)]
pub(crate) struct Screen {
    reactor: ReactorHandle,
    shared: Rc<RefCell<Shared>>,
}

#[derive(Default)]
struct Shared {
    transport: Option<TransportRef>,
    before: Option<Sample>,
}

impl Screen {
    pub(crate) fn new(reactor: &ReactorHandle) -> Self {
        Screen {
            reactor: reactor.clone(),
            shared: Rc::default(),
        }
    }

    /// The protocol of standard input and output.
    pub(crate) fn protocol(&self) -> Keys {
        Keys {
            screen: self.clone(),
        }
    }

    /// Draws, if there was a sample before to compare with.
    pub(crate) fn show(&self, sample: Sample) {
        let mut shared = self.shared.borrow_mut();
        let before = shared.before.replace(sample);
        let (Some(before), Some(now), Some(transport)) =
            (before, &shared.before, &shared.transport)
        else {
            return;
        };
        match size(transport) {
            // A terminal that is slow misses pictures.
            Some(_) if transport.buffered() > 0 => {}
            Some((columns, rows)) => {
                let mut drawn = String::from("\x1b[H");
                for line in picture(&before, now, columns)
                    .iter()
                    .take(rows.saturating_sub(1))
                {
                    drawn.extend([line, "\x1b[K\r\n"]);
                }
                drawn.push_str("\x1b[J");
                transport.write(drawn.as_bytes());
            }
            None => {
                let lines = picture(&before, now, PAPER.0);
                for line in lines.iter().take(PAPER.1) {
                    transport.write(format!("{line}\n").as_bytes());
                }
                self.reactor.stop();
            }
        }
    }
}

/// The columns and rows of a terminal; `None` for what is not a terminal.
fn size(transport: &TransportRef) -> Option<(usize, usize)> {
    let WindowSize { rows, columns, .. } = Terminal::of(transport)?.size().ok()?;
    Some((columns.into(), rows.into()))
}

/// What is typed.
pub(crate) struct Keys {
    screen: Screen,
}

impl Protocol for Keys {
    fn connection_made(&mut self, transport: &TransportRef) {
        if size(transport).is_some() {
            transport.write(BEGIN);
        }
        self.screen.shared.borrow_mut().transport = Some(transport.clone());
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        // q, and what Ctrl-C and Ctrl-D are in raw mode.
        let ends = |key: &u8| matches!(key, b'q' | 3 | 4);
        if size(transport).is_some() && data.iter().any(ends) {
            self.screen.reactor.stop();
        }
    }

    /// A program that is started without input has none.
    fn read_connection_lost(&mut self, _: &TransportRef) {}

    fn shutting_down(&mut self, transport: &TransportRef) {
        if size(transport).is_some() {
            transport.write(END);
        }
        transport.lose_connection();
    }

    fn connection_lost(&mut self, _: &Reason) {
        self.screen.shared.borrow_mut().transport = None;
        self.screen.reactor.stop();
    }
}
