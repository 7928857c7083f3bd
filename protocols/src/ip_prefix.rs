use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A range of IP addresses: `192.0.2.0/24`, `2001:db8::/32`, or a single address.
///
/// An IPv4 address that is mapped into IPv6 (`::ffff:192.0.2.1`) counts as the IPv4 address.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use retwist::protocols::IpPrefix;
///
/// let lan: IpPrefix = "192.168.0.0/16".parse()?;
/// assert!(lan.contains("192.168.7.1".parse()?));
/// assert!(!lan.contains("2001:db8::1".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IpPrefix {
    /// No bit behind the first `length` is set.
    address: IpAddr,
    length: u8,
}

impl IpPrefix {
    /// The range of all addresses whose first `length` bits are those of `address`. At most 32 bits
    /// count for IPv4, and 128 for IPv6.
    pub fn new(address: IpAddr, length: u8) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let length = length.min(32);
                let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                let address = IpAddr::V4((v4.to_bits() & mask).into());
                IpPrefix { address, length }
            }
            IpAddr::V6(v6) => {
                let length = length.min(128);
                let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                let address = IpAddr::V6((v6.to_bits() & mask).into());
                IpPrefix { address, length }
            }
        }
    }

    /// Whether `address` is in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        IpPrefix::new(address, self.length).address == self.address
    }
}

impl From<IpAddr> for IpPrefix {
    fn from(address: IpAddr) -> Self {
        IpPrefix::new(address, 128)
    }
}

impl FromStr for IpPrefix {
    type Err = IpPrefixError;

    fn from_str(text: &str) -> Result<Self, IpPrefixError> {
        let wrong = || IpPrefixError(text.to_owned());
        let Some((address, length)) = text.split_once('/') else {
            return text.parse().map(IpAddr::into).map_err(|_| wrong());
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let length: u8 = length.parse().map_err(|_| wrong())?;
        let prefix = IpPrefix::new(address, length);
        // The length is valid, and no bits are set behind it.
        if prefix.length == length && prefix.address == address {
            Ok(prefix)
        } else {
            Err(wrong())
        }
    }
}

impl fmt::Display for IpPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// A text is not an [`IpPrefix`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpPrefixError(String);

impl fmt::Display for IpPrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a range of addresses; write an IP address, or one with a length and no bits set behind it, like \
             192.0.2.0/24",
            self.0
        )
    }
}

impl Error for IpPrefixError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(prefix: &str, address: &str) -> bool {
        let prefix: IpPrefix = prefix.parse().expect("a good prefix");
        prefix.contains(address.parse().expect("a good address"))
    }

    #[test]
    fn addresses_are_inside_or_not() {
        assert!(contains("10.0.0.0/8", "10.255.0.1"));
        assert!(contains("10.0.0.0/8", "::ffff:10.1.1.1"));
        assert!(contains("0.0.0.0/0", "1.2.3.4"));
        assert!(contains("::/0", "2001:db8::1"));
        assert!(contains("2001:db8::/33", "2001:db8:7fff::1"));
        assert!(contains("192.0.2.7", "192.0.2.7"));
        assert!(!contains("192.0.2.7", "192.0.2.8"));
        assert!(!contains("0.0.0.0/0", "2001:db8::1"));
        assert!(!contains("::/0", "1.2.3.4"));
        assert!(!contains("2001:db8::/33", "2001:db8:8000::1"));
    }

    #[test]
    fn what_is_not_a_prefix_is_refused() {
        for text in [
            "",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "::/129",
            "fe80::1%eth0",
            "x/8",
            "10.0.0.0/",
        ] {
            assert!(text.parse::<IpPrefix>().is_err(), "{text}");
        }
    }
}
