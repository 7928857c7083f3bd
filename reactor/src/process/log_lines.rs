use std::rc::Rc;

use crate::{Protocol, Reason, TransportRef};

/// The longest part of a line that the log shows.
const LONGEST: usize = 1000;

/// The protocol of a pipe whose lines go to the log.
pub(super) struct LogLines {
    /// What writes them.
    name: Rc<str>,
    line: Vec<u8>,
    /// How many bytes of the line are left out.
    cut: usize,
}

impl LogLines {
    pub(super) fn new(name: &str) -> Self {
        LogLines {
            name: name.into(),
            line: Vec::new(),
            cut: 0,
        }
    }

    fn take(&mut self, part: &[u8]) {
        let room = LONGEST - self.line.len();
        let (kept, rest) = part.split_at(part.len().min(room));
        self.line.extend_from_slice(kept);
        self.cut += rest.len();
    }

    fn end_line(&mut self) {
        let text = String::from_utf8_lossy(&self.line);
        let (name, text) = (&self.name, text.trim_end());
        match self.cut {
            0 => log::warn!("{name}: {text}"),
            cut => log::warn!("{name}: {text} [and {cut} bytes more]"),
        }
        self.line.clear();
        self.cut = 0;
    }
}

impl Protocol for LogLines {
    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        let mut pieces = data.split(|byte| *byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            self.take(piece);
            if pieces.peek().is_some() {
                self.end_line();
            }
        }
    }

    /// The last words of a child are worth as much as the others.
    fn shutting_down(&mut self, _: &TransportRef) {}

    fn connection_lost(&mut self, _: &Reason) {
        if !self.line.is_empty() {
            self.end_line();
        }
    }
}
