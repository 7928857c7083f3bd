//! The heart: who listens to a connection, what it is told, and in which order. Everything here is
//! the same for every kind of transport.

pub(crate) mod channel;
pub(crate) mod clock;
pub(crate) mod draining;
#[cfg(unix)]
pub(crate) mod duplicate;
pub(crate) mod figures;
pub(crate) mod handle;
pub(crate) mod held;
pub(crate) mod layer;
pub(crate) mod occupant;
pub(crate) mod port;
pub(crate) mod protocol;
pub(crate) mod seat;
pub(crate) mod transport;
pub(crate) mod turn;
