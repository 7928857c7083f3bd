//! `/etc/resolv.conf`, as resolv.conf(5) has it.

use std::net::SocketAddr;
use std::time::Duration;

use super::DnsSettings;
use super::address::literal;

/// The system's bounds, which it applies without a word.
const MOST_SERVERS: usize = 3;
const MOST_NDOTS: usize = 15;
const LONGEST_TIMEOUT: u64 = 30;
const MOST_ATTEMPTS: usize = 5;
const PORT: u16 = 53;

impl DnsSettings {
    /// Reads the text of a `resolv.conf` over these settings: servers, domains and options are then
    /// what the text says, or its defaults if it says nothing of them; all other settings stay. As
    /// the system does, it takes the first three servers, the last line of domains, and passes over
    /// what it does not understand.
    ///
    /// ```
    /// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
    /// use retwist::deferred::names::DnsSettings;
    ///
    /// let text = "nameserver 192.0.2.53\nsearch example.org\noptions ndots:2 rotate\n";
    /// let settings = DnsSettings::default().with_resolv_conf(text);
    /// assert_eq!(settings.servers, ["192.0.2.53:53".parse().unwrap()]);
    /// assert_eq!((settings.ndots, settings.rotate), (2, true));
    /// ```
    #[must_use]
    pub fn with_resolv_conf(self, text: &str) -> Self {
        let DnsSettings {
            servers,
            search,
            ndots,
            timeout,
            attempts,
            rotate,
            use_tcp,
            ..
        } = DnsSettings::default();
        let local = servers;
        let mut settings = DnsSettings {
            servers: Vec::new(),
            search,
            ndots,
            timeout,
            attempts,
            rotate,
            use_tcp,
            ..self
        };
        for line in text.lines() {
            if line.starts_with(['#', ';']) {
                continue;
            }
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    if let Some(server) = words.next().and_then(server)
                        && settings.servers.len() < MOST_SERVERS
                    {
                        settings.servers.push(server);
                    }
                }
                Some("domain") => settings.search = words.take(1).map(domain).collect(),
                Some("search") => settings.search = words.map(domain).collect(),
                Some("options") => words.for_each(|word| settings.set_option(word)),
                _ => {}
            }
        }
        settings.search.retain(|domain| !domain.is_empty());
        if settings.servers.is_empty() {
            settings.servers = local;
        }
        settings
    }

    fn set_option(&mut self, option: &str) {
        let (name, value) = option.split_once(':').unwrap_or((option, ""));
        match (name, value.parse::<u64>()) {
            ("rotate", _) => self.rotate = true,
            ("use-vc", _) => self.use_tcp = true,
            ("ndots", Ok(dots)) => self.ndots = bounded(dots, MOST_NDOTS),
            ("attempts", Ok(times)) => self.attempts = bounded(times, MOST_ATTEMPTS).max(1),
            ("timeout", Ok(seconds)) => {
                self.timeout = Duration::from_secs(seconds.clamp(1, LONGEST_TIMEOUT));
            }
            _ => {}
        }
    }
}

fn bounded(value: u64, most: usize) -> usize {
    usize::try_from(value).unwrap_or(most).min(most)
}

/// A name server, whose address may have a scope.
fn server(text: &str) -> Option<SocketAddr> {
    literal(text, PORT)
}

/// A domain of the search list; the root, which adds nothing, is empty.
fn domain(text: &str) -> String {
    text.trim_end_matches('.').to_owned()
}
