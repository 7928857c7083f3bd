//! What a worker does as its reactor does, so that a program for any reactor runs on it.

use std::time::Duration;

use retwist_reactor::{
    DatagramProtocolRef, Hold, ListenError, ListeningPort, Phase, ReactorLifecycle, ReactorState,
    ReactorThreads, ReactorUdp, SystemEvent, Threads, TriggerId, UdpListen,
};
#[cfg(unix)]
use retwist_reactor::{ReactorUnixDatagram, UnixDatagramListen};

use super::Worker;

/// Ports of datagrams are those of one worker: they are not shared.
impl ReactorUdp for Worker {
    fn listen_datagrams(
        &self,
        options: UdpListen,
        protocol: DatagramProtocolRef,
    ) -> Result<ListeningPort, ListenError> {
        self.reactor.listen_datagrams(options, protocol)
    }
}

#[cfg(unix)]
impl ReactorUnixDatagram for Worker {
    fn listen_unix_datagrams(
        &self,
        options: UnixDatagramListen,
        protocol: DatagramProtocolRef,
    ) -> Result<ListeningPort, ListenError> {
        self.reactor.listen_unix_datagrams(options, protocol)
    }
}

impl ReactorThreads for Worker {
    fn threads(&self) -> Threads {
        self.reactor.threads()
    }
}

impl ReactorLifecycle for Worker {
    fn add_trigger(
        &self,
        phase: Phase,
        event: SystemEvent,
        call: Box<dyn FnOnce(Hold)>,
    ) -> Option<TriggerId> {
        self.reactor.add_trigger(phase, event, call)
    }

    fn remove_trigger(&self, id: TriggerId) -> bool {
        self.reactor.remove_trigger(id)
    }

    fn fire_event(&self, event: SystemEvent) {
        self.reactor.fire_event(event);
    }

    fn begin_drain(&self, longest: Duration) {
        self.reactor.begin_drain(longest);
    }

    fn progress(&self) -> ReactorState {
        self.reactor.progress()
    }
}
