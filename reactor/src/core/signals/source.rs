use std::io;

use mio::{Interest, Registry, Token};
use signal_hook_mio::v1_0::Signals;

use super::system::{Ignored, Listening};

/// Signals as events of the poll.
pub(super) struct SignalSource {
    signals: Signals,
    _listening: Vec<Listening>,
}

impl SignalSource {
    pub(super) fn new(wanted: impl IntoIterator<Item = i32>, ignored: Ignored) -> io::Result<Self> {
        let (mut heard, mut listening) = (Vec::new(), Vec::new());
        for signal in wanted {
            if let Some(one) = Listening::to(signal, ignored)? {
                heard.push(signal);
                listening.push(one);
            }
        }
        Ok(SignalSource {
            signals: Signals::new(heard)?,
            _listening: listening,
        })
    }

    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.signals, token, Interest::READABLE)
    }

    /// What the poll watches.
    pub(super) fn event_source(&mut self) -> &mut Signals {
        &mut self.signals
    }

    /// How many signals have come since the last time.
    pub(super) fn count(&mut self) -> usize {
        self.signals.pending().count()
    }
}
