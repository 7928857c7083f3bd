//! The text of a message as POP3 sends it: lines that end in CR LF, a dot more before each one that
//! begins a line, and a line with nothing but a dot at the end (RFC 1939, section 3).

use std::io::{self, Read};

/// How many bytes are read at a time.
const PIECE: usize = 8 * 1024;

/// Reads a message, and gives what is sent for it.
///
/// Other programs keep the lines of a maildir with LF alone, and a message may have come with such
/// lines: all of them are sent with CR LF, or else a client that takes LF for an end of line could take
/// a dot in the text for the end of the message.
pub(crate) struct Text<R> {
    message: R,
    /// What is ready to be sent, and how much of it has been taken.
    ready: Vec<u8>,
    taken: usize,
    /// How many bytes this line has so far, without CR and LF.
    length: usize,
    /// Nothing of a line has come.
    at_start: bool,
    after_cr: bool,
    part: Part,
}

/// What of the message is still wanted.
enum Part {
    All,
    /// The header, and then this many lines.
    Header {
        lines: usize,
    },
    Lines(usize),
    /// Nothing: the end has been written.
    Over,
}

impl<R: Read> Text<R> {
    /// All of a message; or its header and this many lines of its body.
    pub(crate) fn new(message: R, lines: Option<usize>) -> Self {
        Text {
            message,
            ready: Vec::new(),
            taken: 0,
            length: 0,
            at_start: true,
            after_cr: false,
            part: lines.map_or(Part::All, |lines| Part::Header { lines }),
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut piece = [0; PIECE];
        let read = self.message.read(&mut piece)?;
        self.ready.clear();
        self.taken = 0;
        for &byte in &piece[..read] {
            if matches!(self.part, Part::Over) {
                return Ok(());
            }
            self.take(byte);
        }
        if read == 0 {
            if !self.at_start {
                self.end_line();
            }
            self.end();
        }
        Ok(())
    }

    fn take(&mut self, byte: u8) {
        if byte == b'\n' {
            return self.end_line();
        }
        if self.at_start && byte == b'.' {
            self.ready.push(b'.');
        }
        self.ready.push(byte);
        self.at_start = false;
        self.after_cr = byte == b'\r';
        self.length += usize::from(byte != b'\r');
    }

    fn end_line(&mut self) {
        let end: &[u8] = if self.after_cr { b"\n" } else { b"\r\n" };
        self.ready.extend_from_slice(end);
        let was_empty = self.length == 0;
        (self.at_start, self.after_cr, self.length) = (true, false, 0);
        match self.part {
            Part::Header { lines } if was_empty => self.part = Part::Lines(lines),
            Part::Lines(lines) => self.part = Part::Lines(lines - 1),
            Part::All | Part::Header { .. } | Part::Over => {}
        }
        if let Part::Lines(0) = self.part {
            self.end();
        }
    }

    fn end(&mut self) {
        if !matches!(self.part, Part::Over) {
            self.ready.extend_from_slice(b".\r\n");
            self.part = Part::Over;
        }
    }
}

impl<R: Read> Read for Text<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.ready.len() && !matches!(self.part, Part::Over) {
            self.fill()?;
        }
        let ready = &self.ready[self.taken..];
        let length = ready.len().min(buffer.len());
        buffer[..length].copy_from_slice(&ready[..length]);
        self.taken += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives this many bytes at a time.
    struct Dribble<'a>(&'a [u8], usize);

    impl Read for Dribble<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(self.0.len()).min(buffer.len());
            let (piece, rest) = self.0.split_at(length);
            buffer[..length].copy_from_slice(piece);
            self.0 = rest;
            Ok(length)
        }
    }

    #[test]
    fn what_is_sent_at_every_cut() {
        let message = "a: b\r\n\r\none\r\n.two\r\n";
        for (text, lines, sent) in [
            ("", None, ".\r\n"),
            ("one", None, "one\r\n.\r\n"),
            (".", None, "..\r\n.\r\n"),
            ("..a\r\n.\r\n", None, "...a\r\n..\r\n.\r\n"),
            ("a\n.\nb\n", None, "a\r\n..\r\nb\r\n.\r\n"),
            ("a\n.\r\nQUIT\r\n", None, "a\r\n..\r\nQUIT\r\n.\r\n"),
            ("a\r.\rb\r\r\n\r", None, "a\r.\rb\r\r\n\r\n.\r\n"),
            ("a.b\0\n", None, "a.b\0\r\n.\r\n"),
            (message, None, "a: b\r\n\r\none\r\n..two\r\n.\r\n"),
            (message, Some(0), "a: b\r\n\r\n.\r\n"),
            (message, Some(1), "a: b\r\n\r\none\r\n.\r\n"),
            (message, Some(2), "a: b\r\n\r\none\r\n..two\r\n.\r\n"),
            (
                message,
                Some(usize::MAX),
                "a: b\r\n\r\none\r\n..two\r\n.\r\n",
            ),
            ("\n\none", Some(1), "\r\n\r\n.\r\n"),
            ("a: b\n c\n", Some(1), "a: b\r\n c\r\n.\r\n"),
            ("a: b\n\none", Some(1), "a: b\r\n\r\none\r\n.\r\n"),
        ] {
            for size in [1, 2, 3, 7, 64] {
                let mut got = Vec::new();
                let mut reader = Text::new(Dribble(text.as_bytes(), size), lines);
                reader.read_to_end(&mut got).unwrap();
                assert_eq!(String::from_utf8(got).unwrap(), sent, "{text:?} by {size}s");
            }
        }
    }
}
