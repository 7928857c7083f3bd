//! The figures of a reactor for the crate [`metrics`], and an endpoint that Prometheus reads.
//!
//! [`Publisher`] hands them to whatever recorder the program has installed. [`Exposition`] is a recorder
//! with an endpoint, which turns in the reactor: a program that counts with `metrics::counter!` shows its
//! own figures there too.
//!
//! Nothing is published while the reactor works: what it [counts anyway](retwist_reactor::Stats) is read
//! when it is asked for. So it costs an echo nothing.
//!
//! | metric | labels | what it is |
//! |---|---|---|
//! | `retwist_uptime_seconds` | | how long the reactor exists |
//! | `retwist_connections` | `state` | the connections that there are |
//! | `retwist_connections_begun_total`, `retwist_connections_ended_total`, `retwist_connections_broken_total` | | connections of all kinds |
//! | `retwist_port_connections`, `retwist_port_accepted_total` | `port` | by port |
//! | `retwist_accepted_total` | | by all ports, those that have gone too |
//! | `retwist_refused_total` | `reason`: `factory`, `descriptors`, `system` | connections that were refused |
//! | `retwist_received_bytes_total`, `retwist_sent_bytes_total` | | under all layers |
//! | `retwist_callbacks_total` | | what the protocols at the bottom were given |
//! | `retwist_timers`, `retwist_timers_called_total` | | calls that wait for their time, and that were made |
//! | `retwist_lag_seconds` | | a histogram: how late timers were called |
//! | `retwist_pass_seconds`, `retwist_piece_seconds` | | histograms: how long the loop works, while it is [watched](retwist_reactor::ReactorHandle::watch_loop) |
//! | `retwist_` and the name | its label | each of the [figures by name](retwist_reactor::Figures); counters end in `_total` |

mod exposition;
mod publisher;

pub use exposition::{Exposition, ExpositionError};
pub use publisher::Publisher;
