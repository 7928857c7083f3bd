use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use retwist_reactor::{
    Address, Clock, ConnectAttempt, ConnectError, Connector, FactoryRef, Layer, Protocol, Reason,
    TransportRef,
};

use super::watch::Watch;
use crate::{DialError, Dialer, Failure};

/// Connects the protocols of a factory with a dialer, which connects one protocol at a time. So the
/// factory hears all that a client's factory hears, and may connect again.
///
/// A factory makes a protocol when it knows the peer; a dialer wants the protocol before that. So the
/// dialer connects an [`Introduction`], which makes the protocol of the factory and hands the
/// connection to it. A [`Watch`] below both reports the end.
pub(super) fn connect_factory(
    dialer: Rc<dyn Dialer>,
    destination: Address,
    clock: &Clock,
    factory: FactoryRef,
) -> Connector {
    let time = clock.clone();
    Connector::custom(destination, clock, factory, move |attempt| {
        Some(start(&*dialer, &time, Rc::new(attempt)))
    })
}

/// Starts an attempt; returns what cancels it.
fn start(dialer: &dyn Dialer, clock: &Clock, attempt: Rc<ConnectAttempt>) -> Box<dyn Fn()> {
    let refused = Rc::new(Cell::new(false));
    let watch = Watch::new(
        Introduction {
            attempt: attempt.clone(),
            refused: refused.clone(),
        }
        .into(),
    );
    let lost = attempt.clone();
    watch.on_lost(move |reason| {
        if refused.get() {
            lost.failed(&ConnectError::Refused);
        } else {
            lost.lost(reason);
        }
    });
    let connecting = dialer.connect(watch.as_protocol());
    let canceller = connecting.canceller();
    let clock = clock.clone();
    connecting.done(move |outcome| match outcome {
        Ok(connector) => attempt.connected(move || connector.disconnect()),
        Err(failure) => {
            let error = connect_error(failure);
            // The factory is never told from inside a call of its connector.
            clock.call_soon(move || attempt.failed(&error));
        }
    });
    Box::new(move || canceller.cancel())
}

fn connect_error(failure: Failure<DialError>) -> ConnectError {
    match failure {
        Failure::Error(DialError::Connect(error)) => error,
        Failure::Error(error) => ConnectError::Host(Arc::new(error)),
        Failure::Cancelled => ConnectError::Cancelled,
        Failure::TimedOut(after) => ConnectError::TimedOut(after),
        Failure::ReactorEnded => ConnectError::ReactorGone,
        failure => ConnectError::Failed(failure.into()),
    }
}

/// Has the connection until the factory has made its protocol.
struct Introduction {
    attempt: Rc<ConnectAttempt>,
    refused: Rc<Cell<bool>>,
}

impl Protocol for Introduction {
    fn connection_made(&mut self, transport: &TransportRef) {
        match self.attempt.build_protocol(&transport.peer()) {
            Some(protocol) => {
                transport.switch_protocol(protocol);
            }
            None => {
                self.refused.set(true);
                transport.abort_connection();
            }
        }
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        transport.unread(data);
    }

    fn connection_lost(&mut self, _: &Reason) {}
}
