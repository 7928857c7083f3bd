use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use lexopt::ValueExt;
use retwist::protocols::{IpPrefix, ProxyProtocol};

use super::Mistake;

/// Addresses that an option names, each time that it is given: `192.0.2.0/24`, `2001:db8::1`, or
/// `any`.
#[derive(Clone, Default)]
pub(crate) struct Prefixes {
    named: Vec<IpPrefix>,
}

impl Prefixes {
    /// The option was given with this value.
    pub(crate) fn add(&mut self, value: OsString) -> Result<(), Mistake> {
        match value.string()?.as_str() {
            "any" => self.named.extend([
                IpPrefix::new(Ipv4Addr::UNSPECIFIED.into(), 0),
                IpPrefix::new(Ipv6Addr::UNSPECIFIED.into(), 0),
            ]),
            prefix => self.named.push(prefix.parse()?),
        }
        Ok(())
    }

    /// Whether the address was named.
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        self.named.iter().any(|prefix| prefix.contains(address))
    }

    /// Whether the option was not given at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    /// The proxies whose headers are believed: those that were named, or else those on this
    /// machine.
    pub(crate) fn proxies(&self) -> ProxyProtocol {
        let here = || {
            let loopback = IpPrefix::new(Ipv4Addr::LOCALHOST.into(), 8);
            vec![loopback, IpAddr::from(Ipv6Addr::LOCALHOST).into()]
        };
        ProxyProtocol::trusting(if self.is_empty() {
            here()
        } else {
            self.named.clone()
        })
    }
}
