use super::error::{excerpt, first_byte};
use super::exchange::{Exchange, UNIT_LIMIT};
use super::settings::host;
use super::{Dialect, StartTlsError};
use crate::Step;

/// RFC 6120, section 5: both sides speak XML, a tag at a time.
const NAMESPACE: &str = "urn:ietf:params:xml:ns:xmpp-tls";

/// A tag with its brackets, and how many bytes it and the blanks before it have. `None`: it is not
/// there yet.
fn tag(bytes: &[u8]) -> Result<Option<(&str, usize)>, StartTlsError> {
    let unexpected =
        |from: usize| StartTlsError::Unexpected(Dialect::Xmpp, first_byte(&bytes[from..]));
    let Some(start) = bytes.iter().position(|byte| !byte.is_ascii_whitespace()) else {
        return Ok(None);
    };
    if bytes[start] != b'<' {
        return Err(unexpected(start));
    }
    let mut quote = None;
    for (at, &byte) in bytes.iter().enumerate().skip(start) {
        match (quote, byte) {
            (None, b'>') => {
                let text = str::from_utf8(&bytes[start..=at]).map_err(|_| unexpected(start))?;
                if text.len() > UNIT_LIMIT {
                    return Err(StartTlsError::TooLong(UNIT_LIMIT));
                }
                return Ok(Some((text, at + 1)));
            }
            (None, b'\'' | b'"') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    Ok(None)
}

/// The name of a tag: `starttls` of `<starttls xmlns='…'/>`, `/starttls` of its end.
fn name(tag: &str) -> &str {
    let inside = tag.trim_start_matches('<').trim_end_matches('>');
    let name = inside.split([' ', '\t', '\r', '\n']).next().unwrap_or("");
    // The slash at the beginning belongs to the name of an end.
    match name.strip_suffix('/') {
        Some(empty) if !empty.is_empty() => empty,
        _ => name,
    }
}

/// The value of an attribute.
fn attribute<'a>(tag: &'a str, wanted: &str) -> Option<&'a str> {
    let (_, behind) = tag.split_once(&format!(" {wanted}="))?;
    let quote = behind
        .chars()
        .next()
        .filter(|quote| "'\"".contains(*quote))?;
    behind[1..].split_once(quote).map(|(value, _)| value)
}

fn header(stream: &str, from_or_to: &str, domain: &str) -> String {
    let domain = host(domain);
    format!(
        "<?xml version='1.0'?><stream:stream xmlns='jabber:{stream}' \
         xmlns:stream='http://etherx.jabber.org/streams' {from_or_to}='{domain}' version='1.0'>"
    )
}

pub(super) struct Server {
    name: String,
}

impl Server {
    pub(super) fn new(name: &str) -> Self {
        Server { name: name.into() }
    }

    fn features(&self, opening: &str) -> String {
        let stream = if opening.contains("jabber:server") {
            "server"
        } else {
            "client"
        };
        let domain = attribute(opening, "to").unwrap_or(&self.name);
        // Each stream has an id of its own (RFC 6120, section 4.7.3). This one authenticates nothing.
        let header = header(stream, "id='clear' from", domain);
        format!(
            "{header}<stream:features><starttls xmlns='{NAMESPACE}'><required/></starttls></stream:features>"
        )
    }
}

impl Exchange for Server {
    fn advance(&mut self, bytes: &[u8], reply: &mut Vec<u8>) -> Result<Step, StartTlsError> {
        let Some((tag, used)) = tag(bytes)? else {
            return Ok(Step::used(0));
        };
        match name(tag) {
            "?xml" => Ok(Step::used(used)),
            "stream:stream" => {
                reply.extend(self.features(tag).bytes());
                Ok(Step::used(used))
            }
            "starttls" if tag.ends_with("/>") => {
                reply.extend(format!("<proceed xmlns='{NAMESPACE}'/>").bytes());
                Ok(Step::done(used))
            }
            // Its end follows.
            "starttls" => Ok(Step::used(used)),
            "/starttls" => {
                reply.extend(format!("<proceed xmlns='{NAMESPACE}'/>").bytes());
                Ok(Step::done(used))
            }
            "/stream:stream" => {
                reply.extend(b"</stream:stream>");
                Err(StartTlsError::Left)
            }
            _ => {
                reply.extend(
                    b"<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
                      </stream:error></stream:stream>",
                );
                Err(StartTlsError::Unexpected(
                    Dialect::Xmpp,
                    excerpt(tag.as_bytes()),
                ))
            }
        }
    }
}

pub(super) struct Client {
    domain: String,
    offered: bool,
    asked: bool,
}

impl Client {
    pub(super) fn new(domain: &str) -> Self {
        Client {
            domain: domain.into(),
            offered: false,
            asked: false,
        }
    }
}

impl Exchange for Client {
    fn begin(&mut self, reply: &mut Vec<u8>) -> Step {
        reply.extend(header("client", "to", &self.domain).bytes());
        Step::used(0)
    }

    fn advance(&mut self, bytes: &[u8], reply: &mut Vec<u8>) -> Result<Step, StartTlsError> {
        if !self.asked {
            // What lies between the tags of the features is text of no interest.
            let begin = bytes
                .iter()
                .position(|&byte| byte == b'<')
                .unwrap_or(bytes.len());
            if begin > 0 {
                return Ok(Step::used(begin));
            }
        }
        let Some((tag, used)) = tag(bytes)? else {
            return Ok(Step::used(0));
        };
        match name(tag) {
            "proceed" if self.asked && tag.ends_with("/>") => return Ok(Step::done(used)),
            "/proceed" if self.asked => return Ok(Step::done(used)),
            "proceed" if self.asked => {}
            "failure" | "stream:error" | "/stream:stream" => {
                return Err(StartTlsError::Refused(
                    Dialect::Xmpp,
                    excerpt(tag.as_bytes()),
                ));
            }
            _ if self.asked => {
                return Err(StartTlsError::Unexpected(
                    Dialect::Xmpp,
                    excerpt(tag.as_bytes()),
                ));
            }
            "starttls" => self.offered |= attribute(tag, "xmlns") == Some(NAMESPACE),
            "/stream:features" | "stream:features/" if !self.offered => {
                return Err(StartTlsError::NotOffered(Dialect::Xmpp));
            }
            "/stream:features" => {
                self.asked = true;
                reply.extend(format!("<starttls xmlns='{NAMESPACE}'/>").bytes());
            }
            _ => {}
        }
        Ok(Step::used(used))
    }
}
