//! One connection of the load, and how far it has come in the stream of bytes.

use super::speech::Speech;
use super::wire::Wire;
use crate::args::Result;
use crate::pattern::Pattern;

pub(super) struct Conversation {
    pub(super) wire: Wire,
    /// Which of them.
    pub(super) place: usize,
    /// `None` if the messages are bytes and no more.
    speech: Option<Speech>,
    /// Bytes.
    sent: u64,
    received: u64,
}

impl Conversation {
    pub(super) fn new(place: usize, wire: Wire, speech: Option<Speech>) -> Self {
        Conversation {
            wire,
            place,
            speech,
            sent: 0,
            received: 0,
        }
    }

    pub(super) fn send(&mut self, messages: u64, size: usize, pattern: &Pattern) -> Result<()> {
        if let Some(speech) = &self.speech {
            return self.wire.send(&speech.request().repeat(messages as usize));
        }
        let length = messages as usize * size;
        let piece = pattern.piece(self.sent, length);
        self.sent += length as u64;
        self.wire.send(piece)
    }

    /// How many messages are whole with these bytes, each of which has to be what was sent.
    pub(super) fn received(&mut self, data: &[u8], pattern: &Pattern, size: usize) -> Result<u64> {
        if let Some(speech) = &mut self.speech {
            return speech.received(data, pattern, size);
        }
        pattern.check(self.received, data)?;
        let before = self.received / size as u64;
        self.received += data.len() as u64;
        if self.received > self.sent {
            return Err("more came back than was sent".into());
        }
        Ok(self.received / size as u64 - before)
    }
}
