//! SOCKS: a proxy that clients ask to connect to somewhere.

pub(crate) mod client;
pub(crate) mod error;
pub(crate) mod messages;
pub(crate) mod request;
pub(crate) mod server;
