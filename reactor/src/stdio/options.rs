use crate::{Address, StreamSettings};

/// Standard input and output as a stream: what
/// [`open_standard_io`](crate::ReactorHandle::open_standard_io) is to do with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StandardIo {
    pub(super) raw: bool,
    pub(crate) settings: StreamSettings,
}

impl StandardIo {
    /// Makes the options with their defaults. While the reader of standard output takes nothing, standard input is not read
    /// either ([`read_pauses`](StreamSettings::read_pauses)), as in any filter.
    pub fn new() -> Self {
        StandardIo::default()
    }

    /// Whether a terminal is set to raw mode: see [`Terminal::set_raw`](crate::Terminal::set_raw). It
    /// has no effect on anything else.
    pub fn raw(mut self, raw: bool) -> Self {
        self.raw = raw;
        self
    }

    /// The bounds of the stream.
    pub fn settings(mut self, settings: StreamSettings) -> Self {
        self.settings = settings;
        self
    }

    pub(crate) fn address() -> Address {
        Address::Descriptor(NAME.into())
    }
}

pub(super) const NAME: &str = "standard input and output";
