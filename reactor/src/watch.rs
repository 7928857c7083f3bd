//! Descriptors of other code, for which the reactor does nothing but tell when they are ready.

mod handle;
mod registration;
mod watcher;

pub use handle::Watch;
pub(crate) use registration::{Descriptor, Foreign, all, watch};
pub use watcher::Watcher;
