use std::rc::Rc;

use super::MemoryReactor;
use crate::core::connector::{ConnectOptions, OwnedConnector};
use crate::testing::pending_connection::MemoryDialer;
use crate::testing::{MemoryProcess, PendingConnection};
use crate::{
    Connector, FactoryRef, ProcessProtocolRef, ProcessTransport, Program, ReactorProcess,
    ReactorTcp, SpawnError,
};

impl MemoryReactor {
    /// The child processes that were started and have not exited, in the order of starting. The test
    /// plays each of them.
    ///
    /// ```
    /// # use retwist_reactor as retwist;
    /// use retwist::testing::MemoryReactor;
    /// use retwist::{ProcessExit, ProcessProtocol, ProcessTransport, Program};
    ///
    /// struct Ask;
    /// impl ProcessProtocol for Ask {
    ///     fn connection_made(&mut self, process: &ProcessTransport) {
    ///         process.write(b"2 + 2\n");
    ///     }
    ///     fn out_received(&mut self, process: &ProcessTransport, data: &[u8]) {
    ///         assert_eq!(data, b"4\n");
    ///         process.close_stdin();
    ///     }
    /// }
    ///
    /// let reactor = MemoryReactor::new();
    /// reactor.spawn_process(Program::new("bc"), Ask)?;
    /// let bc = reactor.spawned().remove(0);
    /// assert_eq!(bc.take_input(0), b"2 + 2\n");
    /// bc.write(1, b"4\n");
    /// assert!(bc.is_closed(0));
    /// bc.exit(ProcessExit::Code(0));
    /// assert!(reactor.spawned().is_empty());
    /// # Ok::<(), retwist::SpawnError>(())
    /// ```
    #[doc(alias = "spawnedProcesses")]
    pub fn spawned(&self) -> Vec<MemoryProcess> {
        let spawned = self.spawned.borrow();
        let running = spawned.iter().filter(|process| process.is_running());
        running.cloned().collect()
    }

    /// From now on, starting a program fails so, once. Of a connection to a child process, let the
    /// [`PendingConnection`] fail.
    pub fn fail_next_spawn(&self, error: SpawnError) {
        self.spawn_error.replace(Some(error));
    }

    /// The child processes that are to be connected now ([`connect_process`]), in the order of asking.
    /// [`complete_with`](MemoryReactor::complete_with) connects one to a protocol that plays it.
    ///
    /// [`connect_process`]: MemoryReactor::connect_process
    pub fn connecting_processes(&self) -> Vec<PendingConnection<Program>> {
        let mut dialled = self.dialled_processes.borrow_mut();
        dialled.retain(PendingConnection::is_pending);
        dialled.clone()
    }
}

impl ReactorProcess for MemoryReactor {
    fn spawn(
        &self,
        program: Program,
        protocol: ProcessProtocolRef,
    ) -> Result<ProcessTransport, SpawnError> {
        if let Some(error) = self.spawn_error.take() {
            return Err(error);
        }
        let pid = self.next_pid.get();
        self.next_pid.set(pid + 1);
        let process = MemoryProcess::start(&self.clock, program, &self.draining, protocol, pid);
        let transport = process.transport();
        self.spawned.borrow_mut().push(process);
        Ok(transport)
    }

    fn connect_child(&self, program: Program, factory: FactoryRef) -> Connector {
        let destination = program.destination();
        let dialled: &Rc<_> = &self.dialled_processes;
        let dialer = MemoryDialer::new(program, self.time(), dialled);
        OwnedConnector::new(destination, factory, self.time(), dialer).begin()
    }
}
