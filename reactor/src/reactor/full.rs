use std::time::Duration;

#[cfg(unix)]
use crate::ReactorUnixDatagram;
use crate::testing::MemoryReactor;
use crate::{
    Hold, Phase, ReactorLifecycle, ReactorState, ReactorStreams, ReactorThreads, ReactorUdp,
    SystemEvent, TriggerId,
};

/// All that a program asks of a reactor: streams, datagrams, time, threads, the beginning and the end.
///
/// A program that is written against it runs on a [`Reactor`](crate::Reactor), on a
/// [`MemoryReactor`](crate::testing::MemoryReactor) in its tests, and on any other value that
/// implements its parts, such as one host of a simulated network. Each value that has the parts is one.
///
/// `dyn FullReactor` has the same methods as a [`ReactorHandle`](crate::ReactorHandle):
/// `listen_tcp`, `connect_tcp`, `listen_udp`, `call_when_running`, `stop`, … A program that connects to
/// hosts by name takes a `Network`, which holds one.
///
/// ```
/// # use retwist_reactor as retwist;
/// use std::time::Duration;
/// use retwist::testing::MemoryReactor;
/// use retwist::{FullReactor, ListenError, Protocol, TransportRef};
/// # use retwist::ReactorState;
///
/// struct Echo;
/// impl Protocol for Echo {
///     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
///         transport.write(data);
///     }
/// }
///
/// fn program(reactor: &dyn FullReactor) -> Result<(), ListenError> {
///     reactor.listen_tcp(([127, 0, 0, 1], 0), |_| Echo)?;
///     reactor.time().call_later(Duration::from_secs(60), || println!("a minute has passed"));
///     Ok(())
/// }
///
/// program(&retwist::Reactor::new().unwrap())?;
///
/// let reactor = MemoryReactor::new();
/// program(&reactor)?;
/// reactor.clock().advance(Duration::from_secs(60));
/// # Ok::<(), ListenError>(())
/// ```
#[cfg(unix)]
pub trait FullReactor:
    ReactorStreams + ReactorUdp + ReactorUnixDatagram + ReactorThreads + ReactorLifecycle
{
}

#[cfg(unix)]
impl<R> FullReactor for R where
    R: ReactorStreams
        + ReactorUdp
        + ReactorUnixDatagram
        + ReactorThreads
        + ReactorLifecycle
        + ?Sized
{
}

/// All that a program asks of a reactor: streams, datagrams, time, threads, the beginning and the end.
///
/// A program that is written against it runs on a [`Reactor`](crate::Reactor), on a
/// [`MemoryReactor`](crate::testing::MemoryReactor) in its tests, and on any other value that
/// implements its parts, such as one host of a simulated network. Each value that has the parts is one.
#[cfg(not(unix))]
pub trait FullReactor: ReactorStreams + ReactorUdp + ReactorThreads + ReactorLifecycle {}

#[cfg(not(unix))]
impl<R> FullReactor for R where
    R: ReactorStreams + ReactorUdp + ReactorThreads + ReactorLifecycle + ?Sized
{
}

/// What a program asks of the beginning and the end, on a reactor that it knows by the traits alone.
macro_rules! lifecycle_methods {
    ($($reactor:ty),*) => {$(
        impl $reactor {
            /// See [`ReactorHandle::add_system_event_trigger`](crate::ReactorHandle::add_system_event_trigger).
            pub fn add_system_event_trigger(
                &self,
                phase: Phase,
                event: impl Into<SystemEvent>,
                call: impl FnOnce(Hold) + 'static,
            ) -> Option<TriggerId> {
                self.add_trigger(phase, event.into(), Box::new(call))
            }

            /// See [`ReactorHandle::call_when_running`](crate::ReactorHandle::call_when_running).
            pub fn call_when_running(&self, call: impl FnOnce() + 'static) {
                let running = ReactorState::Running..ReactorState::Ended;
                if running.contains(&self.progress()) {
                    call();
                } else {
                    self.add_system_event_trigger(Phase::After, SystemEvent::Startup, |_| call());
                }
            }

            /// See [`ReactorHandle::stop`](crate::ReactorHandle::stop).
            pub fn stop(&self) {
                self.fire_event(SystemEvent::Shutdown);
            }
        }
    )*};
}

lifecycle_methods!(dyn FullReactor + '_, MemoryReactor);

impl dyn FullReactor + '_ {
    /// See [`ReactorHandle::drain`](crate::ReactorHandle::drain).
    pub fn drain(&self, longest: Duration) {
        self.begin_drain(longest);
    }
}
