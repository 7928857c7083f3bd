use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use retwist_reactor::Clock;

use crate::{Deferred, ThreadPool, ascii_host};

/// Finds the addresses of a host. A closure is a resolver.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// use retwist::deferred::{Deferred, ResolveError, Resolver};
///
/// let local = |_host: &str, port: u16| {
///     Deferred::<_, ResolveError>::succeed(vec![([127, 0, 0, 1], port).into()])
/// };
/// assert_eq!(local.resolve("anything", 80).take().unwrap().unwrap()[0].port(), 80);
/// ```
#[doc(alias = "IHostnameResolver")]
#[doc(alias = "IResolverSimple")]
pub trait Resolver: 'static {
    /// Finds the addresses of `host`, at least one, the best first, each with `port`. An address in
    /// text is returned as it is. Cancelling ends the look-up.
    #[doc(alias = "resolveHostName")]
    #[doc(alias = "getHostByName")]
    fn resolve(&self, host: &str, port: u16) -> Deferred<Vec<SocketAddr>, ResolveError>;
}

impl<F> Resolver for F
where
    F: Fn(&str, u16) -> Deferred<Vec<SocketAddr>, ResolveError> + 'static,
{
    fn resolve(&self, host: &str, port: u16) -> Deferred<Vec<SocketAddr>, ResolveError> {
        self(host, port)
    }
}

/// Asks the system (`getaddrinfo`) in a thread of the pool. Names are asked for in their
/// [ASCII form](ascii_host). The order of the addresses is the system's: RFC 6724, as configured.
///
/// With the feature `dns`, `names::DnsResolver` asks name servers itself, without a thread.
#[derive(Clone, Debug)]
#[doc(alias = "GAIResolver")]
#[doc(alias = "ThreadedResolver")]
pub struct SystemResolver {
    pool: ThreadPool,
    clock: Clock,
    timeout: Duration,
}

impl SystemResolver {
    /// A resolver with a time limit of 30 s ([`timeout`](SystemResolver::timeout)).
    pub fn new(pool: &ThreadPool, clock: &Clock) -> Self {
        SystemResolver {
            pool: pool.clone(),
            clock: clock.clone(),
            timeout: Duration::from_secs(30),
        }
    }

    /// Sets the time limit. After it, a look-up fails with
    /// [`Failure::TimedOut`](crate::Failure::TimedOut); the thread stays busy until the system
    /// answers.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

impl Resolver for SystemResolver {
    fn resolve(&self, host: &str, port: u16) -> Deferred<Vec<SocketAddr>, ResolveError> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Deferred::succeed(vec![(address, port).into()]);
        }
        let host = match ascii_host(host) {
            Ok(name) => name.into_owned(),
            Err(error) => return Deferred::fail(error),
        };
        let found = self.pool.defer_to_thread(move || ask(host, port));
        // Keeps the pool until there is an answer: the caller may drop the resolver.
        let pool = self.pool.clone();
        found
            .timeout(self.timeout, &self.clock)
            .add_both(move |outcome| {
                drop(pool);
                outcome
            })
    }
}

fn ask(host: String, port: u16) -> Result<Vec<SocketAddr>, ResolveError> {
    match (&*host, port).to_socket_addrs() {
        Ok(found) => {
            let addresses: Vec<_> = found.collect();
            if addresses.is_empty() {
                return Err(ResolveError::NoAddress(host));
            }
            Ok(addresses)
        }
        Err(error) => Err(ResolveError::Failed(host, error)),
    }
}

/// The reason why the addresses of a host were not found.
#[derive(Debug)]
#[doc(alias = "DNSLookupError")]
#[non_exhaustive]
pub enum ResolveError {
    /// No host can have this name: a part is empty or too long, it has a blank or a control
    /// character in it, or it has no [ASCII form](ascii_host). The system was not asked.
    InvalidName(String),
    /// The host has no address.
    NoAddress(String),
    /// The error of the system for this host.
    Failed(String, io::Error),
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResolveError::InvalidName(name) => write!(f, "{name:?} is not the name of a host"),
            ResolveError::NoAddress(name) => write!(f, "{name} has no address"),
            ResolveError::Failed(name, _) => write!(f, "the address of {name} was not found"),
        }
    }
}

impl Error for ResolveError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ResolveError::Failed(_, error) => Some(error),
            _ => None,
        }
    }
}
