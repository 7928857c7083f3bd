use std::any::TypeId;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::rc::Rc;

use retwist_reactor::TransportRef;

use super::{CLIENT_SSL, HEAD, packet, put, unexpected};
use crate::starttls::error::excerpt;
use crate::{Dialect, StartTlsError};

/// The first packet of a MySQL server (protocol 4.1, "HandshakeV10"): its version, what it can do, and
/// the scramble that a client mixes with its password.
///
/// A [`StartTlsServer`](crate::StartTlsServer) shows one, and a [`StartTlsClient`](crate::StartTlsClient)
/// or a [`PlainServer`](crate::PlainServer) takes one. The protocol above gets at it with
/// [`of`](MysqlGreeting::of): both sides need the scramble behind TLS.
///
/// It comes in clear, so that any host between the two sides may have changed it. Nothing in it is
/// secret. A scramble that was changed makes the login fail; a server of the name that the
/// certificate is for still checks the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MysqlGreeting {
    payload: Vec<u8>,
    /// Where the lower half of the capabilities begins.
    capabilities: usize,
}

/// Protocol 4.1, logins by plugins, a database in the login, transactions, long passwords and flags.
const CAPABILITIES: u32 = 0x0008_a20d;

/// What lies between the end of the version and the capabilities: the number of the connection, the
/// first part of the scramble, a zero.
const BEFORE_CAPABILITIES: usize = 4 + FIRST_PART + 1;

/// How many bytes of the scramble come first.
const FIRST_PART: usize = 8;

/// How many bytes a scramble has.
const SCRAMBLE: usize = 20;

impl MysqlGreeting {
    /// A greeting with this version, such as `8.0.40-box`, and a random scramble. Its method of login
    /// is `mysql_native_password`.
    pub fn new(version: &str) -> Self {
        MysqlGreeting::with_scramble(version, scramble())
    }

    /// The same with this scramble. It must be another one for each connection, of random bytes
    /// without zeros: each zero is replaced.
    pub fn with_scramble(version: &str, scramble: [u8; SCRAMBLE]) -> Self {
        let scramble = scramble.map(|byte| byte.max(1));
        let [low, high] = [CAPABILITIES & 0xffff, CAPABILITIES >> 16];
        let mut payload = vec![10];
        payload.extend(version.bytes().filter(|&byte| byte != 0));
        payload.push(0);
        payload.extend(1_u32.to_le_bytes());
        payload.extend_from_slice(&scramble[..FIRST_PART]);
        payload.push(0);
        let capabilities = payload.len();
        payload.extend_from_slice(&low.to_le_bytes()[..2]);
        // utf8mb4, and a status that says autocommit.
        payload.extend([45, 2, 0]);
        payload.extend_from_slice(&high.to_le_bytes()[..2]);
        // The scramble counts with its zero.
        payload.push(21);
        payload.extend([0; 10]);
        payload.extend_from_slice(&scramble[FIRST_PART..]);
        payload.push(0);
        payload.extend(b"mysql_native_password\0");
        MysqlGreeting {
            payload,
            capabilities,
        }
    }

    /// The greeting of this connection, for the protocol above a
    /// [`StartTlsServer`](crate::StartTlsServer), a [`StartTlsClient`](crate::StartTlsClient) or a
    /// [`PlainServer`](crate::PlainServer) of MySQL.
    pub fn of(transport: &TransportRef) -> Option<Rc<MysqlGreeting>> {
        let greeting = transport.extension(TypeId::of::<MysqlGreeting>())?;
        greeting.downcast().ok()
    }

    /// The version of the server.
    pub fn version(&self) -> String {
        let end = self.capabilities - BEFORE_CAPABILITIES - 1;
        String::from_utf8_lossy(&self.payload[1..end]).into_owned()
    }

    /// The scramble, without the zero at its end: 20 bytes, or as many as there are.
    pub fn scramble(&self) -> Vec<u8> {
        let first = self.capabilities - 1 - FIRST_PART;
        // The capabilities, the charset, the status, the upper half, a length, ten zeros.
        let second = self.capabilities + 2 + 1 + 2 + 2 + 1 + 10;
        let end = self.payload.len().min(second + SCRAMBLE - FIRST_PART);
        let second = self.payload.get(second..end).unwrap_or_default();
        [&self.payload[first..first + FIRST_PART], second].concat()
    }

    /// Whether the server offers TLS.
    pub fn offers_tls(&self) -> bool {
        self.payload[self.capabilities + 1] & CLIENT_SSL != 0
    }

    /// The packet as a client is to see it.
    pub(crate) fn show(&self, tls: bool, out: &mut Vec<u8>) {
        let mut payload = self.payload.clone();
        let flags = &mut payload[self.capabilities + 1];
        if tls {
            *flags |= CLIENT_SSL;
        } else {
            *flags &= !CLIENT_SSL;
        }
        put(0, &payload, out);
    }

    /// The greeting in front of `bytes`, and how many bytes it has. `None`: it is not all there.
    pub(crate) fn take(bytes: &[u8]) -> Result<Option<(Self, usize)>, StartTlsError> {
        let Some(payload) = packet(bytes, 0)? else {
            return Ok(None);
        };
        let used = HEAD + payload.len();
        if let [0xff, _, _, why @ ..] = payload {
            return Err(StartTlsError::Refused(Dialect::Mysql, excerpt(why)));
        }
        let version_end = payload.iter().position(|&byte| byte == 0);
        let version_end = version_end.filter(|_| payload[0] == 10);
        let capabilities = version_end.map(|end| end + 1 + BEFORE_CAPABILITIES);
        match capabilities.filter(|at| at + 2 <= payload.len()) {
            Some(capabilities) => {
                let payload = payload.to_vec();
                let greeting = MysqlGreeting {
                    payload,
                    capabilities,
                };
                Ok(Some((greeting, used)))
            }
            None => Err(unexpected(bytes)),
        }
    }
}

/// Random bytes of the standard library: keys that the system gave, through its hash.
fn scramble() -> [u8; SCRAMBLE] {
    let random = RandomState::new();
    let mut scramble = [0; SCRAMBLE];
    for (number, part) in scramble.chunks_mut(8).enumerate() {
        let hash = random.hash_one(number).to_le_bytes();
        part.copy_from_slice(&hash[..part.len()]);
    }
    scramble
}
