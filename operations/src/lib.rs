//! What those who run a server look at and act with: a console, metrics, and a page in the browser.
//!
//! Programs use this crate as `retwist::operations`, with the feature `operations` of `retwist`.
//!
//! All of it is fed by [`ReactorStats`], and runs on the reactor that it
//! shows, as servers of their own kind: so it works as long as the loop turns. None of it delays the loop
//! by more than its share. Its input and its output are bounded, a list of many connections is made in
//! pages that go as fast as the peer takes them, and a peer that asks without end waits between two
//! answers.
//!
//! | to | look at |
//! |---|---|
//! | ask a running program, from a terminal or a script | [`Console`] |
//! | have Prometheus, or anything else behind the crate `metrics`, collect its figures | `metrics` (feature `metrics`) |
//! | look at it in a browser | `Page` (feature `page`) |
//! | tell a load balancer whether to send clients here | `Health` (feature `health`, and with each of the two others) |

mod console;
#[cfg(feature = "health")]
mod health;
#[cfg(feature = "health")]
mod http;
mod json;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(feature = "page")]
mod page;
mod text;

use retwist_reactor::{ReactorLifecycle, ReactorStats, ReactorTcp};

pub use console::{Access, Arguments, Console};
#[cfg(feature = "health")]
pub use health::{Health, HealthStatus};
#[cfg(feature = "page")]
pub use page::Page;

/// A reactor that is looked at, with its clock: each that tells of itself is one.
pub trait Operated: ReactorStats + ReactorTcp + ReactorLifecycle {}

impl<R: ReactorStats + ReactorTcp + ReactorLifecycle + ?Sized> Operated for R {}
