use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use retwist_reactor::{
    ConnectError, Protocol, ProtocolHandle, ReactorTcp, Reason, TcpConnect, TransportRef,
};

use crate::connecting::dial_tcp;
use crate::{Canceller, Failure};

/// One server, asked over a TCP connection, which lives no longer than this.
pub(super) struct TcpTalk {
    attempt: Canceller,
    link: Rc<Link>,
}

#[derive(Default)]
struct Link {
    transport: RefCell<Option<TransportRef>>,
    /// There is an answer, or it is no longer wanted.
    is_done: Cell<bool>,
}

/// What is heard of the server.
pub(super) enum TcpEvent<'a> {
    Message(&'a [u8]),
    NotConnected(ConnectError),
    /// The connection has ended.
    Closed,
}

impl TcpTalk {
    /// Connects and sends this; `hear` hears of each message, and of the end if that comes first.
    /// It returns true for the message that it has waited for.
    pub(super) fn begin(
        reactor: &dyn ReactorTcp,
        server: SocketAddr,
        timeout: Duration,
        query: &[u8],
        hear: impl Fn(TcpEvent<'_>) -> bool + Clone + 'static,
    ) -> Self {
        let link = Rc::<Link>::default();
        let mut framed = u16::try_from(query.len())
            .unwrap_or(0)
            .to_be_bytes()
            .to_vec();
        framed.extend_from_slice(query);
        let protocol = Talker {
            query: framed,
            received: Vec::new(),
            link: link.clone(),
            hear: hear.clone(),
        };
        let options = TcpConnect::address(server).timeout(timeout);
        let attempt = dial_tcp(reactor, options, (&ProtocolHandle::new(protocol)).into());
        let canceller = attempt.canceller();
        attempt.done(move |outcome| match outcome {
            Ok(_) | Err(Failure::Cancelled) => {}
            Err(Failure::Error(error)) => {
                hear(TcpEvent::NotConnected(error));
            }
            Err(_) => {
                hear(TcpEvent::NotConnected(ConnectError::ReactorGone));
            }
        });
        TcpTalk {
            attempt: canceller,
            link,
        }
    }
}

impl Drop for TcpTalk {
    fn drop(&mut self) {
        self.attempt.cancel();
        let is_answered = self.link.is_done.replace(true);
        if let Some(transport) = self.link.transport.take() {
            if is_answered {
                transport.lose_connection();
            } else {
                transport.abort_connection();
            }
        }
    }
}

/// Sends the query, and cuts what comes into messages, each behind its length in two bytes.
struct Talker<F> {
    query: Vec<u8>,
    /// The beginning of a message, at most one of them: 65,537 bytes.
    received: Vec<u8>,
    link: Rc<Link>,
    hear: F,
}

impl<F: Fn(TcpEvent<'_>) -> bool + 'static> Talker<F> {
    /// Hears of the message that is whole, if there is one; the rest of the bytes if not.
    fn cut<'a>(&mut self, data: &'a [u8]) -> Option<&'a [u8]> {
        let missing = match self.received[..] {
            [high, low, ..] => usize::from(u16::from_be_bytes([high, low])) + 2,
            _ => 2,
        };
        let take = (missing - self.received.len()).min(data.len());
        let (now, rest) = data.split_at(take);
        self.received.extend_from_slice(now);
        let is_whole = self.received.len() == missing && (missing > 2 || self.received == [0, 0]);
        if is_whole {
            let message = std::mem::take(&mut self.received);
            // Before, since it may be the end of the talk.
            self.link.is_done.set(true);
            if (self.hear)(TcpEvent::Message(&message[2..])) {
                return None;
            }
            self.link.is_done.set(false);
        }
        (!rest.is_empty()).then_some(rest)
    }
}

impl<F: Fn(TcpEvent<'_>) -> bool + 'static> Protocol for Talker<F> {
    fn connection_made(&mut self, transport: &TransportRef) {
        *self.link.transport.borrow_mut() = Some(transport.clone());
        transport.write(&self.query);
    }

    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        let mut rest = Some(data);
        while let Some(data) = rest.filter(|_| !self.link.is_done.get()) {
            rest = self.cut(data);
        }
    }

    fn connection_lost(&mut self, _: &Reason) {
        self.link.transport.take();
        if !self.link.is_done.get() {
            (self.hear)(TcpEvent::Closed);
        }
    }
}
