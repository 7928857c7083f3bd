//! Small machines that know no connection, each tested alone.

pub(crate) mod output;
pub(crate) mod producer;
pub(crate) mod sent_calls;
pub(crate) mod timers;
