use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{Cursor, ErrorKind, Read};
use std::rc::Rc;
use std::sync::Arc;

use memchr::memchr2;
use retwist_reactor::{Producer, ProducerKind, ProducerRegistered, TransportRef};

use super::session::Session;
use crate::mail::MailError;
use crate::{Lines, WeakReceiver};

/// The text of a message: header, an empty line, and the rest.
///
/// It is read while it is sent, a piece at a time, and only as fast as the server takes it.
pub struct Body {
    source: Box<dyn Read>,
    /// How many bytes it has as it is sent, without the doubled dots.
    pub(super) size: Option<u64>,
    /// Whether it has bytes above 127, if that is known.
    pub(super) eight_bits: Option<bool>,
}

impl Body {
    /// A message that is read from a file, or anything else that can be read without waiting.
    pub fn from_reader(source: impl Read + 'static) -> Self {
        Body {
            source: Box::new(source),
            size: None,
            eight_bits: None,
        }
    }

    /// About how many bytes it has, so that a server refuses it in time if they are too many (SIZE).
    #[must_use]
    pub fn size(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }
}

impl From<Vec<u8>> for Body {
    fn from(text: Vec<u8>) -> Self {
        let bare = |pair: &[u8]| pair[1] == b'\n' && pair[0] != b'\r';
        let bare = text.windows(2).filter(|pair| bare(pair)).count();
        let size = text.len() + bare;
        Body {
            size: Some(size as u64),
            eight_bits: Some(!text.is_ascii()),
            source: Box::new(Cursor::new(text)),
        }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<&str> for Body {
    fn from(text: &str) -> Self {
        text.as_bytes().to_vec().into()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// How many bytes are read each time that the transport asks for more.
const PIECE: usize = 16 * 1024;

/// Sends a body, and the dot behind it.
pub(super) struct BodySender {
    transport: TransportRef,
    session: WeakReceiver<Lines, Session>,
    body: RefCell<Body>,
    dots: Cell<Dots>,
    takes_eight_bits: bool,
    /// Set once the dot has been written, and from then on the server may have taken the message.
    ended: Rc<Cell<bool>>,
}

impl BodySender {
    pub(super) fn begin(
        transport: &TransportRef,
        session: WeakReceiver<Lines, Session>,
        body: Body,
        takes_eight_bits: bool,
        ended: Rc<Cell<bool>>,
    ) -> Result<(), ProducerRegistered> {
        let sender = BodySender {
            transport: transport.clone(),
            session,
            body: RefCell::new(body),
            dots: Cell::default(),
            takes_eight_bits,
            ended,
        };
        transport.register_producer(Rc::new(sender), ProducerKind::Pull)
    }

    /// The next piece, as it is sent: a short message leaves whole. It is never empty, since a transport
    /// asks again only for what follows something.
    fn read(&self) -> Result<Vec<u8>, MailError> {
        let mut body = self.body.borrow_mut();
        let mut dots = self.dots.get();
        let mut piece = [0; PIECE];
        let mut out = Vec::new();
        while out.len() < PIECE && !self.ended.get() {
            let read = match body.source.read(&mut piece) {
                Ok(read) => read.min(PIECE),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(MailError::Body(Arc::new(error))),
            };
            let text = &piece[..read];
            if !self.takes_eight_bits && !text.is_ascii() {
                return Err(MailError::NotSupported("8BITMIME"));
            }
            out.reserve(read + read / 32);
            if read == 0 {
                dots.finish(&mut out);
                self.ended.set(true);
            } else {
                dots.feed(text, &mut out);
            }
        }
        self.dots.set(dots);
        Ok(out)
    }
}

impl Producer for BodySender {
    fn resume_producing(&self) {
        match self.read() {
            Ok(piece) => {
                self.transport.write(&piece);
                if self.ended.get() {
                    self.transport.unregister_producer();
                }
                self.session.call(Session::body_moved);
            }
            Err(error) => {
                self.transport.unregister_producer();
                self.session
                    .call(move |session, transport| session.fail(transport, error));
            }
        }
    }

    fn pause_producing(&self) {}

    /// The session hears that its connection has gone.
    fn stop_producing(&self) {}

    fn has_finished(&self) -> Option<bool> {
        Some(self.ended.get())
    }
}

/// Makes a text fit for DATA (RFC 5321, sections 2.3.8 and 4.5.2): each line ends in CRLF, and a line that
/// begins with a dot gets another one.
///
/// No bare CR or LF leaves: a server that ends a line there would find the end of the message where this
/// client sees none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Dots {
    #[default]
    LineBegins,
    InLine,
    /// A CR has come and is not sent yet.
    Cr,
}

impl Dots {
    pub(super) fn feed(&mut self, mut text: &[u8], out: &mut Vec<u8>) {
        while let Some(&first) = text.first() {
            match *self {
                Dots::Cr => {
                    out.extend(b"\r\n");
                    *self = Dots::LineBegins;
                    text = text.strip_prefix(b"\n").unwrap_or(text);
                    continue;
                }
                Dots::LineBegins if first == b'.' => out.push(b'.'),
                Dots::LineBegins | Dots::InLine => {}
            }
            let Some(end) = memchr2(b'\r', b'\n', text) else {
                out.extend(text);
                *self = Dots::InLine;
                return;
            };
            out.extend(&text[..end]);
            if text[end] == b'\r' {
                *self = Dots::Cr;
            } else {
                out.extend(b"\r\n");
                *self = Dots::LineBegins;
            }
            text = &text[end + 1..];
        }
    }

    /// The end of the last line, and the line that ends the message.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if *self != Dots::LineBegins {
            out.extend(b"\r\n");
        }
        out.extend(b".\r\n");
        *self = Dots::LineBegins;
    }
}
