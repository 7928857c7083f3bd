use super::error::first_byte;
use super::exchange::{Exchange, UNIT_LIMIT};
use super::{Dialect, StartTlsError};
use crate::Step;

/// The name of the extended request that starts TLS (RFC 4511, section 4.14).
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const UNBIND_REQUEST: u8 = 0x42;
const ABANDON_REQUEST: u8 = 0x50;
const EXTENDED_REQUEST: u8 = 0x77;
const EXTENDED_RESPONSE: u8 = 0x78;
const REQUEST_NAME: u8 = 0x80;

const SUCCESS: u8 = 0;
const CONFIDENTIALITY_REQUIRED: u8 = 13;

/// One element of BER with a definite length: its tag, its content, and how many bytes it has.
type Element<'a> = (u8, &'a [u8], usize);

/// The element in front of `bytes`; `None` if not all of it is there.
fn element(bytes: &[u8]) -> Result<Option<Element<'_>>, StartTlsError> {
    let [tag, length, rest @ ..] = bytes else {
        return Ok(None);
    };
    let (length, head) = if *length < 0x80 {
        (usize::from(*length), 2)
    } else {
        let octets = usize::from(*length & 0x7f);
        // Neither an indefinite length nor one of more than 32 bits.
        if !(1..=4).contains(&octets) {
            return Err(unexpected(bytes));
        }
        let Some(digits) = rest.get(..octets) else {
            return Ok(None);
        };
        let length = digits
            .iter()
            .fold(0, |sum, &digit| sum << 8 | u64::from(digit));
        (usize::try_from(length).unwrap_or(usize::MAX), 2 + octets)
    };
    if length > UNIT_LIMIT {
        return Err(StartTlsError::TooLong(UNIT_LIMIT));
    }
    let content = bytes.get(head..head + length);
    Ok(content.map(|content| (*tag, content, head + length)))
}

/// An element that must be complete, since it lies in one that is.
fn inner(bytes: &[u8]) -> Result<Element<'_>, StartTlsError> {
    element(bytes)?.ok_or_else(|| unexpected(bytes))
}

fn unexpected(bytes: &[u8]) -> StartTlsError {
    StartTlsError::Unexpected(Dialect::Ldap, first_byte(bytes))
}

/// An LDAPMessage: its number, its operation, and how many bytes it has.
struct Message<'a> {
    id: &'a [u8],
    operation: u8,
    content: &'a [u8],
    used: usize,
}

fn message(bytes: &[u8]) -> Result<Option<Message<'_>>, StartTlsError> {
    if bytes.first().is_some_and(|&tag| tag != SEQUENCE) {
        return Err(unexpected(bytes));
    }
    let Some((_, content, used)) = element(bytes)? else {
        return Ok(None);
    };
    let (tag, id, id_used) = inner(content)?;
    // A number has at most 31 bits (RFC 4511, section 4.1.1.1).
    if tag != INTEGER || !(1..=4).contains(&id.len()) {
        return Err(unexpected(bytes));
    }
    let (operation, content, _) = inner(&content[id_used..])?;
    Ok(Some(Message {
        id,
        operation,
        content,
        used,
    }))
}

fn put(tag: u8, content: &[u8], out: &mut Vec<u8>) {
    // All that is sent here is short.
    out.extend([tag, u8::try_from(content.len()).unwrap_or(0x7f)]);
    out.extend_from_slice(content);
}

/// An LDAPResult, with no words and no matched name.
fn result(id: &[u8], operation: u8, code: u8, reply: &mut Vec<u8>) {
    let mut message = Vec::new();
    put(INTEGER, id, &mut message);
    put(operation, &[0x0a, 1, code, 0x04, 0, 0x04, 0], &mut message);
    put(SEQUENCE, &message, reply);
}

/// The response to each request (RFC 4511, section 4.2 to 4.12).
fn response_to(request: u8) -> Option<u8> {
    Some(match request {
        0x60 => 0x61,
        0x63 => 0x65,
        0x66 => 0x67,
        0x68 => 0x69,
        0x4a => 0x6b,
        0x6c => 0x6d,
        0x6e => 0x6f,
        EXTENDED_REQUEST => EXTENDED_RESPONSE,
        _ => return None,
    })
}

pub(super) struct Server;

impl Exchange for Server {
    fn advance(&mut self, bytes: &[u8], reply: &mut Vec<u8>) -> Result<Step, StartTlsError> {
        let Some(message) = message(bytes)? else {
            return Ok(Step::used(0));
        };
        if message.operation == EXTENDED_REQUEST {
            let (tag, name, _) = inner(message.content)?;
            if tag == REQUEST_NAME && name == START_TLS {
                result(message.id, EXTENDED_RESPONSE, SUCCESS, reply);
                return Ok(Step::done(message.used));
            }
        }
        match message.operation {
            UNBIND_REQUEST => return Err(StartTlsError::Left),
            ABANDON_REQUEST => {}
            request => match response_to(request) {
                Some(response) => result(message.id, response, CONFIDENTIALITY_REQUIRED, reply),
                None => return Err(unexpected(bytes)),
            },
        }
        Ok(Step::used(message.used))
    }
}

pub(super) struct Client;

const ID: &[u8] = &[1];

impl Exchange for Client {
    fn begin(&mut self, reply: &mut Vec<u8>) -> Step {
        let (mut name, mut message) = (Vec::new(), Vec::new());
        put(REQUEST_NAME, START_TLS, &mut name);
        put(INTEGER, ID, &mut message);
        put(EXTENDED_REQUEST, &name, &mut message);
        put(SEQUENCE, &message, reply);
        Step::used(0)
    }

    fn advance(&mut self, bytes: &[u8], _: &mut Vec<u8>) -> Result<Step, StartTlsError> {
        let Some(message) = message(bytes)? else {
            return Ok(Step::used(0));
        };
        if message.operation != EXTENDED_RESPONSE {
            return Err(unexpected(bytes));
        }
        let refused = |why: String| Err(StartTlsError::Refused(Dialect::Ldap, why));
        match inner(message.content)? {
            (0x0a, [SUCCESS], _) if message.id == ID => Ok(Step::done(message.used)),
            (0x0a, [code], _) => refused(format!("result code {code}")),
            _ => Err(unexpected(bytes)),
        }
    }
}
