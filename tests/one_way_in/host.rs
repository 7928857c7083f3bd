//! A host of a simulated machine: a reactor that this test has made itself. Connections to it come about
//! by themselves, and the jobs of threads take simulated time.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use retwist::testing::{ManualClock, MemoryReactor, Pair, Triggers};
use retwist::{
    AdoptedSocket, Clock, Connector, DatagramProtocolRef, DelayedCall, FactoryRef, Hold, JobQueue,
    ListenError, ListeningPort, Phase, ProcessProtocolRef, ProcessTransport, Program,
    ReactorAdoption, ReactorLifecycle, ReactorProcess, ReactorState, ReactorStdio, ReactorTcp,
    ReactorThreads, ReactorUdp, ReactorUnix, ReactorUnixDatagram, SpawnError, StandardIo,
    SystemEvent, TcpConnect, TcpListen, Threads, TriggerId, UdpListen, UnixConnect,
    UnixDatagramListen, UnixListen,
};

pub struct Host {
    network: MemoryReactor,
    connections: RefCell<Vec<Pair>>,
    jobs: Rc<Jobs>,
    triggers: Triggers,
    state: Cell<ReactorState>,
    stops: Cell<bool>,
}

/// A job takes as long as this.
const WORK: Duration = Duration::from_millis(3);
/// The time of one step of the simulation.
const STEP: Duration = Duration::from_millis(1);

struct Jobs {
    clock: Clock,
    working: RefCell<HashMap<u64, DelayedCall>>,
    next: Cell<u64>,
}

impl JobQueue for Jobs {
    fn add(&self, job: Box<dyn FnOnce()>) -> u64 {
        let number = self.next.replace(self.next.get() + 1);
        let work = self.clock.call_later(WORK, job);
        self.working.borrow_mut().insert(number, work);
        number
    }

    fn remove(&self, number: u64) {
        if let Some(work) = self.working.borrow_mut().remove(&number) {
            work.cancel();
        }
    }
}

impl Host {
    pub fn on(clock: &Rc<ManualClock>) -> Self {
        let jobs = Jobs {
            clock: Clock::clone(clock),
            working: RefCell::default(),
            next: Cell::new(0),
        };
        Host {
            network: MemoryReactor::on(clock),
            connections: RefCell::default(),
            jobs: Rc::new(jobs),
            triggers: Triggers::by_hand(),
            state: Cell::new(ReactorState::Idle),
            stops: Cell::new(false),
        }
    }

    /// Runs until it is stopped, on simulated time.
    pub fn run(&self) {
        self.happens(SystemEvent::Startup, ReactorState::Running);
        let mut steps = 0;
        while !self.stops.get() {
            let dialled = self.network.connecting();
            let made = dialled
                .iter()
                .filter_map(|pending| self.network.complete(pending));
            self.connections.borrow_mut().extend(made);
            self.network.clock().advance(STEP);
            steps += 1;
            assert!(steps < 10_000, "it never stops");
        }
        self.happens(SystemEvent::Shutdown, ReactorState::Ended);
    }

    fn happens(&self, event: SystemEvent, state: ReactorState) {
        self.triggers.fire(Phase::Before, &event);
        while self.triggers.is_held() {
            self.network.clock().advance(STEP);
        }
        self.state.set(state);
        self.triggers.fire(Phase::During, &event);
        self.triggers.fire(Phase::After, &event);
    }
}

impl ReactorTcp for Host {
    fn listen(
        &self,
        options: TcpListen,
        factory: FactoryRef,
    ) -> Result<ListeningPort, ListenError> {
        self.network.listen(options, factory)
    }

    fn connect(&self, options: TcpConnect, factory: FactoryRef) -> Connector {
        self.network.connect(options, factory)
    }

    fn time(&self) -> Clock {
        self.network.time()
    }
}

impl ReactorUdp for Host {
    fn listen_datagrams(
        &self,
        options: UdpListen,
        protocol: DatagramProtocolRef,
    ) -> Result<ListeningPort, ListenError> {
        self.network.listen_datagrams(options, protocol)
    }
}

impl ReactorThreads for Host {
    fn threads(&self) -> Threads {
        Threads::Simulated(self.jobs.clone())
    }
}

impl ReactorLifecycle for Host {
    fn add_trigger(
        &self,
        phase: Phase,
        event: SystemEvent,
        call: Box<dyn FnOnce(Hold)>,
    ) -> Option<TriggerId> {
        Some(self.triggers.add(phase, event, call))
    }

    fn remove_trigger(&self, id: TriggerId) -> bool {
        self.triggers.remove(id)
    }

    fn fire_event(&self, event: SystemEvent) {
        match event {
            SystemEvent::Shutdown => self.stops.set(true),
            event => self.triggers.fire_named(event),
        }
    }

    fn progress(&self) -> ReactorState {
        self.state.get()
    }
}

impl ReactorUnix for Host {
    fn listen_unix_socket(
        &self,
        options: UnixListen,
        factory: FactoryRef,
    ) -> Result<ListeningPort, ListenError> {
        self.network.listen_unix_socket(options, factory)
    }

    fn connect_unix_socket(&self, options: UnixConnect, factory: FactoryRef) -> Connector {
        self.network.connect_unix_socket(options, factory)
    }
}

impl ReactorUnixDatagram for Host {
    fn listen_unix_datagrams(
        &self,
        options: UnixDatagramListen,
        protocol: DatagramProtocolRef,
    ) -> Result<ListeningPort, ListenError> {
        self.network.listen_unix_datagrams(options, protocol)
    }
}

impl ReactorProcess for Host {
    fn spawn(
        &self,
        program: Program,
        protocol: ProcessProtocolRef,
    ) -> Result<ProcessTransport, SpawnError> {
        self.network.spawn(program, protocol)
    }

    fn connect_child(&self, program: Program, factory: FactoryRef) -> Connector {
        self.network.connect_child(program, factory)
    }
}

impl ReactorAdoption for Host {
    fn adopt_listener(
        &self,
        socket: AdoptedSocket,
        factory: FactoryRef,
    ) -> Result<ListeningPort, ListenError> {
        self.network.adopt_listener(socket, factory)
    }
}

impl ReactorStdio for Host {
    fn listen_standard_io(
        &self,
        options: StandardIo,
        factory: FactoryRef,
    ) -> Result<ListeningPort, ListenError> {
        self.network.listen_standard_io(options, factory)
    }
}
