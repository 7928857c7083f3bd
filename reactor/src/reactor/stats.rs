use crate::core::loop_watch::LoopWatch;
use crate::core::survey::Connections;
use crate::testing::MemoryReactor;
use crate::{ConnectionId, Figures, Pulse, Reactor, ReactorHandle, Stats, TransportRef};

/// The part of a reactor that reports on the reactor as a whole: a [`Reactor`], or a [`MemoryReactor`], on the
/// hand-driven clock of a test.
pub trait ReactorStats {
    /// See [`ReactorHandle::stats`].
    fn stats(&self) -> Stats;

    /// See [`ReactorHandle::connections`].
    fn connections(&self) -> Connections;

    /// See [`ReactorHandle::connection`].
    fn connection(&self, id: ConnectionId) -> Option<TransportRef>;

    /// See [`ReactorHandle::watch_loop`]. A loop that a test makes by hand is not measured.
    fn watch_loop(&self) -> LoopWatch;
}

impl ReactorHandle {
    /// Returns what the reactor tells of itself at this moment.
    ///
    /// What it takes to know this is counted where it happens anyway. The call looks at each connection
    /// once, and does nothing else with it: some 10 ns for each that is in the cache of the processor. A
    /// reactor that has gone has nothing to tell, but for what its clock has counted.
    ///
    /// ```
    /// # use retwist_reactor as retwist;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use retwist::{Protocol, TransportRef};
    /// # struct Echo;
    /// # impl Protocol for Echo {
    /// #     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) { transport.write(data) }
    /// # }
    /// use retwist::Reactor;
    ///
    /// let reactor = Reactor::new()?;
    /// let port = reactor.listen_tcp(([127, 0, 0, 1], 0), |_| Echo)?;
    /// let stats = reactor.stats();
    /// assert_eq!(stats.ports[0].address, port.address());
    /// assert_eq!(stats.connections.total(), 0);
    /// let late = stats.lag.quantile(0.99);
    /// println!("{} bytes received, 99 % of timers at most {late:?} late", stats.received);
    /// # Ok(()) }
    /// ```
    pub fn stats(&self) -> Stats {
        match self.core.upgrade() {
            Some(core) => core.stats(),
            None => crate::stream::Tally::default().into_stats(&self.clock, Vec::new()),
        }
    }

    /// The connections that there are, as a walk that looks at each when it is its turn. Nothing is kept
    /// for it while there is no walk.
    ///
    /// A list of many is made in steps, so that it does not hold up the loop: a
    /// [`take`](Iterator::take) of a hundred in each pass, say.
    ///
    /// ```
    /// # use retwist_reactor as retwist;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let reactor = retwist::Reactor::new()?;
    /// for connection in reactor.connections() {
    ///     println!("{} {} {}", connection.id, connection.peer, connection.state);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn connections(&self) -> Connections {
        match self.core.upgrade() {
            Some(core) => core.connections(),
            None => Connections::new(std::iter::empty()),
        }
    }

    /// The transport at the bottom of the connection with this number, for one that looks at it closely,
    /// or ends it: [`abort_connection`](crate::Transport::abort_connection). `None` if there is none.
    ///
    /// It is searched for among all connections. It is the transport of the protocol, or layer, that sits
    /// there: what is written to it goes between what that one writes.
    pub fn connection(&self, id: ConnectionId) -> Option<TransportRef> {
        self.core.upgrade()?.transport(id)
    }

    /// Returns what is counted on this reactor by name: see [`Figures`].
    pub fn figures(&self) -> &Figures {
        self.clock.figures()
    }

    /// Measures how long the loop works, as long as what is returned lives: [`Stats::work`] has the times
    /// of the passes, and of each piece of work in them, with the connection that the longest was for.
    ///
    /// That costs a reading of the system's clock after each event, some 25 ns on most systems, and no
    /// system call. Without a watch it costs nothing at all, and [`Stats::lag`] is measured anyway.
    pub fn watch_loop(&self) -> LoopWatch {
        LoopWatch::begin(&self.core)
    }

    /// What the loop is at, for another thread that watches whether it still turns. It is noted in memory
    /// from now on, at each sleep and before each piece of work, and costs no system call. A loop that sleeps
    /// does nothing at all for it. [`Workers::watchdog`] is made of this. A reactor that has gone does not
    /// run.
    ///
    /// ```
    /// # use retwist_reactor as retwist;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let reactor = retwist::Reactor::new()?;
    /// let pulse = reactor.pulse();
    /// std::thread::spawn(move || match pulse.beat() {
    ///     // If the pass is the same a while later, this is what the loop hangs in.
    ///     Some(beat) => println!("pass {}: {}", beat.pass, beat.work),
    ///     None => println!("asleep"),
    /// });
    /// # Ok(()) }
    /// ```
    ///
    /// [`Workers::watchdog`]: https://docs.rs/retwist/latest/retwist/struct.Workers.html#method.watchdog
    pub fn pulse(&self) -> Pulse {
        self.core
            .upgrade()
            .map_or_else(Pulse::default, |core| core.pulse())
    }
}

impl ReactorStats for ReactorHandle {
    fn stats(&self) -> Stats {
        ReactorHandle::stats(self)
    }

    fn connections(&self) -> Connections {
        ReactorHandle::connections(self)
    }

    fn connection(&self, id: ConnectionId) -> Option<TransportRef> {
        ReactorHandle::connection(self, id)
    }

    fn watch_loop(&self) -> LoopWatch {
        ReactorHandle::watch_loop(self)
    }
}

impl ReactorStats for Reactor {
    fn stats(&self) -> Stats {
        ReactorHandle::stats(self)
    }

    fn connections(&self) -> Connections {
        ReactorHandle::connections(self)
    }

    fn connection(&self, id: ConnectionId) -> Option<TransportRef> {
        ReactorHandle::connection(self, id)
    }

    fn watch_loop(&self) -> LoopWatch {
        ReactorHandle::watch_loop(self)
    }
}

impl ReactorStats for MemoryReactor {
    fn stats(&self) -> Stats {
        MemoryReactor::stats(self)
    }

    fn connections(&self) -> Connections {
        MemoryReactor::connections(self)
    }

    fn connection(&self, id: ConnectionId) -> Option<TransportRef> {
        MemoryReactor::connection(self, id)
    }

    fn watch_loop(&self) -> LoopWatch {
        LoopWatch::begin(&std::rc::Weak::new())
    }
}
