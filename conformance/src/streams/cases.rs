//! The cases, by what they are about.

pub(super) mod aborting;
pub(super) mod application_code;
pub(super) mod bounds;
pub(super) mod calls;
pub(super) mod closing;
pub(super) mod delivery;
pub(super) mod endings;
pub(super) mod fairness;
mod faulty;
pub(super) mod half_close;
pub(super) mod large_units;
pub(super) mod ownership;
pub(super) mod panics;
pub(super) mod pausing;
pub(super) mod producers;
pub(super) mod producers_at_close;
pub(super) mod relays;
pub(super) mod schedules;
pub(super) mod switching;
pub(super) mod unreading;
