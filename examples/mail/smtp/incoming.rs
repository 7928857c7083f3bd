//! A message that is being received: whole in each mailbox, or not at all.

use mail_store::{Delivery, StoreError};
use retwist::error_chain;

/// What a client hears of a message that is not taken.
pub(crate) type Refusal = &'static str;

/// The disk is full, or some other error of the server: the client is to try again later.
pub(crate) const LOCAL_ERROR: Refusal = "451 4.3.0 the message cannot be stored now";
pub(crate) const TOO_LARGE: Refusal = "552 5.3.4 the message is too large";

/// One draft for each mailbox that the message goes to; or why there is none, which the client hears
/// when it is through.
pub(crate) struct Incoming {
    parts: Vec<Part>,
    size: u64,
    max_size: u64,
}

struct Part {
    inbox: usize,
    draft: Result<Delivery, Refusal>,
}

/// What has become of the message, by the number of the mailbox.
pub(crate) type Outcomes = Vec<(usize, Result<(), Refusal>)>;

impl Incoming {
    pub(crate) fn new(max_size: u64) -> Self {
        Incoming {
            parts: Vec::new(),
            size: 0,
            max_size,
        }
    }

    /// One more mailbox, whose copy begins with a header of its own.
    pub(crate) fn add(&mut self, inbox: usize, draft: Result<Delivery, StoreError>, header: &str) {
        let draft = draft.map_err(|error| refuse(&error)).and_then(|mut draft| {
            let written = draft.write(header.as_bytes());
            written.map(|()| draft).map_err(|error| refuse(&error))
        });
        self.parts.push(Part { inbox, draft });
    }

    pub(crate) fn write(&mut self, text: &[u8]) {
        self.size = self.size.saturating_add(text.len() as u64);
        for part in &mut self.parts {
            if let Ok(draft) = &mut part.draft {
                if self.size > self.max_size {
                    part.draft = Err(TOO_LARGE);
                } else if let Err(error) = draft.write(text) {
                    part.draft = Err(refuse(&error));
                }
            }
        }
    }

    /// Why the message will not be taken anywhere.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        let refusals = self.parts.iter().map(|part| part.draft.as_ref().err());
        refusals.min_by_key(|refusal| refusal.is_some())?.copied()
    }

    /// Makes messages of the drafts. This waits for the disk. With `together`, one that fails keeps the
    /// others from being stored, as far as that can be known beforehand: the client sends all of them
    /// again.
    pub(crate) fn finish(mut self, together: bool) -> Outcomes {
        for part in &mut self.parts {
            if let Ok(draft) = &mut part.draft
                && let Err(error) = draft.sync()
            {
                part.draft = Err(refuse(&error));
            }
        }
        let failed = self
            .parts
            .iter()
            .find_map(|part| part.draft.as_ref().err().copied());
        let finish = |part: Part| {
            let stored = match (failed, part.draft) {
                (Some(refusal), _) if together => Err(refusal),
                (_, draft) => {
                    draft.and_then(|draft| draft.finish().map_err(|error| refuse(&error)))
                }
            };
            let outcome = stored.map(|name| log::info!("received {name}"));
            (part.inbox, outcome)
        };
        self.parts.into_iter().map(finish).collect()
    }
}

fn refuse(error: &StoreError) -> Refusal {
    log::error!("cannot store a message: {}", error_chain(error));
    LOCAL_ERROR
}
