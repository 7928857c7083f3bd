//! The addresses of a host: text, special names, the hosts file, and DNS with its search list.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;

use hickory_proto::rr::Name;
use retwist_reactor::{DatagramProtocol, UdpListen};

use super::address::literal;
use super::core::Core;
use super::name::parse;
use super::{DnsError, DnsSettings, families, order};
use crate::{Deferred, Failure, ascii_host};

/// The addresses of a host, at least one, the best first, each with port 0.
pub(super) fn addresses(core: &Rc<Core>, host: &str) -> Deferred<Vec<SocketAddr>, DnsError> {
    if let Some(address) = literal(host, 0) {
        return Deferred::succeed(vec![address]);
    }
    let invalid = || DnsError::InvalidName(host.to_owned());
    let Ok(host) = ascii_host(host) else {
        return Deferred::fail(invalid());
    };
    let hosts = core.hosts();
    let from_file = hosts
        .as_ref()
        .map_or(&[][..], |hosts| hosts.addresses(&host));
    match special(&host) {
        Some(Special::Localhost) => {
            let here = from_file
                .iter()
                .filter(|address| address.ip().is_loopback());
            let here: Vec<_> = here.copied().collect();
            let both = || {
                let both: [IpAddr; 2] = [Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
                both.map(|address| SocketAddr::new(address, 0)).to_vec()
            };
            let here = if here.is_empty() { both() } else { here };
            return Deferred::succeed(ordered(core, here));
        }
        Some(Special::Nowhere) => {
            return Deferred::fail(DnsError::NoSuchName(host.into_owned()));
        }
        None if !from_file.is_empty() => {
            return Deferred::succeed(ordered(core, from_file.to_vec()));
        }
        None => {}
    }
    let names = candidates(&host, &core.settings());
    if names.is_empty() {
        return Deferred::fail(invalid());
    }
    let core_of_order = core.clone();
    first_of(core, names, None).map(move |found| ordered(&core_of_order, found))
}

/// Names that DNS is not asked for.
enum Special {
    /// This machine: `localhost` and all below it (RFC 6761, section 6.3).
    Localhost,
    /// Never a host in DNS: `invalid` (RFC 6761, section 6.4) and `onion` (RFC 7686).
    Nowhere,
}

fn special(host: &str) -> Option<Special> {
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next()?;
    if last.eq_ignore_ascii_case("localhost") {
        Some(Special::Localhost)
    } else if ["invalid", "onion"]
        .iter()
        .any(|name| last.eq_ignore_ascii_case(name))
    {
        Some(Special::Nowhere)
    } else {
        None
    }
}

/// The names that a host may have, in the order in which they are asked for.
fn candidates(host: &str, settings: &DnsSettings) -> VecDeque<Name> {
    let as_it_is = parse(host);
    if host.ends_with('.') {
        return as_it_is.into_iter().collect();
    }
    let domains = settings.search.iter();
    let mut names: VecDeque<_> = domains
        .filter_map(|domain| parse(&format!("{host}.{domain}")))
        .collect();
    let dots = host.matches('.').count();
    match as_it_is {
        Some(name) if dots >= settings.ndots => names.push_front(name),
        Some(name) => names.push_back(name),
        None => {}
    }
    names
}

/// The addresses of the first name that has some. A server that fails ends the search: the next
/// name might be that of another host, which would be found only as long as the server fails.
fn first_of(
    core: &Rc<Core>,
    mut names: VecDeque<Name>,
    failure: Option<Failure<DnsError>>,
) -> Deferred<Vec<SocketAddr>, DnsError> {
    let Some(name) = names.pop_front() else {
        return Deferred::from_outcome(Err(failure.unwrap_or(Failure::Error(DnsError::NoServers))));
    };
    let core = core.clone();
    families::addresses(&core, &name).add_errback(move |failed| {
        let is_absent = failed.error().is_some_and(DnsError::is_absence);
        if !is_absent || names.is_empty() {
            return Deferred::from_outcome(Err(failed));
        }
        first_of(&core, names, Some(failed))
    })
}

/// The addresses in the order in which they are best tried, for which the system is asked from where
/// it would send to each. Of very many, those behind [`MOST_ORDERED`] stay where they are.
fn ordered(core: &Core, mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    if addresses.len() < 2 {
        return addresses;
    }
    let rest = addresses.split_off(addresses.len().min(MOST_ORDERED));
    let with_source = |to: SocketAddr| (to, source(core, to));
    let mut all: Vec<_> = addresses.into_iter().map(with_source).collect();
    order::sort(&mut all);
    all.into_iter().map(|(to, _)| to).chain(rest).collect()
}

/// For each, a socket is opened for a moment.
const MOST_ORDERED: usize = 64;

/// From where this machine would send to this address: what the system says of a socket that is
/// connected to it.
fn source(core: &Core, mut to: SocketAddr) -> Option<IpAddr> {
    struct Silent;
    impl DatagramProtocol for Silent {}
    // Any port will do: nothing is sent.
    to.set_port(9);
    let port = core
        .reactor
        .listen_datagrams(UdpListen::connect(to), Silent.into());
    let port = port.ok()?;
    let source = port.address().ip();
    port.stop_listening();
    // A reactor without a network does not say: as if from an address like it.
    source
        .filter(|source| !source.is_unspecified())
        .or(Some(to.ip()))
}
