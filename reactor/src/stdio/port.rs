use std::cell::{Cell, RefCell};
use std::io;
use std::rc::{Rc, Weak};

use super::StandardIo;
use super::open::open_taken;
use super::taken::{self, Taken};
use crate::core::Core;
use crate::heart::figures::count;
use crate::heart::port::Listening;
use crate::stream::Owner;
use crate::{Address, FactoryRef, ListenError, ListeningPort, PortStats, Reason};

/// Standard input and output as a port, which accepts one connection: what a server is written
/// against that does not care where its connections come from.
///
/// It listens until its connection has ended.
struct StdioPort {
    me: Weak<StdioPort>,
    core: Weak<Core>,
    options: StandardIo,
    factory: FactoryRef,
    /// What the connection is made of, until it is made.
    waiting: RefCell<Option<Taken>>,
    listening: Cell<bool>,
    connections: Cell<usize>,
    accepted: Cell<u64>,
}

pub(crate) fn listen(
    core: &Rc<Core>,
    options: StandardIo,
    factory: FactoryRef,
) -> Result<ListeningPort, ListenError> {
    let port = Rc::new_cyclic(|me| StdioPort {
        me: me.clone(),
        core: Rc::downgrade(core),
        options,
        factory,
        waiting: RefCell::default(),
        listening: Cell::new(false),
        connections: Cell::new(0),
        accepted: Cell::new(0),
    });
    port.start()?;
    Ok(ListeningPort::new(port, &core.kept_ports))
}

impl StdioPort {
    /// A later turn than that of [`start`](Listening::start): the factory is code of the application.
    fn connect(self: &Rc<Self>) {
        let waiting = self.waiting.borrow_mut().take();
        let core = self.core.upgrade().filter(|core| !core.is_ending());
        let (Some(waiting), Some(core)) = (waiting, core) else {
            return self.stop();
        };
        let Some(protocol) = self.factory.build_protocol(&StandardIo::address()) else {
            return self.stop();
        };
        let owner: Rc<dyn Owner> = self.clone();
        self.connections.set(1);
        let opened = open_taken(&core, &self.options, waiting, protocol, Some(owner));
        match opened {
            Ok(stream) => {
                stream.wire.is_served();
                count(&self.accepted);
                count(&core.clock().figures().totals.accepted);
            }
            Err(error) => {
                log::error!("{}: {error}", StandardIo::address());
                self.connections.set(0);
                self.stop();
            }
        }
    }
}

impl Owner for StdioPort {
    fn stream_lost(&self, _: &Reason) {
        self.connections.set(0);
        self.stop();
    }
}

impl Listening for StdioPort {
    fn start(&self) -> Result<(), ListenError> {
        let core = self.core.upgrade().filter(|core| !core.is_ending());
        let (Some(core), Some(me)) = (core, self.me.upgrade()) else {
            return Err(ListenError::ReactorGone);
        };
        if self.listening.get() {
            return Err(ListenError::AlreadyListening);
        }
        let taken = taken::take()
            .map_err(|error| ListenError::Failed(StandardIo::address(), io::Error::other(error)))?;
        *self.waiting.borrow_mut() = Some(taken);
        self.listening.set(true);
        self.factory.start();
        core.context.clock.call_soon(move || me.connect());
        Ok(())
    }

    fn stop(&self) {
        let waiting = self.waiting.borrow_mut().take();
        drop(waiting);
        if self.listening.replace(false) {
            self.factory.stop();
        }
    }

    fn is_listening(&self) -> bool {
        self.listening.get()
    }

    /// There is one connection, and it is made at once.
    fn pause(&self) {}

    fn resume(&self) {}

    fn address(&self) -> Address {
        StandardIo::address()
    }

    fn connections(&self) -> usize {
        self.connections.get()
    }

    fn stats(&self) -> PortStats {
        PortStats {
            accepted: self.accepted.get(),
            ..PortStats::of(self)
        }
    }
}
