use std::error::Error;
use std::fmt;
use std::thread::{self, Scope};

use retwist_reactor::{Address, Reactor, ReactorHandle, ReactorSettings, catch_panic};

mod crew;
mod error;
mod ports;
mod worker;

use crew::{Crew, Thread};
pub use error::WorkersError;
use ports::Ports;
pub use worker::Worker;

/// Several reactors side by side, each in a thread of its own, which listen on the same ports and
/// share nothing else: how a server uses more than one core.
///
/// ```no_run
/// use retwist::{Protocol, TransportRef, Workers, WorkersError};
///
/// struct Echo;
///
/// impl Protocol for Echo {
///     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
///         transport.write(data);
///     }
/// }
///
/// fn main() -> Result<(), WorkersError> {
///     Workers::new(4)
///         .when_listening(|address| println!("listening on {address}"))
///         .run(|worker| {
///             worker.listen_tcp(8007, |_| Echo)?;
///             Ok(())
///         })
/// }
/// ```
///
/// The set-up is called once for each worker, in its thread, one worker after the other. There it
/// makes all that the worker needs, which lives and dies in that thread: protocols, factories and
/// what they share need no locks, and belong to the connections of one worker only. So each worker
/// has a limit, a throttle, a cache of its own, and a program whose connections share one state (the
/// room of a chat) wants one reactor and not several. What the set-up refers to is shared between the
/// threads: the options of a program, an [endpoint](crate::endpoint::ServerEndpoint), a configuration
/// of TLS, by which any worker resumes a session that another one has begun.
///
/// The system gives each connection to one of the workers, where it stays (`SO_REUSEPORT`; Linux
/// chooses by a hash of the addresses). With many connections each worker gets about its share. A
/// single connection is no faster than with one reactor.
///
/// A single worker is a plain reactor, in the thread that calls [`run`](Workers::run).
pub struct Workers {
    count: usize,
    settings: ReactorSettings,
    when_listening: Box<dyn FnMut(&Address)>,
    supervise: Supervise,
}

type Supervise = Box<dyn FnOnce(&ReactorHandle) -> Result<(), Cause>>;

/// Why a set-up has failed.
type Cause = Box<dyn Error + Send + Sync>;

impl Workers {
    /// How many workers there can be.
    pub const MAX: usize = 1024;

    /// This many workers, from 1 to [`MAX`](Workers::MAX). As many as there are cores to spare do best:
    /// [`available_parallelism`](std::thread::available_parallelism) says how many there are.
    pub fn new(count: usize) -> Self {
        Workers {
            count,
            settings: ReactorSettings::default(),
            when_listening: Box::new(|_| ()),
            supervise: Box::new(|_| Ok(())),
        }
    }

    /// Sets the settings of their reactors.
    #[must_use]
    pub fn settings(self, settings: ReactorSettings) -> Self {
        Workers { settings, ..self }
    }

    /// Calls `call` once for each port, in the order in which they were opened, as soon as all workers
    /// listen there and signals stop them. The call comes in the thread that calls
    /// [`run`](Workers::run).
    #[must_use]
    pub fn when_listening(self, call: impl FnMut(&Address) + 'static) -> Self {
        let when_listening = Box::new(call);
        Workers {
            when_listening,
            ..self
        }
    }

    /// Calls `supervise` once, in the thread that calls [`run`](Workers::run), when all workers are set
    /// up: with the reactor of that thread, which stops them all, or that of the one worker. Its
    /// startup is complete when all of them serve; it is the one to attach a
    /// [`ServiceManager`](crate::ServiceManager) to. An error is one of the set-up.
    #[must_use]
    pub fn supervised(
        self,
        supervise: impl FnOnce(&ReactorHandle) -> Result<(), Cause> + 'static,
    ) -> Self {
        let supervise = Box::new(supervise);
        Workers { supervise, ..self }
    }

    /// Sets the workers up and runs them until they are stopped: by a signal, as
    /// [`ReactorSettings::signals`] says, or by [`stop`](retwist_reactor::ReactorHandle::stop) on
    /// the reactor of any of them. All end together, each in order, and a second signal cuts it
    /// short for all. This returns when the last has ended.
    ///
    /// If they [drain](retwist_reactor::ReactorHandle::drain), by a signal or because any of them does,
    /// all do. Each ends when what it serves has ended.
    ///
    /// A callback that does not return cannot be cut short. If a worker is in one when the second
    /// signal comes, and has not ended a second later, the whole process exits with code 1.
    ///
    /// If a set-up fails or panics, no worker serves: those that listen already stop, and this returns
    /// the error. If a worker fails later, the others are stopped in order.
    pub fn run(
        self,
        set_up: impl Fn(&Worker) -> Result<(), Cause> + Sync,
    ) -> Result<(), WorkersError> {
        match self.count {
            1 => self.run_here(set_up),
            2..=Workers::MAX => thread::scope(|scope| self.run_in(scope, &set_up)),
            _ => Err(WorkersError::Count),
        }
    }

    /// One worker: a plain reactor.
    fn run_here(self, set_up: impl Fn(&Worker) -> Result<(), Cause>) -> Result<(), WorkersError> {
        let reactor = reactor(self.settings)?;
        let ports = Ports::default();
        prepare(&Worker::alone(&reactor, &ports), &set_up)?;
        (self.supervise)(&reactor).map_err(WorkersError::SetUp)?;
        reactor.call_when_running(ports.announcing(self.when_listening));
        reactor.run().map_err(WorkersError::Reactor)
    }

    /// Several workers, beside a reactor in this thread that hears signals and waits for them.
    fn run_in<'scope, S>(
        self,
        scope: &'scope Scope<'scope, '_>,
        set_up: &'scope S,
    ) -> Result<(), WorkersError>
    where
        S: Fn(&Worker) -> Result<(), Cause> + Sync,
    {
        let supervisor = reactor(self.settings.clone())?;
        let ports = Ports::default();
        let mut crew = Crew::default();
        for number in 0..self.count {
            crew.add(
                scope,
                Thread {
                    number,
                    settings: ReactorSettings {
                        signals: false,
                        ..self.settings.clone()
                    },
                    ports: ports.clone(),
                    supervisor: supervisor.remote(),
                    set_up,
                },
            )?;
        }
        (self.supervise)(&supervisor).map_err(WorkersError::SetUp)?;
        crew.run(supervisor, ports.announcing(self.when_listening))
    }
}

fn reactor(settings: ReactorSettings) -> Result<Reactor, WorkersError> {
    Reactor::with_settings(settings).map_err(WorkersError::Reactor)
}

/// Sets a worker up, in its thread.
fn prepare(
    worker: &Worker,
    set_up: &impl Fn(&Worker) -> Result<(), Cause>,
) -> Result<(), WorkersError> {
    catch_panic(|| set_up(worker))
        .map_err(WorkersError::Panicked)?
        .map_err(WorkersError::SetUp)
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers")
            .field("count", &self.count)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
