use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;

use retwist_reactor::FullReactor;

use super::core::Core;
use super::message::Question;
use super::name::parse;
use super::services::{in_mail_order, in_service_order};
use super::{
    Answer, DnsError, DnsSettings, MailExchange, RecordData, RecordType, Service, Text, host,
};
use crate::{Deferred, ResolveError, Resolver};

/// Looks names up in DNS, in the thread of the reactor.
///
/// It is a [`Resolver`], for endpoints, services and [`Network`](crate::Network), and has a method
/// for each kind of question beside. All handles share one cache, and a question that is being
/// asked is not asked again.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use retwist::deferred::Network;
/// use retwist::deferred::names::{DnsResolver, DnsSettings};
/// use retwist::Reactor;
/// use std::rc::Rc;
///
/// let reactor = Reactor::new()?;
/// # #[cfg(unix)]
/// let names = DnsResolver::system(Rc::new(reactor.handle()));
/// # #[cfg(not(unix))]
/// # let names = DnsResolver::new(Rc::new(reactor.handle()), DnsSettings::default());
/// let network = Network::with(Rc::new(reactor.handle()), Rc::new(names.clone()));
///
/// let handle = reactor.handle();
/// reactor.call_when_running(move || {
///     names.addresses("localhost").done(move |found| {
///         assert!(found.unwrap().iter().all(|address| address.is_loopback()));
///         handle.stop();
///     });
/// });
/// reactor.run()?;
/// # Ok(()) }
/// ```
///
/// Every look-up ends within [`DnsSettings::deadline`], with
/// [`Failure::TimedOut`](crate::Failure::TimedOut) at the latest. Cancelling it frees its port, its
/// timer and its connection, unless others wait for the same answer.
#[derive(Clone)]
#[doc(alias = "twisted.names.client.Resolver")]
pub struct DnsResolver {
    core: Rc<Core>,
}

impl DnsResolver {
    /// A resolver as this system has it set: `/etc/resolv.conf` and `/etc/hosts`, each of which is
    /// read again when it changes.
    #[cfg(unix)]
    #[doc(alias = "createResolver")]
    pub fn system(reactor: Rc<dyn FullReactor>) -> Self {
        DnsResolver::new(reactor, DnsSettings::default())
            .resolv_conf("/etc/resolv.conf")
            .hosts_file("/etc/hosts")
    }

    /// A resolver that asks the servers in these settings, and has no hosts file.
    pub fn new(reactor: Rc<dyn FullReactor>, settings: DnsSettings) -> Self {
        DnsResolver {
            core: Core::new(reactor, settings),
        }
    }

    /// Takes servers, domains and options from this file, in the form of `resolv.conf`, over the
    /// settings ([`DnsSettings::with_resolv_conf`]). The file is looked at when a name is looked
    /// up, at most once a second, and read again if it has changed.
    #[must_use]
    pub fn resolv_conf(self, path: impl Into<PathBuf>) -> Self {
        self.core.follow_resolv_conf(path.into());
        self
    }

    /// Knows the hosts of this file, in the form of `/etc/hosts`, without asking. It is read again
    /// as [`resolv_conf`](DnsResolver::resolv_conf) is.
    #[must_use]
    #[doc(alias = "twisted.names.hosts.Resolver")]
    pub fn hosts_file(self, path: impl Into<PathBuf>) -> Self {
        self.core.follow_hosts(path.into());
        self
    }

    /// Finds the records of one type of a name. If the name stands for another, those of the other.
    ///
    /// The name is taken as whole, whether or not it ends with a dot, and the hosts file is not
    /// looked at.
    #[doc(alias = "query")]
    #[doc(alias = "lookupAddress")]
    #[doc(alias = "lookupNameservers")]
    #[doc(alias = "lookupAuthority")]
    pub fn lookup(&self, name: &str, kind: RecordType) -> Deferred<Answer, DnsError> {
        match parse(name) {
            Some(name) => self.find(Question { name, kind }),
            None => Deferred::fail(DnsError::InvalidName(name.to_owned())),
        }
    }

    /// Finds the addresses of a host, at least one, the best first (RFC 6724, as far as a program
    /// can know).
    ///
    /// An address in text is returned as it is. `localhost`, and what is below it, is this machine;
    /// `invalid` and `onion` have no address. Then the hosts file is looked at, and then DNS, for A
    /// and AAAA at once: for a name with fewer dots than [`DnsSettings::ndots`] first in the
    /// domains of [`DnsSettings::search`].
    #[doc(alias = "getHostByName")]
    #[doc(alias = "lookupAllRecords")]
    pub fn addresses(&self, host: &str) -> Deferred<Vec<IpAddr>, DnsError> {
        let found = self.socket_addresses(host);
        found.map(|found| found.iter().map(SocketAddr::ip).collect())
    }

    /// Finds the names of an address (PTR), the canonical one first: in the hosts file, and then in
    /// DNS. An address of this machine alone is `localhost`. What the owner of an address calls it need not be true.
    pub fn names_of(&self, address: IpAddr) -> Deferred<Vec<String>, DnsError> {
        let hosts = self.core.hosts();
        let known = hosts.as_ref().map_or(&[][..], |hosts| hosts.names(address));
        if !known.is_empty() {
            return Deferred::succeed(known.to_vec());
        }
        if address.is_loopback() {
            return Deferred::succeed(vec!["localhost".to_owned()]);
        }
        self.pointers(address).map(|answer| {
            let names = answer.records.into_iter();
            let name = names.filter_map(|record| match record.data {
                RecordData::Ptr(name) => Some(name),
                _ => None,
            });
            name.collect()
        })
    }

    /// Finds the PTR records of an address in DNS alone, for a program that wants the aliases, too, that lead
    /// to them (RFC 2317).
    #[doc(alias = "lookupPointer")]
    pub fn pointers(&self, address: IpAddr) -> Deferred<Answer, DnsError> {
        self.find(Question::names_of(address))
    }

    /// Finds the servers that take mail for a domain, in the order in which they are tried. A
    /// domain without MX records fails with [`DnsError::NoRecords`], and is its own server (RFC
    /// 5321, section 5.1); one that takes no mail fails with [`DnsError::NotOffered`].
    #[doc(alias = "lookupMailExchange")]
    pub fn mail_exchanges(&self, domain: &str) -> Deferred<Vec<MailExchange>, DnsError> {
        let name = domain.to_owned();
        let found = self.lookup(domain, RecordType::Mx);
        found.add_callback(move |answer| {
            let records = answer.records.into_iter();
            let servers = records.filter_map(|record| match record.data {
                RecordData::Mx(mx) => Some(mx),
                _ => None,
            });
            let mut servers: Vec<_> = servers.collect();
            servers.retain(|server| server.exchange != ".");
            if servers.is_empty() {
                return Err(DnsError::NotOffered(name).into());
            }
            Ok(in_mail_order(servers))
        })
    }

    /// Finds the servers of a service, such as `_imaps._tcp.example.org`, in the order in which
    /// they are tried: by priority, and in random order by weight (RFC 2782).
    #[doc(alias = "lookupService")]
    #[doc(alias = "SRVConnector")]
    pub fn services(&self, name: &str) -> Deferred<Vec<Service>, DnsError> {
        let asked = name.to_owned();
        let found = self.lookup(name, RecordType::Srv);
        found.add_callback(move |answer| {
            let records = answer.records.into_iter();
            let servers = records.filter_map(|record| match record.data {
                RecordData::Srv(service) => Some(service),
                _ => None,
            });
            let mut servers: Vec<_> = servers.collect();
            servers.retain(|server| server.target != ".");
            if servers.is_empty() {
                return Err(DnsError::NotOffered(asked).into());
            }
            Ok(in_service_order(servers, |most| fastrand::u32(0..=most)))
        })
    }

    /// Finds the TXT records of a name.
    #[doc(alias = "lookupText")]
    pub fn texts(&self, name: &str) -> Deferred<Vec<Text>, DnsError> {
        self.lookup(name, RecordType::Txt).map(|answer| {
            let records = answer.records.into_iter();
            let texts = records.filter_map(|record| match record.data {
                RecordData::Txt(text) => Some(text),
                _ => None,
            });
            texts.collect()
        })
    }

    /// The settings that hold now: with what `resolv.conf` says.
    pub fn settings(&self) -> DnsSettings {
        (*self.core.settings()).clone()
    }

    /// Returns how many answers are kept.
    pub fn cached(&self) -> usize {
        self.core.cached()
    }

    /// Forgets all answers.
    #[doc(alias = "clearCache")]
    pub fn clear_cache(&self) {
        self.core.clear_cache();
    }

    fn find(&self, question: Question) -> Deferred<Answer, DnsError> {
        let deadline = self.core.settings().deadline;
        let found = self.core.find(question);
        found
            .map(|answer| (*answer).clone())
            .timeout(deadline, &self.core.clock)
    }

    fn socket_addresses(&self, host: &str) -> Deferred<Vec<SocketAddr>, DnsError> {
        let deadline = self.core.settings().deadline;
        let found = host::addresses(&self.core, host);
        found.timeout(deadline, &self.core.clock)
    }
}

impl Resolver for DnsResolver {
    fn resolve(&self, host: &str, port: u16) -> Deferred<Vec<SocketAddr>, ResolveError> {
        let name = host.to_owned();
        let found = self.socket_addresses(host).map(move |mut found| {
            found.iter_mut().for_each(|address| address.set_port(port));
            found
        });
        found.map_err(move |error| error.into_resolve_error(&name))
    }
}

impl fmt::Debug for DnsResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DnsResolver")
            .field("servers", &self.core.settings().servers)
            .field("cached", &self.cached())
            .finish_non_exhaustive()
    }
}
