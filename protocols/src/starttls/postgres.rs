use super::error::first_byte;
use super::exchange::{Exchange, UNIT_LIMIT};
use super::{Dialect, StartTlsError};
use crate::Step;

/// What stands where a version would (PostgreSQL, "Message Formats").
const SSL_REQUEST: u32 = 80_877_103;
const GSSENC_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;

/// The message in front of `bytes`, which has a length and no type: its code, and how many bytes it
/// has. `None` if its head is not all there.
fn startup(bytes: &[u8]) -> Result<Option<(u32, usize)>, StartTlsError> {
    let Some((length, rest)) = bytes.split_first_chunk() else {
        return Ok(None);
    };
    let Some(code) = rest.first_chunk() else {
        return Ok(None);
    };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if !(8..=UNIT_LIMIT).contains(&length) {
        return Err(unexpected(bytes));
    }
    Ok(Some((u32::from_be_bytes(*code), length)))
}

/// How many bytes the request for encryption in front of `bytes` has; 0 if it is some other message,
/// `None` if that cannot be told yet.
pub(super) fn encryption_request(bytes: &[u8]) -> Result<Option<usize>, StartTlsError> {
    Ok(startup(bytes)?.map(|message| match message {
        (SSL_REQUEST | GSSENC_REQUEST, used @ 8) => used,
        _ => 0,
    }))
}

/// The kinds of messages that a server answers a start with.
const AUTHENTICATION: u8 = b'R';
const NEGOTIATE_VERSION: u8 = b'v';

/// AuthenticationSASL: a list of mechanisms follows.
const SASL: u32 = 10;

/// The mechanism that is bound to TLS (RFC 5802). Clients without TLS take it for an attack.
const BOUND: &[u8] = b"SCRAM-SHA-256-PLUS";

/// The message of a server in front of `bytes`: its kind, what it says, and how many bytes it has.
/// `None`: it is not all there.
fn message(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (&kind, rest) = bytes.split_first()?;
    let length = usize::try_from(u32::from_be_bytes(*rest.first_chunk()?)).ok()?;
    // The length counts itself.
    let end = length.max(4);
    Some((kind, rest.get(4..end)?, 1 + end))
}

/// How many bytes the offer of another version takes that may go before the first answer of a server.
fn version_offer(bytes: &[u8]) -> Option<usize> {
    let (kind, _, used) = message(bytes)?;
    Some(if kind == NEGOTIATE_VERSION { used } else { 0 })
}

/// Where the first answer of a server ends. Of one that is not an offer to log in, all that is there is
/// shown at once.
pub(super) fn answer_end(bytes: &[u8]) -> Option<usize> {
    if !matches!(bytes.first()?, &(AUTHENTICATION | NEGOTIATE_VERSION)) {
        return Some(bytes.len());
    }
    let before = version_offer(bytes)?;
    let rest = &bytes[before..];
    if rest.first()? != &AUTHENTICATION {
        return Some(bytes.len());
    }
    let (.., used) = message(rest)?;
    Some(before + used)
}

/// That answer without the mechanism that is bound to TLS, which the client does not have with the
/// server.
pub(super) fn without_binding(answer: &[u8]) -> Vec<u8> {
    let (before, rest) = answer.split_at(version_offer(answer).unwrap_or(0));
    let mechanisms = match message(rest) {
        Some((AUTHENTICATION, said, _)) => said.strip_prefix(&SASL.to_be_bytes()),
        _ => None,
    };
    let Some(mechanisms) = mechanisms else {
        return answer.to_vec();
    };
    let mut kept = SASL.to_be_bytes().to_vec();
    for mechanism in mechanisms.split_inclusive(|&byte| byte == 0) {
        if mechanism.strip_suffix(b"\0") != Some(BOUND) {
            kept.extend_from_slice(mechanism);
        }
    }
    let length = u32::try_from(kept.len() + 4).unwrap_or(u32::MAX);
    [before, &[AUTHENTICATION], &length.to_be_bytes(), &kept].concat()
}

fn unexpected(bytes: &[u8]) -> StartTlsError {
    StartTlsError::Unexpected(Dialect::Postgres, first_byte(bytes))
}

/// A fatal ErrorResponse.
fn error_response(reply: &mut Vec<u8>) {
    let fields = b"SFATAL\0VFATAL\0C28000\0Mthis server wants TLS: set sslmode=require\0\0";
    reply.push(b'E');
    let length = u32::try_from(fields.len() + 4).unwrap_or(u32::MAX);
    reply.extend(length.to_be_bytes());
    reply.extend_from_slice(fields);
}

pub(super) struct Server;

impl Exchange for Server {
    fn advance(&mut self, bytes: &[u8], reply: &mut Vec<u8>) -> Result<Step, StartTlsError> {
        // A client may begin with TLS (sslnegotiation=direct): a record of a handshake.
        if bytes.first() == Some(&0x16) {
            return Ok(Step::done(0));
        }
        match startup(bytes)? {
            None => Ok(Step::used(0)),
            Some((SSL_REQUEST, 8)) => {
                reply.push(b'S');
                Ok(Step::done(8))
            }
            // This server has no such encryption; the client asks for TLS next.
            Some((GSSENC_REQUEST, 8)) => {
                reply.push(b'N');
                Ok(Step::used(8))
            }
            Some((CANCEL_REQUEST, _)) => Err(StartTlsError::Left),
            Some(_) => {
                error_response(reply);
                Err(StartTlsError::Left)
            }
        }
    }
}

pub(super) struct Client;

impl Exchange for Client {
    fn begin(&mut self, reply: &mut Vec<u8>) -> Step {
        reply.extend(8_u32.to_be_bytes());
        reply.extend(SSL_REQUEST.to_be_bytes());
        Step::used(0)
    }

    fn advance(&mut self, bytes: &[u8], _: &mut Vec<u8>) -> Result<Step, StartTlsError> {
        match bytes.first() {
            None => Ok(Step::used(0)),
            Some(b'S') => Ok(Step::done(1)),
            Some(b'N') => Err(StartTlsError::NotOffered(Dialect::Postgres)),
            Some(_) => Err(unexpected(bytes)),
        }
    }
}
