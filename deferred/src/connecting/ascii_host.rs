use std::borrow::Cow;

use crate::ResolveError;

/// The longest name: RFC 1035, and a dot at the end.
const MAX_NAME: usize = 254;
/// The longest part between two dots.
const MAX_LABEL: usize = 63;

/// The name of a host in the form that DNS, TLS and proxies use: letters outside of ASCII are
/// converted (IDNA, by UTS 46). Addresses, and names in ASCII, stay as they are.
///
/// Fails with [`ResolveError::InvalidName`] if no host can have this name. Without the feature
/// `idna`, it fails for all names outside of ASCII.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// use retwist::deferred::ascii_host;
///
/// assert_eq!(ascii_host("example.org").unwrap(), "example.org");
/// # #[cfg(feature = "idna")]
/// assert_eq!(ascii_host("bücher.example").unwrap(), "xn--bcher-kva.example");
/// assert!(ascii_host("no name").is_err());
/// assert!(ascii_host("two..dots").is_err());
/// ```
pub fn ascii_host(host: &str) -> Result<Cow<'_, str>, ResolveError> {
    let ascii = if host.is_ascii() {
        Some(Cow::Borrowed(host))
    } else {
        international(host)
    };
    let is_label = |label: &str| (1..=MAX_LABEL).contains(&label.len());
    let is_name = |name: &Cow<'_, str>| {
        name.len() <= MAX_NAME
            && !name.contains(|c: char| c.is_whitespace() || c.is_control())
            && name
                .strip_suffix('.')
                .unwrap_or(name)
                .split('.')
                .all(is_label)
    };
    ascii
        .filter(is_name)
        .ok_or_else(|| ResolveError::InvalidName(host.into()))
}

#[cfg(feature = "idna")]
fn international(host: &str) -> Option<Cow<'_, str>> {
    use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

    let dns = DnsLength::VerifyAllowRootDot;
    Uts46::new()
        .to_ascii(
            host.as_bytes(),
            AsciiDenyList::URL,
            Hyphens::CheckFirstLast,
            dns,
        )
        .ok()
}

#[cfg(not(feature = "idna"))]
fn international(_: &str) -> Option<Cow<'_, str>> {
    None
}
