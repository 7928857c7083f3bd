//! `/etc/hosts`, as hosts(5) has it.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use super::address::literal;

/// The hosts of a hosts file: their addresses by name, and their names by address.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    /// In small letters. The port of the addresses is 0.
    addresses: HashMap<String, Vec<SocketAddr>>,
    names: HashMap<IpAddr, Vec<String>>,
}

impl Hosts {
    /// Reads the text of a hosts file. Lines that do not begin with an address are passed over.
    pub(super) fn parse(text: &str) -> Self {
        let mut hosts = Hosts::default();
        for line in text.lines() {
            let line = line.split_once('#').map_or(line, |(line, _)| line);
            let mut words = line.split_whitespace();
            let Some(address) = words.next().and_then(|text| literal(text, 0)) else {
                continue;
            };
            for name in words {
                let name = name.strip_suffix('.').unwrap_or(name);
                let addresses = hosts.addresses.entry(name.to_ascii_lowercase());
                let addresses = addresses.or_default();
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
                let names = hosts.names.entry(address.ip()).or_default();
                if !names.iter().any(|known| known == name) {
                    names.push(name.to_owned());
                }
            }
        }
        hosts
    }

    /// The addresses of a host in the order of the file, with port 0.
    pub(super) fn addresses(&self, name: &str) -> &[SocketAddr] {
        let name = name.strip_suffix('.').unwrap_or(name);
        let found = self.addresses.get(&name.to_ascii_lowercase());
        found.map_or(&[], Vec::as_slice)
    }

    /// The names of an address, the canonical one first.
    pub(super) fn names(&self, address: IpAddr) -> &[String] {
        self.names.get(&address).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_all_kinds() {
        let text = "\
# a comment
127.0.0.1\tlocalhost
::1 localhost ip6-localhost # another
192.0.2.1  www.example.org www WWW.example.net.
192.0.2.2 www.example.org
192.0.2.1 again.example.org
not-an-address nothing
192.0.2.9
fe80::1%7 link.example
  192.0.2.5 indented";
        let hosts = Hosts::parse(text);
        let addresses = |name: &str| -> Vec<String> {
            let found = hosts.addresses(name).iter();
            found.map(ToString::to_string).collect()
        };
        assert_eq!(addresses("LOCALHOST"), ["127.0.0.1:0", "[::1]:0"]);
        assert_eq!(
            addresses("www.example.org."),
            ["192.0.2.1:0", "192.0.2.2:0"]
        );
        assert_eq!(addresses("www.EXAMPLE.net"), ["192.0.2.1:0"]);
        assert_eq!(addresses("link.example"), ["[fe80::1%7]:0"]);
        assert_eq!(addresses("indented"), ["192.0.2.5:0"]);
        assert!(addresses("nothing").is_empty() && addresses("another").is_empty());
        let names = hosts.names("192.0.2.1".parse().unwrap());
        let expected = [
            "www.example.org",
            "www",
            "WWW.example.net",
            "again.example.org",
        ];
        assert_eq!(names, expected);
        assert!(hosts.names("192.0.2.9".parse().unwrap()).is_empty());
    }
}
