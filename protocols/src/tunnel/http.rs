use super::{Request, TunnelError};
use crate::Destination;
use crate::http_connect::head_end;

/// The head of a request for CONNECT.
#[derive(Default)]
pub(super) struct Connect {
    /// How many bytes were searched for its end.
    searched: usize,
}

const METHOD: &[u8] = b"CONNECT ";

const GRANTED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

fn refusal(status: &str) -> String {
    format!("HTTP/1.1 {status}\r\nAllow: CONNECT\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

impl Request for Connect {
    fn advance(
        &mut self,
        bytes: &[u8],
        reply: &mut Vec<u8>,
    ) -> Result<(usize, Option<Destination>), TunnelError> {
        // Without waiting for the end of what is wrong.
        if bytes
            .iter()
            .zip(METHOD)
            .any(|(byte, wanted)| byte != wanted)
        {
            if bytes[0].is_ascii_uppercase() {
                reply.extend(refusal("405 Method Not Allowed").bytes());
            }
            return Err(TunnelError::NotConnect);
        }
        let Some(end) = head_end(bytes, self.searched) else {
            self.searched = bytes.len();
            return Ok((0, None));
        };
        let Some(destination) = destination(&bytes[..end]) else {
            reply.extend(refusal("400 Bad Request").bytes());
            return Err(TunnelError::BadRequest);
        };
        reply.extend_from_slice(GRANTED);
        Ok((end, Some(destination)))
    }
}

/// `CONNECT example.org:443 HTTP/1.1`, `CONNECT [2001:db8::1]:443 HTTP/1.1`
fn destination(head: &[u8]) -> Option<Destination> {
    let line = head.split(|&byte| byte == b'\n').next()?;
    let line = str::from_utf8(line).ok()?.trim_end_matches('\r');
    let mut words = line.split(' ').skip(1);
    let (target, version) = (words.next()?, words.next()?);
    if !version.starts_with("HTTP/1.") || words.next().is_some() {
        return None;
    }
    let (host, port) = target.rsplit_once(':')?;
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    // A colon belongs to an address, and that stands in brackets.
    if bare.is_none() && host.contains(':') {
        return None;
    }
    Destination::new(bare.unwrap_or(host), port.parse().ok()?).ok()
}
