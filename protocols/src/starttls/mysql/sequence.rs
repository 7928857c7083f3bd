use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use retwist_reactor::{Channel, Layer, ProtocolRef, Seat};

use super::{CLIENT_SSL, HEAD};
use crate::Policy;

/// Numbers the packets of a MySQL login anew, between a client with TLS and a server without it, or
/// the other way around: the request for TLS counts as a packet, and only one of the two has seen it.
/// The layer lies on the connection to the server.
///
/// It also makes the client's login say whether the *server* has TLS. Behind the login, whose end the
/// server says, everything passes as it is.
///
/// A method of login that behaves differently in clear and behind TLS fails on one side:
/// `caching_sha2_password`, where the server has the password not cached. The others do not look.
#[derive(Clone, Copy, Debug)]
pub struct MysqlSequence {
    server_has_tls: bool,
}

impl MysqlSequence {
    /// Makes one for a client with TLS, and a server without it.
    pub fn server_in_clear() -> Self {
        MysqlSequence {
            server_has_tls: false,
        }
    }

    /// Makes one for a client without TLS, and a server with it.
    pub fn client_in_clear() -> Self {
        MysqlSequence {
            server_has_tls: true,
        }
    }
}

impl Policy for MysqlSequence {
    type Layer = MysqlSequenceLayer;

    fn layer(&self, above: ProtocolRef) -> Rc<MysqlSequenceLayer> {
        let server_has_tls = self.server_has_tls;
        // What a packet of the client is counted up by, and one of the server down.
        let by = if server_has_tls { 1 } else { u8::MAX };
        Rc::new_cyclic(|me| MysqlSequenceLayer {
            seat: Seat::new(me, above),
            client: RefCell::new(Packets::new(From::Client { server_has_tls }, by)),
            server: RefCell::new(Packets::new(From::Server, by.wrapping_neg())),
        })
    }
}

/// The layer that [`MysqlSequence`] puts on one connection.
pub struct MysqlSequenceLayer {
    seat: Seat,
    client: RefCell<Packets>,
    server: RefCell<Packets>,
}

#[derive(Clone, Copy)]
enum From {
    Client { server_has_tls: bool },
    Server,
}

/// The packets of one side, a byte at a time: nothing is held back, however they are cut.
struct Packets {
    from: From,
    by: u8,
    /// How many bytes of this packet were seen, its head with them.
    seen: usize,
    /// How many bytes it has, as far as its head says.
    length: usize,
    is_first: bool,
    /// The login is over, or the client has begun with its commands.
    settled: bool,
}

impl Packets {
    fn new(from: From, by: u8) -> Self {
        Packets {
            from,
            by,
            seen: 0,
            length: HEAD,
            is_first: true,
            settled: false,
        }
    }

    fn pass(&mut self, data: &mut [u8]) {
        for byte in data {
            if self.settled {
                return;
            }
            self.byte(byte);
            self.seen += 1;
            if self.seen >= HEAD && self.seen == self.length {
                (self.seen, self.length, self.is_first) = (0, HEAD, false);
            }
        }
    }

    fn byte(&mut self, byte: &mut u8) {
        match (self.seen, self.from) {
            (0..3, _) => self.length += usize::from(*byte) << (8 * self.seen),
            // Commands are counted from 0, a login is not.
            (3, From::Client { .. }) if *byte == 0 => self.settled = true,
            (3, _) => *byte = byte.wrapping_add(self.by),
            // OK, or an error: the login is over.
            (HEAD, From::Server) => self.settled = matches!(*byte, 0x00 | 0xff),
            (5, From::Client { server_has_tls }) if self.is_first => {
                *byte &= !CLIENT_SSL;
                if server_has_tls {
                    *byte |= CLIENT_SSL;
                }
            }
            _ => {}
        }
    }
}

impl Channel for MysqlSequenceLayer {
    fn seat(&self) -> &Seat {
        &self.seat
    }

    fn write(&self, data: &[u8]) {
        let mut client = self.client.borrow_mut();
        if client.settled {
            drop(client);
            self.seat.with_lower(|lower| lower.write(data));
        } else {
            let mut data = data.to_vec();
            client.pass(&mut data);
            drop(client);
            self.seat.with_lower(|lower| lower.write(&data));
        }
    }
}

impl Layer for MysqlSequenceLayer {
    fn data_received(&self, data: &mut [u8]) {
        self.server.borrow_mut().pass(data);
        self.seat.deliver(data);
    }
}

impl fmt::Debug for MysqlSequenceLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MysqlSequenceLayer")
            .field("settled", &self.server.borrow().settled)
            .finish_non_exhaustive()
    }
}
