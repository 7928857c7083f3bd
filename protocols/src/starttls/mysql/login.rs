use std::any::TypeId;
use std::rc::Rc;

use retwist_reactor::TransportRef;

use super::{CLIENT_SSL, HEAD, head, put, unexpected};
use crate::StartTlsError;

/// The beginning of a MySQL client's login: what it can do, how long its packets may get, and its
/// character set. The request for TLS has the same.
///
/// A [`PlainClient::mysql`](crate::PlainClient::mysql) takes it off a client that logs in in clear,
/// and a [`StartTlsClient::mysql`](crate::StartTlsClient::mysql) asks the server for TLS with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MysqlLogin {
    beginning: [u8; BEGINNING],
}

/// How many bytes the login has before the name of the user, and the whole request for TLS.
pub(super) const BEGINNING: usize = 32;

/// Protocol 4.1, logins by plugins, transactions, long passwords and flags.
const CAPABILITIES: u32 = 0x0008_a205;

/// The longest packet that is taken, as MySQL's own clients say it.
const MAX_PACKET: u32 = 16 * 1024 * 1024;

impl Default for MysqlLogin {
    /// That of a client that logs in by a plugin, with the character set utf8mb4, and no more.
    fn default() -> Self {
        let mut beginning = [0; BEGINNING];
        beginning[..4].copy_from_slice(&CAPABILITIES.to_le_bytes());
        beginning[4..8].copy_from_slice(&MAX_PACKET.to_le_bytes());
        beginning[8] = 45;
        MysqlLogin { beginning }
    }
}

impl MysqlLogin {
    /// The login that the client of this connection has begun, for the protocol above a
    /// [`PlainClient`](crate::PlainClient) of MySQL.
    pub fn of(transport: &TransportRef) -> Option<Rc<MysqlLogin>> {
        let login = transport.extension(TypeId::of::<MysqlLogin>())?;
        login.downcast().ok()
    }

    /// The capabilities of the client, without the flag that says TLS.
    pub fn capabilities(&self) -> u32 {
        let [a, b, c, d, ..] = self.beginning;
        u32::from_le_bytes([a, b & !CLIENT_SSL, c, d])
    }

    /// The request for TLS that belongs to this login.
    pub(super) fn request(&self, out: &mut Vec<u8>) {
        let mut request = self.beginning;
        request[1] |= CLIENT_SSL;
        put(1, &request, out);
    }

    /// The beginning of the login in front of `bytes`. `None`: it is not there yet.
    pub(crate) fn begun(bytes: &[u8]) -> Result<Option<Self>, StartTlsError> {
        // A packet that ends here is a request for TLS, which was not offered.
        let fits = |(number, length)| number == 1 && length > BEGINNING;
        if head(bytes).is_some_and(|head| !fits(head)) {
            return Err(unexpected(bytes));
        }
        let beginning = bytes.get(HEAD..).and_then(|payload| payload.first_chunk());
        Ok(beginning.map(|&beginning| MysqlLogin { beginning }))
    }
}
