//! The PROXY protocol, versions 1 and 2: who the client of a proxy is.

pub(crate) mod crc32c;
pub(crate) mod error;
pub(crate) mod header;
pub(crate) mod receiver;
pub(crate) mod sender;
pub(crate) mod v1;
pub(crate) mod v2;
