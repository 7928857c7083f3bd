use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, Read};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use retwist_reactor::{
    Producer, ProducerKind, ProducerRegistered, ProtocolRef, Reason, TransportRef,
};

/// The state that an [`AsyncTransport`](crate::AsyncTransport) and its protocol share.
///
/// The protocol, which the transport calls, stores what arrives and wakes the tasks that wait for
/// it. The `AsyncTransport` takes the input from here, and passes requests to the transport at once.
#[derive(Default)]
pub(crate) struct StreamState {
    /// `None` before the protocol has heard that it is connected, while a layer is being put below,
    /// and after the end.
    transport: RefCell<Option<TransportRef>>,
    inbox: RefCell<VecDeque<u8>>,
    reader: Cell<Option<Waker>>,
    writer: Cell<Option<Waker>>,
    negotiator: Cell<Option<Waker>>,
    /// The layer below has finished its negotiation.
    negotiated: Cell<bool>,
    /// The transport does not read, because the inbox is full.
    paused: Cell<bool>,
    /// The transport has paused this producer: its output is above the high-water mark.
    full: Cell<bool>,
    input_ended: Cell<bool>,
    output: Cell<Output>,
    reason: RefCell<Option<Reason>>,
    /// The `AsyncTransport` has been dropped.
    abandoned: Cell<bool>,
    /// The protocol that takes the connection over as soon as there is one.
    successor: RefCell<Option<ProtocolRef>>,
    /// The transport has another producer, so it cannot pause this one.
    refused: Cell<Option<ProducerRegistered>>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Output {
    #[default]
    Open,
    Closing,
    Closed,
}

/// The transport stops reading when this many bytes are pending in the inbox.
const READ_AHEAD: usize = 64 * 1024;
/// The most bytes that one write takes.
const WRITE_AT_ONCE: usize = 64 * 1024;

impl StreamState {
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

    /// The error of a write, if none is possible.
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

    /// Calls `change`, which may put a layer below this protocol. The bytes that were read ahead go
    /// back to the transport first, so that the layer gets them.
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
            // A layer is below this protocol now, and the protocol will hear of its new transport.
            // Until then, writes wait.
            (Some(before), Some(now)) if !now.ptr_eq(&before) => {
                self.transport.take();
            }
            // The transport delivers the bytes again.
            _ => self.attend(&transport),
        }
        Some(result)
    }

    /// Calls `change`, which may put a layer below this protocol that negotiates. Returns true if
    /// it has: then [`poll_negotiated`](StreamState::poll_negotiated) waits for it.
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
        if self.reason.borrow().is_some() {
            return Poll::Ready(Err(self.gone()));
        }
        wait(&self.negotiator, context)
    }

    /// The error of a request, if there is no connection.
    fn gone(&self) -> io::Error {
        match &*self.reason.borrow() {
            Some(reason) => broken(reason),
            None => io::ErrorKind::NotConnected.into(),
        }
    }

    /// Hands the connection to `next`. Returns false if the connection has ended.
    pub(crate) fn switch_protocol(&self, next: ProtocolRef) -> bool {
        self.abandoned.set(true);
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

    /// The `AsyncTransport` is dropped: closes the connection in order.
    pub(crate) fn abandon(&self) {
        self.abandoned.set(true);
        if let Some(transport) = self.transport.take() {
            transport.unregister_producer();
            transport.lose_connection();
        }
    }

    fn let_go(&self, transport: &TransportRef) {
        transport.unregister_producer();
        transport.unread(&Vec::from(self.inbox.take()));
    }

    /// The protocol has this transport from now on.
    pub(super) fn attached(self: &Rc<Self>, transport: &TransportRef) {
        if let Some(next) = self.successor.take() {
            transport.switch_protocol(next);
        } else if self.abandoned.get() {
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

    /// Data has arrived.
    pub(super) fn received(&self, transport: &TransportRef, data: &[u8]) {
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

    /// The layer below has finished its negotiation.
    pub(super) fn negotiated(&self) {
        self.negotiated.set(true);
        wake(&self.negotiator);
    }

    /// The peer sends nothing more.
    pub(super) fn input_ended(&self) {
        self.input_ended.set(true);
        wake(&self.reader);
    }

    /// All that was written has been handed over, and the write half is closed.
    pub(super) fn output_ended(&self) {
        self.output.set(Output::Closed);
        wake(&self.writer);
    }

    /// The connection has ended.
    pub(super) fn lost(&self, reason: &Reason) {
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

impl Producer for StreamState {
    fn resume_producing(&self) {
        self.full.set(false);
        wake(&self.writer);
    }

    fn pause_producing(&self) {
        self.full.set(true);
    }

    /// `connection_lost` follows.
    fn stop_producing(&self) {}

    /// A connection that is being closed takes no more writes, so this producer has no more to
    /// send. A layer that has failed does not wait for it either.
    fn has_finished(&self) -> Option<bool> {
        let transport = self.transport.borrow();
        transport
            .as_ref()
            .map_or(Some(true), |open| open.has_finished())
    }
}
