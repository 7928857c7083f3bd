use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Which servers a [`DnsResolver`](super::DnsResolver) asks, and how.
///
/// The fields down to `use_tcp` are those that `/etc/resolv.conf` sets, with its defaults.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// use retwist::deferred::names::DnsSettings;
/// use std::time::Duration;
///
/// let settings = DnsSettings {
///     servers: vec!["192.0.2.53:53".parse().unwrap()],
///     timeout: Duration::from_secs(2),
///     ..DnsSettings::default()
/// };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsSettings {
    /// The name servers, in the order in which they are asked: servers that ask others in turn, as
    /// those of a provider or of this machine. Default 127.0.0.1:53.
    pub servers: Vec<SocketAddr>,
    /// The domains in which a host is looked for whose name is not whole. Default: none.
    pub search: Vec<String>,
    /// A host's name with this many dots is first looked for as it is; with fewer, in the
    /// domains of [`search`](DnsSettings::search) first. Default 1.
    pub ndots: usize,
    /// How long the resolver waits for one server before it asks the next one. Default 5 s.
    pub timeout: Duration,
    /// How often each server is asked. Default 2, at least 1.
    pub attempts: usize,
    /// Begins each question with another server. Default false.
    pub rotate: bool,
    /// Asks over TCP alone (`use-vc`). Default false: UDP, and TCP for what is too long for it.
    pub use_tcp: bool,
    /// The longest datagram that a server may answer with (EDNS); 0 for the 512 bytes of old. A
    /// server that does not answer, or does not know EDNS, is asked again without it. Default 1232,
    /// which passes everywhere without being cut in pieces.
    pub max_datagram: u16,
    /// Sends the letters of names in random case, and takes no answer that has them in another
    /// (0x20): more for a forger to guess. Some servers cannot do this. Default false.
    pub random_case: bool,
    /// The time limit of one look-up, with all servers and all domains. Default 30 s.
    pub deadline: Duration,
    /// How long to wait for the addresses of one family when those of the other are there.
    /// Default 1 s.
    pub family_wait: Duration,
    /// How many answers are kept, 0 for none. Default 1024.
    pub cache_entries: usize,
    /// How many questions are asked at once, at least 1; others wait for their turn. Default 64: of
    /// many questions at once, a server loses some.
    pub max_questions: usize,
}

impl Default for DnsSettings {
    fn default() -> Self {
        DnsSettings {
            servers: vec![(Ipv4Addr::LOCALHOST, 53).into()],
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
            rotate: false,
            use_tcp: false,
            max_datagram: 1232,
            random_case: false,
            deadline: Duration::from_secs(30),
            family_wait: Duration::from_secs(1),
            cache_entries: 1024,
            max_questions: 64,
        }
    }
}
