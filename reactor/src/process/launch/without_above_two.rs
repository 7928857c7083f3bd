use std::os::fd::OwnedFd;
use std::process::Command;

use super::ChildEnds;
use crate::SpawnError;

/// Says that a program with descriptors above 2 needs a feature.
pub(super) fn give(_: &mut Command, ends: ChildEnds) -> Result<Vec<OwnedFd>, SpawnError> {
    Err(SpawnError::Descriptor(
        ends.into_keys().next().unwrap_or(3),
        "those above 2 need the feature `child-descriptors` of retwist",
    ))
}
