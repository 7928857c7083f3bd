use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use memchr::memchr2;
use retwist_reactor::Address;

use super::error::ProxyError;
use super::header::{ProxyHeader, ProxyOrigin};

/// The first bytes of every header.
pub(crate) const SIGNATURE: &[u8] = b"PROXY";

/// The length of the longest header, with its end of line.
const LONGEST: usize = 107;

/// The header that `bytes` begin with, and its length; `None` if it is not complete.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(ProxyHeader, usize)>, ProxyError> {
    let window = &bytes[..bytes.len().min(LONGEST)];
    let wait = match window.len() {
        LONGEST => Err(ProxyError::LineTooLong),
        _ => Ok(None),
    };
    let Some(end) = memchr2(b'\r', b'\n', window) else {
        return wait;
    };
    match &window[end..] {
        [b'\r', b'\n', ..] => {}
        [b'\r'] => return wait,
        _ => return Err(ProxyError::BadLine),
    }
    let line = str::from_utf8(&window[..end]).map_err(|_| ProxyError::BadLine)?;
    let origin = origin(line).ok_or(ProxyError::BadLine)?;
    let tlvs = Vec::new();
    Ok(Some((ProxyHeader { origin, tlvs }, end + 2)))
}

fn origin(line: &str) -> Option<ProxyOrigin> {
    let mut words = line.strip_prefix("PROXY ")?.split(' ');
    let family = words.next()?;
    if family == "UNKNOWN" {
        // What stands behind it has no meaning.
        return Some(ProxyOrigin::Unknown);
    }
    let mut next = || words.next();
    let (source, destination): (IpAddr, IpAddr) = match family {
        "TCP4" => (address::<Ipv4Addr>(next()?)?, address::<Ipv4Addr>(next()?)?),
        "TCP6" => (address::<Ipv6Addr>(next()?)?, address::<Ipv6Addr>(next()?)?),
        _ => return None,
    };
    let (source_port, destination_port) = (port(next()?)?, port(next()?)?);
    next().is_none().then(|| ProxyOrigin::Client {
        source: SocketAddr::new(source, source_port).into(),
        destination: SocketAddr::new(destination, destination_port).into(),
    })
}

/// The parsers of the standard library are as strict as the grammar: no leading zeros, no scope.
fn address<A: FromStr + Into<IpAddr>>(word: &str) -> Option<IpAddr> {
    word.parse::<A>().ok().map(Into::into)
}

fn port(word: &str) -> Option<u16> {
    let plain = word.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = word.len() > 1 && word.starts_with('0');
    (plain && !leading_zero).then(|| word.parse().ok())?
}

pub(crate) fn encode(header: &ProxyHeader) -> Vec<u8> {
    let ends = header
        .source()
        .and_then(Address::socket)
        .zip(header.destination().and_then(Address::socket));
    let line = match ends {
        Some((SocketAddr::V4(from), SocketAddr::V4(to))) => {
            format!(
                "PROXY TCP4 {} {} {} {}\r\n",
                from.ip(),
                to.ip(),
                from.port(),
                to.port()
            )
        }
        Some((SocketAddr::V6(from), SocketAddr::V6(to))) => {
            format!(
                "PROXY TCP6 {} {} {} {}\r\n",
                from.ip(),
                to.ip(),
                from.port(),
                to.port()
            )
        }
        _ => "PROXY UNKNOWN\r\n".to_owned(),
    };
    line.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(line: &[u8]) -> Result<ProxyOrigin, ProxyError> {
        let (header, used) = parse(line)?.expect("a whole header");
        assert_eq!(used, line.len());
        Ok(header.origin)
    }

    #[test]
    fn headers_are_read() {
        let line = b"PROXY TCP4 192.0.2.1 198.51.100.9 1234 443\r\n";
        let header = ProxyHeader {
            origin: whole(line).expect("a good header"),
            tlvs: Vec::new(),
        };
        assert_eq!(
            header.source().expect("a source").to_string(),
            "192.0.2.1:1234"
        );
        assert_eq!(header.to_v1(), line);
        let line = b"PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 0 65535\r\n";
        assert!(matches!(whole(line), Ok(ProxyOrigin::Client { .. })));
        assert_eq!(whole(b"PROXY UNKNOWN\r\n"), Ok(ProxyOrigin::Unknown));
        let longest = b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n";
        assert_eq!(whole(longest), Ok(ProxyOrigin::Unknown));
    }

    #[test]
    fn what_breaks_the_grammar_is_refused() {
        for line in [
            "PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.9 1234 443 \r\n",
            "PROXY TCP4  192.0.2.1 198.51.100.9 1234 443\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.9 01234 443\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.9 +1234 443\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.9 1234 65536\r\n",
            "PROXY TCP4 192.0.2.01 198.51.100.9 1234 443\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.9 1234\r\n",
            "PROXY TCP4 2001:db8::1 2001:db8::2 1234 443\r\n",
            "PROXY TCP6 192.0.2.1 198.51.100.9 1234 443\r\n",
            "PROXY UDP4 192.0.2.1 198.51.100.9 1234 443\r\n",
            "PROXY\tTCP4 192.0.2.1 198.51.100.9 1234 443\r\n",
            "PROXY UNKNOWNS\r\n",
            "PROXY \r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.9 1234 443\n",
            "PROXY TCP4 192.0.2.1\r198.51.100.9 1234 443",
        ] {
            assert_eq!(parse(line.as_bytes()), Err(ProxyError::BadLine), "{line:?}");
        }
    }

    #[test]
    fn the_end_comes_within_107_bytes() {
        let mut line = b"PROXY UNKNOWN ".to_vec();
        line.resize(LONGEST - 2, b'x');
        assert_eq!(parse(&line), Ok(None));
        line.extend(b"\r\n");
        assert!(matches!(parse(&line), Ok(Some((_, LONGEST)))));
        line.insert(20, b'x');
        assert_eq!(parse(&line), Err(ProxyError::LineTooLong));
        assert_eq!(parse(&line[..LONGEST - 1]), Ok(None));
    }
}
