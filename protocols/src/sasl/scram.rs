//! SCRAM (RFC 5802) with SHA-256 (RFC 7677): its keys and its messages.

pub(super) mod keys;
pub(super) mod messages;
