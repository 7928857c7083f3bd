use std::borrow::Cow;

use crate::ResolveError;

/// RFC 1035, and a dot at the end.
const LONGEST: usize = 254;

/// The name of a host as DNS, TLS and proxies know it: one with letters outside of ASCII in its
/// ASCII form (IDNA, as UTS 46 has it). Addresses, and names in ASCII, stay as they are.
///
/// Fails with [`ResolveError::InvalidName`] if no host can have this name. Without the feature
/// `idna`, that is any that is not ASCII.
///
/// ```
/// use retwist_deferred::ascii_host;
///
/// assert_eq!(ascii_host("example.org").unwrap(), "example.org");
/// # #[cfg(feature = "idna")]
/// assert_eq!(ascii_host("bücher.example").unwrap(), "xn--bcher-kva.example");
/// assert!(ascii_host("no name").is_err());
/// ```
pub fn ascii_host(host: &str) -> Result<Cow<'_, str>, ResolveError> {
    let ascii = match host.is_ascii() {
        true => Some(Cow::Borrowed(host)),
        false => international(host),
    };
    let is_name = |name: &Cow<'_, str>| {
        (1..=LONGEST).contains(&name.len())
            && !name.contains(|c: char| c.is_whitespace() || c.is_control())
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
