//! The side of the program that is replaced.

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::OwnedFd;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::layout::{Layout, Numbered};
use super::successor::{CLOSED, GO, READY};
use super::{RestartError, Shared};
use crate::core::fleet;
use crate::inherited::bytes::{self, BYTES, VARIABLE};
use crate::inherited::handed::{self, Handed, LOCK};
use crate::inherited::{asked_for, passed_on};
use crate::{
    ChildDescriptor, DelayedCall, ProcessExit, ProcessProtocol, ProcessTransport, Program,
    ReactorHandle, Signal,
};

/// One restart, from the start of the new program to the end of this one.
///
/// What is evil here is that a new version may fail at any moment, and that until the last connection of
/// this one has ended, this one is all that the clients have. So the new one accepts nothing before it has been
/// ready for a while, and is told to. Only then does this one close its ports; it keeps a copy of each socket
/// even then, so that connects wait in the queue, and are not refused, while it starts a new one that has
/// failed again.
///
/// ```text
/// phase     | the new one says READY | it has exited          | the time is up
/// ----------+------------------------+------------------------+------------------------
/// Starting  | Probation              | given up               | killed, given up
/// Probation |                        | given up               | Replaced: this one drains
/// Replaced  |                        | started again, in time |
/// ```
pub(super) struct Attempt {
    me: Weak<Attempt>,
    shared: Weak<Shared>,
    /// What the new program gets, unless it has said that it does not want it.
    sockets: RefCell<Vec<Socket>>,
    numbered: RefCell<Vec<Numbered>>,
    /// What the one that counts has got.
    layout: RefCell<Layout>,
    /// The numbers there of what it does not want.
    closed: RefCell<Vec<i32>>,
    phase: Cell<Phase>,
    /// The new program that counts. One that was given up may still have to exit.
    number: Cell<u32>,
    process: RefCell<Option<ProcessTransport>>,
    timer: RefCell<Option<DelayedCall>>,
}

/// A copy of a socket, under the name that tells the new program of it.
pub(crate) type Socket = (String, Arc<OwnedFd>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Starting,
    Probation,
    Replaced,
}

/// How long the reactors of other threads may take to give their sockets.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long to wait before a new program that has failed behind its probation is started again.
const PAUSE: Duration = Duration::from_millis(200);
/// How much a new program may say. It has no more to say than that it is ready, and what it has closed.
const LONGEST: usize = 1 << 20;

impl Attempt {
    pub(super) fn begin(shared: &Rc<Shared>) -> Result<Rc<Self>, RestartError> {
        let sockets = sockets(&shared.reactor)?;
        let attempt = Rc::new_cyclic(|me| Attempt {
            me: me.clone(),
            shared: Rc::downgrade(shared),
            sockets: RefCell::new(sockets),
            numbered: RefCell::new(asked_for()),
            layout: RefCell::default(),
            closed: RefCell::default(),
            phase: Cell::new(Phase::Starting),
            number: Cell::new(0),
            process: RefCell::default(),
            timer: RefCell::default(),
        });
        attempt.start(shared)?;
        Ok(attempt)
    }

    fn start(&self, shared: &Shared) -> Result<(), RestartError> {
        self.number.set(self.number.get() + 1);
        let layout = Layout::of(&self.sockets.borrow(), &self.numbered.borrow());
        *self.layout.borrow_mut() = layout;
        self.closed.take();
        let protocol = Successor {
            attempt: self.me.clone(),
            number: self.number.get(),
            heard: Vec::new(),
            is_ready: false,
        };
        let spawned = shared.reactor.spawn_process(self.program(shared), protocol);
        let process = spawned.map_err(RestartError::Spawn)?;
        // Those of this moment: an earlier attempt has had others.
        let handed = self.ready() + BYTES;
        process.write_to_child(handed, &bytes::offered());
        process.close_child_descriptor(handed);
        *self.process.borrow_mut() = Some(process);
        self.after(shared.settings.ready_timeout, |attempt, shared| {
            attempt.kill();
            let time = shared.settings.ready_timeout;
            attempt.failed(shared, &format!("it was not ready within {time:?}"));
        });
        Ok(())
    }

    fn program(&self, shared: &Shared) -> Program {
        let layout = self.layout.borrow();
        let names: Vec<_> = layout.sockets.iter().map(|(name, _)| &**name).collect();
        let ready = layout.ready;
        let mut program = Program::new(&shared.program)
            .args(std::env::args_os().skip(1))
            .outlives_reactor(true)
            .env("LISTEN_PPID", std::process::id().to_string())
            .env("LISTEN_FDS", layout.sockets.len().to_string())
            .env("LISTEN_FDNAMES", names.join(":"))
            .env(VARIABLE, ready.to_string())
            .descriptor(ready, ChildDescriptor::ChildWrites)
            .descriptor(ready + 1, ChildDescriptor::ChildReads)
            .descriptor(ready + BYTES, ChildDescriptor::ChildReads);
        for number in 0..3 {
            program = program.descriptor(number, ChildDescriptor::Inherit);
        }
        for (number, descriptor) in layout.all() {
            program = program.descriptor(number, ChildDescriptor::Open(descriptor));
        }
        // The new one tells the manager by itself, and feeds the watchdog, as the main process.
        for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC"] {
            if let Some(value) = std::env::var_os(name) {
                program = program.env(name, value);
            }
        }
        program
    }

    /// The number of the descriptor at which the new program says that it is ready.
    fn ready(&self) -> i32 {
        self.layout.borrow().ready
    }

    fn after(&self, time: Duration, then: fn(&Attempt, &Rc<Shared>)) {
        let Some(shared) = self.shared.upgrade() else {
            return;
        };
        let me = self.me.clone();
        let call = shared.reactor.call_later(time, move || {
            if let Some(me) = me.upgrade()
                && let Some(shared) = me.shared.upgrade()
            {
                then(&me, &shared);
            }
        });
        if let Some(before) = self.timer.replace(Some(call)) {
            before.cancel();
        }
    }

    fn kill(&self) {
        // Its end no longer matters.
        self.number.set(self.number.get() + 1);
        if let Some(process) = self.process.take() {
            // It may have exited just now.
            let _ = process.signal(Signal::KILL);
        }
    }

    /// This program ends, and what becomes of the new one is not its business.
    fn leave(&self) {
        self.number.set(self.number.get() + 1);
        self.process.take();
        self.cancel_timer();
    }

    fn is_ready(&self) {
        let Some(shared) = self.shared.upgrade() else {
            return;
        };
        if self.phase.get() == Phase::Replaced {
            self.cancel_timer();
            self.let_go();
            return self.takes_over(&shared);
        }
        log::info!("the new program is ready");
        self.phase.set(Phase::Probation);
        self.after(shared.settings.probation, |attempt, shared| {
            attempt.phase.set(Phase::Replaced);
            attempt.let_go();
            handed::give_away();
            attempt.takes_over(shared);
            log::info!("the new program has taken over, and this one drains");
            shared.reactor.drain(shared.settings.drain);
        });
    }

    /// The new program is to accept from now on.
    fn takes_over(&self, shared: &Shared) {
        let process = self.process.borrow();
        let Some(process) = &*process else {
            return;
        };
        process.write_to_child(self.ready() + 1, GO);
        if let Some(pid) = process.pid() {
            shared.tell_manager(&format!("MAINPID={pid}"));
        }
    }

    /// This program need not keep what the new one does not want: a port that it closes is closed then.
    fn let_go(&self) {
        let closed = self.closed.take();
        let layout = self.layout.borrow();
        for (_, unwanted) in layout.all().filter(|(number, _)| closed.contains(number)) {
            handed::is_unwanted(&unwanted);
            let is_other = |one: &Arc<OwnedFd>| !Arc::ptr_eq(one, &unwanted);
            self.sockets.borrow_mut().retain(|(_, one)| is_other(one));
            self.numbered.borrow_mut().retain(|(_, one)| is_other(one));
        }
        drop(layout);
        // The next one gets another.
        *self.layout.borrow_mut() = Layout {
            ready: self.ready(),
            ..Layout::default()
        };
    }

    fn cancel_timer(&self) {
        if let Some(timer) = self.timer.take() {
            timer.cancel();
        }
    }

    fn exited(&self, exit: &ProcessExit) {
        self.process.take();
        if *exit == ProcessExit::LeftRunning {
            // It goes on: this program has come to its end.
            return;
        }
        if let Some(shared) = self.shared.upgrade() {
            self.failed(&shared, &format!("it has ended: {exit}"));
        }
    }

    fn failed(&self, shared: &Rc<Shared>, why: &str) {
        if self.phase.get() == Phase::Replaced {
            log::error!("the new program has failed, and is started again: {why}");
            return self.after(PAUSE, |attempt, shared| {
                if let Err(error) = attempt.start(shared) {
                    attempt.failed(shared, &crate::error_chain(&error));
                }
            });
        }
        self.cancel_timer();
        log::error!("the restart has failed, and this program goes on: the new program: {why}");
        shared.attempt.take();
    }
}

/// Copies of all sockets that the program listens on.
fn sockets(reactor: &ReactorHandle) -> Result<Vec<Socket>, RestartError> {
    let mut all = passed_on();
    let own = reactor.remote();
    let mut handed = sockets_of(reactor).map_err(RestartError::Socket)?;
    let (sender, receiver) = mpsc::channel();
    let mut expected = 0;
    for remote in fleet::all() {
        if remote.is(&own) {
            continue;
        }
        let sender = sender.clone();
        // One that has ended has no sockets.
        let asked = remote.call_from_thread(move |reactor| {
            let _ = sender.send(sockets_of(reactor));
        });
        expected += usize::from(asked.is_ok());
    }
    drop(sender);
    let deadline = Instant::now() + PATIENCE;
    for _ in 0..expected {
        let left = deadline.saturating_duration_since(Instant::now());
        match receiver.recv_timeout(left) {
            Ok(sockets) => handed.extend(sockets.map_err(RestartError::Socket)?),
            // The last of them ended before it was asked.
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => return Err(RestartError::Busy),
        }
    }
    for Handed {
        asked,
        socket,
        lock,
    } in handed
    {
        all.push((asked.name().to_owned(), Arc::new(socket)));
        all.extend(lock.map(|lock| (LOCK.to_owned(), Arc::new(lock))));
    }
    Ok(all)
}

/// Copies of those of one reactor, in its thread.
fn sockets_of(reactor: &ReactorHandle) -> io::Result<Vec<Handed>> {
    let Some(core) = reactor.core.upgrade() else {
        return Ok(Vec::new());
    };
    let sources = core.sources.all();
    sources
        .iter()
        .filter_map(|source| source.hand_over())
        .collect()
}

/// What hears of the new program.
struct Successor {
    attempt: Weak<Attempt>,
    number: u32,
    heard: Vec<u8>,
    is_ready: bool,
}

impl Successor {
    /// The restart, if this is still the program that counts.
    fn attempt(&self) -> Option<Rc<Attempt>> {
        let attempt = self.attempt.upgrade()?;
        (attempt.number.get() == self.number).then_some(attempt)
    }
}

impl ProcessProtocol for Successor {
    fn child_data_received(&mut self, _: &ProcessTransport, _: i32, data: &[u8]) {
        let room = LONGEST.saturating_sub(self.heard.len());
        self.heard.extend(data.iter().take(room));
        while let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
            let line: Vec<_> = self.heard.drain(..=end).collect();
            if self.is_ready {
                continue;
            }
            let Some(attempt) = self.attempt() else {
                return;
            };
            if line == READY {
                self.is_ready = true;
                attempt.is_ready();
            } else if let Some(numbers) = line.strip_prefix(CLOSED) {
                let numbers = String::from_utf8_lossy(numbers);
                let numbers = numbers.trim_end().split(',');
                let numbers = numbers.filter_map(|number| number.parse::<i32>().ok());
                attempt.closed.borrow_mut().extend(numbers);
            }
        }
    }

    /// A program that is stopped before its new version is ready leaves none behind. One that was replaced ends, and does
    /// not wait for its new version.
    fn shutting_down(&mut self, process: &ProcessTransport) {
        if process.is_draining() {
            return;
        }
        process.lose_connection();
        match self.attempt() {
            Some(attempt) if attempt.phase.get() == Phase::Replaced => {
                attempt.leave();
                process.leave();
            }
            Some(attempt) => attempt.kill(),
            None => {}
        }
    }

    fn process_exited(&mut self, _: &ProcessTransport, exit: &ProcessExit) {
        if let Some(attempt) = self.attempt() {
            attempt.exited(exit);
        }
    }
}
