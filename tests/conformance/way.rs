//! The kinds of transport that the suite runs over.
//!
//! To add one: write a type that is a [`Way`] (in `ways/`), and give it a line in
//! [`over_every_way`]. Every case then runs over it, each as a test of its own. Something that sits
//! on another transport, such as TLS, is generic over the way below it: it wraps both protocols and
//! passes everything else on. [`Layered`](crate::ways::Layered) is the model: two methods that do
//! something.

use std::time::Duration;

use retwist::{Clock, ProtocolRef, StreamSettings};

/// What a case asks of the connection that it runs over.
#[derive(Clone)]
pub struct How {
    /// The most bytes that one delivery brings.
    pub cut: usize,
    /// The bounds of the side that connects.
    pub client: StreamSettings,
    /// The bounds of the side that accepts.
    pub server: StreamSettings,
}

/// The pieces into which input is cut: every rule holds for each of them.
pub const CUTS: [usize; 7] = [1, 2, 3, 7, 64, 1000, usize::MAX];

impl Default for How {
    fn default() -> Self {
        How {
            cut: usize::MAX,
            client: StreamSettings {
                read_pauses: false,
                ..StreamSettings::default()
            },
            server: StreamSettings::default(),
        }
    }
}

impl How {
    pub fn cut(cut: usize) -> Self {
        How {
            cut,
            ..How::default()
        }
    }
}

/// A way to make connected pairs, and the loop that runs them.
///
/// When it is dropped, its loop ends, and each protocol that is still connected hears
/// `connection_lost`.
pub trait Way: Sized + 'static {
    /// More bytes than the two ends and the buffers between them take if neither side reads.
    const MUCH: usize;

    /// Whether a side sees that the other one broke off. A UNIX socket has no reset: there, an abort
    /// looks like a close.
    const SHOWS_BREAK: bool = true;

    /// Whether a side that is paused hears at once that the other one broke off, and not when it reads
    /// again.
    const BREAKS_A_PAUSE: bool = true;

    fn new(how: How) -> Self;

    /// Begins to connect the two, which hear of it in later passes.
    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef);

    /// One pass of the loop, or several. If there is nothing to do, it lets up to `wait` pass.
    fn pass(&self, wait: Duration);

    /// Exactly one pass, which does not wait.
    fn one_pass(&self);

    /// The time of the loop.
    fn clock(&self) -> Clock;
}

/// Makes a test of each case over each way; with `at every cut`, one that runs it for all of
/// [`CUTS`].
macro_rules! over_every_way {
    (at every cut: $($case:ident),* $(,)?) => {
        mod at_every_cut {
            over_every_way!(@ways super::super: $($case),*; $crate::way::CUTS.map($crate::way::How::cut));
        }
    };
    ($($case:ident),* $(,)?) => {
        mod whole {
            over_every_way!(@ways super::super: $($case),*; [$crate::way::How::default()]);
        }
    };
    (@ways $($rest:tt)*) => {
        over_every_way!(@way tcp_v4: $crate::ways::TcpV4; $($rest)*);
        over_every_way!(@way tcp_v6: $crate::ways::TcpV6; $($rest)*);
        over_every_way!(@way unix: $crate::ways::Unix; $($rest)*);
        over_every_way!(@way memory: $crate::ways::Memory; $($rest)*);
        over_every_way!(@way layer_over_tcp: $crate::ways::Layered<$crate::ways::TcpV4>; $($rest)*);
        over_every_way!(@way two_layers: $crate::ways::Layered<$crate::ways::Layered<$crate::ways::Memory>>; $($rest)*);
        over_every_way!(@way holding_layer: $crate::ways::Holding<$crate::ways::Memory>; $($rest)*);
        over_every_way!(@way policies: $crate::ways::Policies<$crate::ways::Memory>; $($rest)*);
        over_every_way!(@way write_throttle: $crate::ways::Throttled<$crate::ways::Memory>; $($rest)*);
        over_every_way!(@way proxy_header: $crate::ways::Proxied<$crate::ways::Memory>; $($rest)*);
        over_every_way!(@way limits: $crate::ways::Limited<$crate::ways::Memory>; $($rest)*);
        over_every_way!(@way through_socks: $crate::ways::Through<$crate::ways::Socks, $crate::ways::Memory>; $($rest)*);
        over_every_way!(@way through_http: $crate::ways::Through<$crate::ways::Http, $crate::ways::Memory>; $($rest)*);
        over_every_way!(@way tls_over_tcp: $crate::ways::Tls<$crate::ways::TcpV4>; $($rest)*);
        over_every_way!(@way tls_over_unix: $crate::ways::Tls<$crate::ways::Unix>; $($rest)*);
        over_every_way!(@way tls_over_memory: $crate::ways::Tls<$crate::ways::Memory>; $($rest)*);
        over_every_way!(@way tls_in_tls: $crate::ways::Tls<$crate::ways::Tls<$crate::ways::Memory>>; $($rest)*);
    };
    (@way $name:ident: $way:ty; super::super: $($case:ident),*; $hows:expr) => {
        mod $name {
            $(
                #[test]
                fn $case() {
                    for how in $hows {
                        super::super::$case::<$way>(how);
                    }
                }
            )*
        }
    };
}
