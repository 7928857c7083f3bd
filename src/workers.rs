use std::error::Error;
use std::fmt;
use std::thread::{self, Scope};
use std::time::Duration;

use retwist_reactor::{Address, Reactor, ReactorHandle, ReactorSettings, catch_panic};

mod balance;
mod count;
mod crew;
mod error;
#[cfg(unix)]
mod others;
mod ports;
mod replacing;
mod status;
mod watchdog;
mod worker;

pub use balance::Balance;
pub use count::{WorkerCount, WorkerCountError};
use crew::Crew;
pub use error::WorkersError;
#[cfg(unix)]
pub use others::OtherWorkers;
use ports::Ports;
pub use replacing::Replacing;
pub use status::WorkersStatus;
pub use watchdog::WhenStuck;
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
/// Each connection is given to one of the workers: by the system where it can (`SO_REUSEPORT`; Linux
/// chooses by a hash of the addresses), otherwise by the workers themselves, to the one that serves the
/// fewest. [`balance`](Workers::balance) has the choice. It stays there, unless its protocol
/// [passes](Worker::accept_passed) it to another worker. A single connection is no faster than with one
/// reactor.
///
/// A single worker is a plain reactor, in the thread that calls [`run`](Workers::run), unless it is to be
/// watched or replaced.
///
/// # Workers that fail
///
/// A panic in a callback costs one connection, and the worker goes on. What is left can cost a worker: a
/// panic outside of callbacks (in a logger, say), a system that reports events no more, a callback that
/// does not return. Without further settings the first two end all workers in order, and `run` returns
/// the error; the third goes unnoticed, and its connections wait.
///
/// ```no_run
/// use std::time::Duration;
/// use retwist::{Replacing, WhenStuck, WorkerCount, Workers, WorkersError};
/// # use retwist::{Protocol, TransportRef};
/// # struct Echo;
/// # impl Protocol for Echo {
/// #     fn data_received(&mut self, t: &TransportRef, data: &[u8]) { t.write(data) }
/// # }
///
/// fn main() -> Result<(), WorkersError> {
///     let workers = Workers::new(WorkerCount::Auto)
///         .replacing(Replacing::default())
///         .watchdog(Duration::from_secs(10), WhenStuck::Replace);
///     let status = workers.status(); // for a health check, say
///     workers.run(|worker| {
///         worker.listen_tcp(8007, |_| Echo)?;
///         Ok(())
///     })
/// }
/// ```
///
/// With [`replacing`](Workers::replacing), the set-up is called again, in a new thread, with the same
/// [number](Worker::number), and takes over the queues of the ports of the worker before. With
/// [`watchdog`](Workers::watchdog), a loop that does not turn is noticed. The log says what the worker was
/// at, and [`status`](Workers::status) counts workers and the connections that were lost.
pub struct Workers {
    count: WorkerCount,
    settings: ReactorSettings,
    when_listening: Box<dyn FnMut(&Address)>,
    supervise: Supervise,
    replacing: Option<Replacing>,
    watchdog: Option<(Duration, WhenStuck)>,
    status: WorkersStatus,
    balance: Balance,
}

type Supervise = Box<dyn FnOnce(&ReactorHandle) -> Result<(), Cause>>;

/// Why a set-up has failed.
type Cause = Box<dyn Error + Send + Sync>;

impl Workers {
    /// How many workers there can be.
    pub const MAX: usize = 1024;

    /// This many workers, from 1 to [`MAX`](Workers::MAX), or [`WorkerCount::Auto`]: as many as there
    /// are cores to spare do best.
    pub fn new(count: impl Into<WorkerCount>) -> Self {
        Workers {
            count: count.into(),
            settings: ReactorSettings::default(),
            when_listening: Box::new(|_| ()),
            supervise: Box::new(|_| Ok(())),
            replacing: None,
            watchdog: None,
            status: WorkersStatus::default(),
            balance: Balance::default(),
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

    /// Has workers that fail replaced. Default: they are not, and the end of one is the end of all.
    ///
    /// A set-up that fails when the workers start is still the end of all. If it fails later, for a worker
    /// that is to take another one's place, that counts as a failure of that worker. When all workers have
    /// been given up, `run` returns [`WorkersError::NoneLeft`].
    #[must_use]
    pub fn replacing(self, how: Replacing) -> Self {
        let replacing = Some(how);
        Workers { replacing, ..self }
    }

    /// Has each loop watched: one that has not turned for `period` is stuck, which is found at the latest
    /// half a period later, and then the log says what it is at: the number of a connection, as
    /// [`Work`](crate::Work) has it. Default: none is watched.
    ///
    /// A worker that is idle does nothing for it. The thread that calls [`run`](Workers::run) wakes up
    /// twice a period. A callback that takes long is no failure, so let the period be longer than any
    /// callback may ever take, with all cores busy: seconds.
    #[must_use]
    pub fn watchdog(self, period: Duration, when_stuck: WhenStuck) -> Self {
        let watchdog = Some((period, when_stuck));
        Workers { watchdog, ..self }
    }

    /// Sets how connections come to the workers. Default [`Balance::Auto`].
    #[must_use]
    pub fn balance(self, balance: Balance) -> Self {
        Workers { balance, ..self }
    }

    /// How the workers fare from now on, for any thread.
    pub fn status(&self) -> WorkersStatus {
        self.status.clone()
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
    /// the error. If a worker fails later, the others are stopped in order, or it is
    /// [replaced](Workers::replacing).
    pub fn run(
        self,
        set_up: impl Fn(&Worker) -> Result<(), Cause> + Sync,
    ) -> Result<(), WorkersError> {
        match self.count.checked()? {
            1 if self.replacing.is_none() && self.watchdog.is_none() => self.run_here(set_up),
            count => thread::scope(|scope| self.run_in(scope, count, &set_up)),
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
        count: usize,
        set_up: &'scope S,
    ) -> Result<(), WorkersError>
    where
        S: Fn(&Worker) -> Result<(), Cause> + Sync,
    {
        let supervisor = reactor(self.settings.clone())?;
        self.status.show_on(&supervisor);
        let replaces =
            self.replacing.is_some() || matches!(self.watchdog, Some((_, WhenStuck::Replace)));
        let ports = if replaces {
            Ports::keeping()
        } else {
            Ports::default()
        }
        .balanced(self.balance);
        let mut crew = Crew::new(scope, set_up, supervisor, ports.clone(), &self);
        for number in 0..count {
            crew.add(number)?;
        }
        (self.supervise)(crew.supervisor()).map_err(WorkersError::SetUp)?;
        crew.run(ports.announcing(self.when_listening))
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
            .field("balance", &self.balance)
            .field("replacing", &self.replacing)
            .field("watchdog", &self.watchdog)
            .finish_non_exhaustive()
    }
}
