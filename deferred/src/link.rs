use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::io::{self, Read};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use retwist_reactor::{
    Producer, ProducerKind, ProducerRegistered, Protocol, ProtocolRef, Reason, TransportRef,
};

use crate::{AsyncTransport, Promise};

/// What an [`AsyncTransport`] and the protocol that sits for it in the transport's seat share.
///
/// The protocol notes what comes and wakes; the other one takes it, and what it asks for goes to
/// the transport at once.
#[derive(Default)]
pub(crate) struct Link {
    /// None until the protocol has been told that it is connected, and after the end.
    transport: RefCell<Option<TransportRef>>,
    inbox: RefCell<VecDeque<u8>>,
    reader: Cell<Option<Waker>>,
    writer: Cell<Option<Waker>>,
    negotiator: Cell<Option<Waker>>,
    /// The layer below that negotiates has finished.
    negotiated: Cell<bool>,
    /// The transport does not read, because nobody reads here.
    paused: Cell<bool>,
    /// More is waiting to be sent than should; this is the producer that was told so.
    full: Cell<bool>,
    input_ended: Cell<bool>,
    output: Cell<Output>,
    reason: RefCell<Option<Reason>>,
    /// The one that reads and writes has gone.
    deserted: Cell<bool>,
    /// Who takes the connection over as soon as it is there.
    successor: RefCell<Option<ProtocolRef>>,
    /// Somebody else's producer is there, so that nothing can hold this one back.
    refused: Cell<Option<ProducerRegistered>>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Output {
    #[default]
    Open,
    Closing,
    Closed,
}

/// So much may have been read that nobody has asked for yet.
const READ_AHEAD: usize = 64 * 1024;
/// So much is taken in one write.
const WRITE_AT_ONCE: usize = 64 * 1024;

impl Link {
    pub(crate) fn transport(&self) -> Option<TransportRef> {
        self.transport.borrow().clone()
    }

    pub(crate) fn reason(&self) -> Option<Reason> {
        self.reason.borrow().clone()
    }

    pub(crate) fn poll_read(
        &self,
        context: &Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let (count, left) = {
            let mut inbox = self.inbox.borrow_mut();
            (inbox.read(buffer)?, inbox.len())
        };
        if left == 0 {
            self.resume();
        }
        if count > 0 || buffer.is_empty() || self.input_ended.get() {
            return Poll::Ready(Ok(count));
        }
        match &*self.reason.borrow() {
            Some(reason) if reason.is_clean() => Poll::Ready(Ok(0)),
            Some(reason) => Poll::Ready(Err(broken(reason))),
            None => wait(&self.reader, context),
        }
    }

    pub(crate) fn poll_write(&self, context: &Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(error) = self.write_error() {
            return Poll::Ready(Err(error));
        }
        match self.transport() {
            Some(transport) if !self.full.get() => {
                let count = data.len().min(WRITE_AT_ONCE);
                transport.write(&data[..count]);
                Poll::Ready(Ok(count))
            }
            _ => wait(&self.writer, context),
        }
    }

    pub(crate) fn flush(&self) -> io::Result<()> {
        match &*self.reason.borrow() {
            Some(reason) if !reason.is_clean() => Err(broken(reason)),
            _ => Ok(()),
        }
    }

    pub(crate) fn poll_close(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        if self.output.get() == Output::Closed || self.reason.borrow().is_some() {
            return Poll::Ready(self.flush());
        }
        if self.output.get() == Output::Open
            && let Some(transport) = self.transport()
        {
            self.output.set(Output::Closing);
            transport.unregister_producer();
            transport.lose_write_connection();
        }
        wait(&self.writer, context)
    }

    /// Why nothing can be written.
    fn write_error(&self) -> Option<io::Error> {
        if let Some(reason) = &*self.reason.borrow() {
            return Some(broken(reason));
        }
        if let Some(error) = self.refused.get() {
            return Some(io::Error::other(error));
        }
        let closed = |transport: &TransportRef| !transport.is_connected();
        let closed = self.transport.borrow().as_ref().is_some_and(closed);
        (closed || self.output.get() != Output::Open).then(|| {
            io::Error::new(
                io::ErrorKind::BrokenPipe,
                "this side has closed the connection",
            )
        })
    }

    /// Lets `change` put something under this protocol: until then, what was read ahead belongs to
    /// the transport.
    pub(crate) fn with_transport<R>(
        self: &Rc<Self>,
        change: impl FnOnce(&TransportRef) -> R,
    ) -> Option<R> {
        let transport = self.transport()?;
        self.paused.set(true);
        transport.pause_producing();
        self.let_go(&transport);
        let before = transport.protocol();
        let result = change(&transport);
        match (before, transport.protocol()) {
            // Something is under this protocol now, and it will hear of its new transport. Until
            // then, who writes waits.
            (Some(before), Some(now)) if !now.ptr_eq(&before) => {
                self.transport.take();
            }
            // What was given back is delivered again.
            _ => self.attend(&transport),
        }
        Some(result)
    }

    /// Lets `change` put a layer under this protocol that negotiates, and says whether it has: then
    /// there is something to wait for ([`poll_negotiated`](Link::poll_negotiated)).
    pub(crate) fn negotiate<R>(
        self: &Rc<Self>,
        change: impl FnOnce(&TransportRef) -> R,
    ) -> io::Result<(R, bool)> {
        self.negotiated.set(false);
        let result = self.with_transport(change).ok_or_else(|| self.gone())?;
        Ok((result, self.transport.borrow().is_none()))
    }

    pub(crate) fn poll_negotiated(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        if self.negotiated.get() {
            return Poll::Ready(Ok(()));
        }
        match self.reason.borrow().is_some() {
            true => Poll::Ready(Err(self.gone())),
            false => wait(&self.negotiator, context),
        }
    }

    /// There is no connection, or none yet.
    fn gone(&self) -> io::Error {
        match &*self.reason.borrow() {
            Some(reason) => broken(reason),
            None => io::ErrorKind::NotConnected.into(),
        }
    }

    /// Hands the connection to `next`; false if there is none any more.
    pub(crate) fn switch_protocol(&self, next: ProtocolRef) -> bool {
        self.deserted.set(true);
        match self.transport.take() {
            Some(transport) => {
                self.let_go(&transport);
                !transport.switch_protocol(next.clone()).ptr_eq(&next)
            }
            None if self.reason.borrow().is_some() => false,
            None => {
                *self.successor.borrow_mut() = Some(next);
                true
            }
        }
    }

    /// Nobody reads or writes here any more: the connection is closed, in order.
    pub(crate) fn desert(&self) {
        self.deserted.set(true);
        if let Some(transport) = self.transport.take() {
            transport.unregister_producer();
            transport.lose_connection();
        }
    }

    fn let_go(&self, transport: &TransportRef) {
        transport.unregister_producer();
        transport.unread(&Vec::from(self.inbox.take()));
    }

    /// The protocol sits on this transport now.
    fn seated(self: &Rc<Self>, transport: &TransportRef) {
        if let Some(next) = self.successor.take() {
            transport.switch_protocol(next);
        } else if self.deserted.get() {
            transport.lose_connection();
        } else {
            *self.transport.borrow_mut() = Some(transport.clone());
            self.attend(transport);
        }
    }

    fn attend(self: &Rc<Self>, transport: &TransportRef) {
        self.full.set(false);
        if self.output.get() == Output::Open {
            let registered = transport.register_producer(self.clone(), ProducerKind::Push);
            self.refused.set(registered.err());
        }
        self.resume();
        wake(&self.writer);
    }

    fn resume(&self) {
        if self.paused.get()
            && let Some(transport) = self.transport()
            && transport.is_connected()
        {
            self.paused.set(false);
            transport.resume_producing();
        }
    }

    fn received(&self, transport: &TransportRef, data: &[u8]) {
        let waiting = {
            let mut inbox = self.inbox.borrow_mut();
            inbox.extend(data);
            inbox.len()
        };
        if waiting >= READ_AHEAD && !self.paused.replace(true) {
            transport.pause_producing();
        }
        wake(&self.reader);
    }

    fn lost(&self, reason: &Reason) {
        self.transport.take();
        *self.reason.borrow_mut() = Some(reason.clone());
        wake(&self.reader);
        wake(&self.writer);
        wake(&self.negotiator);
    }
}

fn wait<T>(place: &Cell<Option<Waker>>, context: &Context<'_>) -> Poll<T> {
    place.set(Some(context.waker().clone()));
    Poll::Pending
}

fn wake(place: &Cell<Option<Waker>>) {
    if let Some(waker) = place.take() {
        waker.wake();
    }
}

fn broken(reason: &Reason) -> io::Error {
    let kind = match reason {
        Reason::Lost(error) => error.kind(),
        Reason::Done => io::ErrorKind::BrokenPipe,
        Reason::CloseTimedOut(_) => io::ErrorKind::TimedOut,
        _ => io::ErrorKind::ConnectionAborted,
    };
    io::Error::new(kind, reason.clone())
}

impl Producer for Link {
    fn resume_producing(&self) {
        self.full.set(false);
        wake(&self.writer);
    }

    fn pause_producing(&self) {
        self.full.set(true);
    }

    /// `connection_lost` follows.
    fn stop_producing(&self) {}

    /// Once the connection is being closed, whoever closes it, nothing can be written here. A layer
    /// that has failed need not wait for more.
    fn has_finished(&self) -> bool {
        let transport = self.transport.borrow();
        transport.as_ref().is_none_or(|open| open.has_finished())
    }
}

/// Sits in the seat for an [`AsyncTransport`].
pub(crate) struct Proxy {
    pub(crate) link: Rc<Link>,
    /// Who waits for the connection.
    pub(crate) opening: Option<Promise<AsyncTransport, Reason>>,
}

impl Drop for Proxy {
    /// Nobody lets it sit anywhere any more.
    fn drop(&mut self) {
        if self.link.reason().is_none() {
            self.link.lost(&Reason::failed(TakenOver));
        }
    }
}

/// Another protocol was put in the seat.
#[derive(Debug)]
struct TakenOver;

impl fmt::Display for TakenOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another protocol has taken the connection over")
    }
}

impl Error for TakenOver {}

impl Protocol for Proxy {
    fn connection_made(&mut self, transport: &TransportRef) {
        self.link.seated(transport);
        if let Some(opening) = self.opening.take() {
            // Nobody waits any more: dropped, it closes the connection.
            let _ = opening.callback(AsyncTransport::over(self.link.clone()));
        }
    }

    fn transport_switched(&mut self, transport: &TransportRef) {
        self.link.seated(transport);
    }

    fn handshake_completed(&mut self, _: &TransportRef) {
        self.link.negotiated.set(true);
        wake(&self.link.negotiator);
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        self.link.received(transport, data);
    }

    fn read_connection_lost(&mut self, _: &TransportRef) {
        self.link.input_ended.set(true);
        wake(&self.link.reader);
    }

    fn write_connection_lost(&mut self, _: &TransportRef) {
        self.link.output.set(Output::Closed);
        wake(&self.link.writer);
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.link.lost(reason);
        if let Some(opening) = self.opening.take() {
            // Cancelled, it has its outcome.
            let _ = opening.errback(reason.clone());
        }
    }
}
