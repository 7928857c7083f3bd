//! The suite over the kinds of transport that this crate brings, and nothing else of retwist: this is
//! what runs on systems for which no cryptography is built. `tests/systems` says where.

use retwist_conformance::streams::{Layered, Memory, Plain, TcpV4, TcpV6};

retwist_conformance::streams! {
    tcp_v4: TcpV4,
    tcp_v6: TcpV6,
    #[cfg(unix)]
    unix_stream: retwist_conformance::streams::Unix,
    memory: Memory,
    layer_over_tcp: Layered<Plain, TcpV4>,
}
