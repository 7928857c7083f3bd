//! Framings, layers and proxies over transports in memory, at any cut.

mod amp;
mod amplification;
#[cfg(feature = "tokio-codec")]
mod codec;
mod common;
mod frame_timeouts;
mod framing;
mod framing_ends;
mod idle;
mod layers;
mod lines;
mod openings;
mod panics;
mod policies;
mod proxy_protocol;
mod receivers;
mod recording;
mod relay;
#[cfg(feature = "sasl")]
mod sasl;
mod socks;
mod starttls;
mod tunnels;
