//! The cases, by what they are about.

pub(super) mod closing;
pub(super) mod connected;
pub(super) mod delivery;
pub(super) mod failures;
pub(super) mod groups;
pub(super) mod panics;
pub(super) mod pausing;
pub(super) mod weak;
