use std::cell::{Cell, RefCell};
use std::io;
use std::rc::{Rc, Weak};
use std::time::Duration;

use mio::{Interest, Token, event};

use super::accept_error::AcceptError;
use super::wire::{SocketWire, StreamSocket};
use super::{HasDescriptor, Inbox, Team};
use crate::core::Core;
use crate::core::siblings::Siblings;
use crate::core::sources::Source;
use crate::heart::port::Listening;
#[cfg(unix)]
use crate::inherited::handed::{self, Asked, Handed};
use crate::machines::output::ReadBuffer;
use crate::stream::{Examined, Ready, Stream};
use crate::{
    Address, Channel, FactoryRef, ListenError, ListeningPort, LogLimit, PortStats, Reason, Refused,
    StreamSettings,
};

/// How long a port waits before it accepts again when the system has nothing left to accept with.
const BACK_OFF: Duration = Duration::from_millis(100);

/// What a family of sockets supplies for a port: how to open it, and where it is.
pub(crate) trait Listens: 'static {
    type Listener: event::Source + HasDescriptor;
    type Socket: StreamSocket;

    /// Opens the socket, which then listens. From now on, [`address`](Listens::address) is where.
    fn open(&self) -> Result<Self::Listener, ListenError>;
    /// The port stops, and its socket is closed next.
    fn stopping(&self) {}
    /// How the port was asked for, if the program that replaces this one can take its socket over.
    #[cfg(unix)]
    fn asked(&self) -> Option<Asked> {
        None
    }
    /// The ports of other reactors among which this one shares out what it accepts.
    fn team(&self) -> Option<Team<Sent<Self::Socket>>> {
        None
    }
    /// A copy of what its file is locked with.
    #[cfg(unix)]
    fn lock(&self) -> Option<io::Result<std::os::fd::OwnedFd>> {
        None
    }
    fn accept(&self, listener: &Self::Listener) -> io::Result<Accepted<Self::Socket>>;
    fn address(&self) -> Address;
    /// The error of a socket that was opened, and cannot be watched.
    fn cannot_watch(&self, error: io::Error) -> ListenError;
}

/// A connection that was accepted, with the address of its peer.
pub(crate) type Accepted<S> = (S, <S as StreamSocket>::Peer);

/// The same on its way to the port of another reactor.
pub(crate) type Sent<S> = (<S as StreamSocket>::Sent, <S as StreamSocket>::Peer);

/// How many connections a port accepts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AcceptLimits {
    pub(crate) per_turn: usize,
    pub(crate) on_stop: usize,
}

/// A port, listening or stopped.
///
/// What is evil here is the edge, and the end. The system tells once that connections wait: a port
/// that stops accepting early, for whatever reason, comes back to the queue by itself. And it resets
/// what is still in the queue of a socket that is closed: a port that stops takes that queue with it,
/// and hands it to the factory in a later turn, since the method that stops it calls no application.
///
/// ```text
/// listening --stop, reactor stops--> stopped --start--> listening
///     |                                 |
///     +-- the reactor has ended --------+--> gone
/// ```
///
/// The sources own it while it listens, and the core as long as it has a handle.
pub(crate) struct SocketPort<L: Listens> {
    me: Weak<SocketPort<L>>,
    core: Weak<Core>,
    family: L,
    limits: AcceptLimits,
    factory: FactoryRef,
    settings: Rc<StreamSettings>,
    siblings: Rc<Siblings>,
    socket: RefCell<Option<L::Listener>>,
    team: Option<Team<Sent<L::Socket>>>,
    /// What the others of the team have accepted for this port, as long as it listens.
    inbox: RefCell<Option<Inbox<Sent<L::Socket>>>>,
    paused: Cell<bool>,
    /// Accepting is tried again by a timer, and not before.
    backing_off: Cell<bool>,
    token: Cell<Token>,
    refused: LogLimit,
    failed: LogLimit,
}

pub(crate) fn listen(
    core: &Rc<Core>,
    family: impl Listens,
    limits: AcceptLimits,
    settings: StreamSettings,
    factory: FactoryRef,
) -> Result<ListeningPort, ListenError> {
    let port = Rc::new_cyclic(|me| SocketPort {
        me: me.clone(),
        core: Rc::downgrade(core),
        team: family.team(),
        inbox: RefCell::default(),
        family,
        limits,
        factory,
        settings: Rc::new(settings),
        siblings: Siblings::served(&core.sources),
        socket: RefCell::new(None),
        paused: Cell::new(false),
        backing_off: Cell::new(false),
        token: Cell::new(Token(0)),
        refused: LogLimit::default(),
        failed: LogLimit::default(),
    });
    port.start()?;
    Ok(ListeningPort::new(port, &core.kept_ports))
}

impl<L: Listens> SocketPort<L> {
    /// Accepts the connections that wait, up to the bound of a turn.
    fn accept(&self, core: &Rc<Core>) {
        #[cfg(unix)]
        if handed::is_waiting() {
            // It is looked at again when the wait is over.
            return;
        }
        self.take_sent(core);
        for _ in 0..self.limits.per_turn {
            let accepted = match self.socket.borrow().as_ref() {
                Some(socket) if !self.paused.get() && !self.backing_off.get() => {
                    self.family.accept(socket)
                }
                _ => return,
            };
            let error = match accepted {
                Ok(accepted) => {
                    if let Some(accepted) = self.share_out(accepted) {
                        self.accepted(core, accepted);
                    }
                    continue;
                }
                Err(error) => error,
            };
            match AcceptError::from(&error) {
                AcceptError::Drained => return,
                AcceptError::ThisConnection => {}
                // The queue may be empty: without a descriptor the system does not even look.
                AcceptError::NoDescriptors => {
                    match core.spare_fd.with_released(|| self.refuse(core, &error)) {
                        Some(AcceptError::ThisConnection) => {}
                        Some(AcceptError::Drained) => return,
                        _ => return self.back_off(core),
                    }
                }
                AcceptError::System => {
                    self.count_refused(core, |refused| &mut refused.by_system);
                    if let Some(left_out) = self.failed.admit() {
                        let address = self.family.address();
                        log::error!("accepting on {address} failed: {error}{left_out}");
                    }
                    return self.back_off(core);
                }
            }
        }
        core.sources.again(self.token.get());
    }

    /// Takes what others have accepted for this port.
    fn take_sent(&self, core: &Rc<Core>) {
        if self.team.is_none() || self.paused.get() {
            return;
        }
        let Some(inbox) = self.inbox.borrow().clone() else {
            return;
        };
        let (sent, is_more) = inbox.take(self.limits.per_turn);
        for sent in sent {
            self.accepted(core, arrived::<L>(sent));
        }
        if is_more {
            core.sources.again(self.token.get());
        }
    }

    /// Gives a connection to another port, if that is to have it.
    fn share_out(&self, accepted: Accepted<L::Socket>) -> Option<Accepted<L::Socket>> {
        let inbox = self.inbox.borrow().clone();
        let (Some(team), Some(own)) = (&self.team, inbox) else {
            return Some(accepted);
        };
        let (socket, peer) = accepted;
        let kept = team.share_out(&own, (socket.send_off(), peer));
        kept.map(arrived::<L>)
    }

    /// Begins to get what others accept.
    fn join(&self, core: &Core) {
        if let Some(team) = &self.team {
            let inbox = Inbox::new(&core.remote);
            inbox.wakes(self.token.get());
            team.join(&inbox);
            *self.inbox.borrow_mut() = Some(inbox);
        }
    }

    /// Gets nothing more. Returns what others have accepted for it.
    fn leave(&self) -> Vec<Sent<L::Socket>> {
        let inbox = self.inbox.borrow_mut().take();
        let (Some(team), Some(inbox)) = (&self.team, inbox) else {
            return Vec::new();
        };
        team.leave(&inbox);
        inbox.close()
    }

    fn tell_team(&self, is_paused: bool) {
        if let (Some(team), Some(own)) = (&self.team, &*self.inbox.borrow()) {
            team.set_paused(own, is_paused);
        }
    }

    fn accepted(&self, core: &Rc<Core>, (socket, peer): Accepted<L::Socket>) {
        let address = L::Socket::address_of(&peer);
        let Some(protocol) = self.factory.build_protocol(&address) else {
            return self.count_refused(core, |refused| &mut refused.by_factory);
        };
        let stream = Stream::new(
            SocketWire::new(socket, peer, &self.siblings),
            protocol,
            core.context.clone(),
            self.settings.clone(),
            None,
        );
        if let Err(error) = SocketWire::register(&stream) {
            let id = stream.id();
            log::error!("connection {id} with {address} cannot be watched, it is closed: {error}");
            self.count_refused(core, |refused| &mut refused.by_system);
            stream.end(error.into());
        } else {
            self.siblings.count_accepted(core.clock());
        }
        stream.turn();
    }

    fn count_refused(&self, core: &Core, reason: impl Fn(&mut Refused) -> &mut u64) {
        self.siblings.count_refused(core.clock(), reason);
    }

    /// Accepts a connection only to close it.
    fn refuse(&self, core: &Core, error: &io::Error) -> AcceptError {
        let accepted = match self.socket.borrow().as_ref() {
            Some(socket) => self.family.accept(socket),
            None => return AcceptError::Drained,
        };
        if let Err(error) = accepted {
            return AcceptError::from(&error);
        }
        self.count_refused(core, |refused| &mut refused.no_descriptors);
        if let Some(left_out) = self.refused.admit() {
            log::warn!(
                "out of file descriptors: a connection to {} is refused ({error}); raise the limit of open files{left_out}",
                self.family.address()
            );
        }
        AcceptError::ThisConnection
    }

    /// Closes the socket. What has connected already is accepted, in a later turn.
    fn close(&self, core: &Rc<Core>, mut socket: L::Listener) {
        self.family.stopping();
        let sent = self.leave();
        let mut waiting: Vec<_> = sent.into_iter().map(arrived::<L>).collect();
        let most = waiting.len().saturating_add(self.limits.on_stop);
        #[cfg(unix)]
        let is_paused = self.paused.get() || handed::is_waiting();
        #[cfg(not(unix))]
        let is_paused = self.paused.get();
        while !is_paused && waiting.len() < most {
            match self.family.accept(&socket) {
                Ok(accepted) => waiting.push(accepted),
                Err(error) => match AcceptError::from(&error) {
                    AcceptError::ThisConnection => {}
                    _ => break,
                },
            }
        }
        core.sources.remove(self.token.get(), &mut socket);
        drop(socket);
        let Some(me) = self.me.upgrade().filter(|_| !waiting.is_empty()) else {
            return self.factory.stop();
        };
        core.context.clock.call_soon(move || {
            if let Some(core) = me.core.upgrade().filter(|core| !core.has_ended()) {
                for accepted in waiting {
                    me.accepted(&core, accepted);
                }
            }
            me.factory.stop();
        });
    }

    fn back_off(&self, core: &Rc<Core>) {
        self.backing_off.set(true);
        let me = self.me.clone();
        core.context.clock.call_later(BACK_OFF, move || {
            if let Some(port) = me.upgrade() {
                port.backing_off.set(false);
                port.look_again();
            }
        });
    }

    /// Looks at the queue in the next turn: the edge that told of it may have come and gone.
    fn look_again(&self) {
        if self.is_listening()
            && let Some(core) = self.core.upgrade()
        {
            core.sources.again(self.token.get());
        }
    }
}

impl<L: Listens> Listening for SocketPort<L> {
    fn start(&self) -> Result<(), ListenError> {
        let core = self.core.upgrade().filter(|core| !core.is_ending());
        let (Some(core), Some(me)) = (core, self.me.upgrade()) else {
            return Err(ListenError::ReactorGone);
        };
        if self.is_listening() {
            return Err(ListenError::AlreadyListening);
        }
        let mut socket = self.family.open()?;
        self.siblings.belong_to(self.family.address());
        let watched = core.sources.add(me, &mut socket, Interest::READABLE);
        let token = watched.map_err(|error| {
            self.family.stopping();
            self.family.cannot_watch(error)
        })?;
        self.token.set(token);
        self.paused.set(false);
        *self.socket.borrow_mut() = Some(socket);
        self.join(&core);
        self.factory.start();
        Ok(())
    }

    fn stop(&self) {
        let socket = self.socket.borrow_mut().take();
        if let (Some(socket), Some(core)) = (socket, self.core.upgrade()) {
            self.close(&core, socket);
        }
    }

    fn is_listening(&self) -> bool {
        self.socket.borrow().is_some()
    }

    fn pause(&self) {
        self.paused.set(true);
        self.tell_team(true);
    }

    fn resume(&self) {
        if self.paused.replace(false) {
            self.tell_team(false);
            self.look_again();
        }
    }

    fn address(&self) -> Address {
        self.family.address()
    }

    fn connections(&self) -> usize {
        self.siblings.count()
    }

    fn stats(&self) -> PortStats {
        PortStats {
            paused: self.paused.get(),
            accepted: self.siblings.accepted(),
            refused: self.siblings.refused(),
            ..PortStats::of(self)
        }
    }

    #[cfg(unix)]
    fn duplicate(&self) -> Option<io::Result<std::os::fd::OwnedFd>> {
        let socket = self.socket.borrow();
        Some(socket.as_ref()?.duplicate())
    }
}

impl<L: Listens> Source for SocketPort<L> {
    fn ready(&self, _: Ready, _: &mut ReadBuffer) {
        if let Some(core) = self.core.upgrade() {
            self.accept(&core);
        }
    }

    fn stop_listening(&self) {
        Listening::stop(self);
    }

    fn port(&self) -> Option<&dyn Listening> {
        Some(self)
    }

    #[cfg(unix)]
    fn hand_over(&self) -> Option<io::Result<Handed>> {
        let asked = self.family.asked()?;
        let copy = Listening::duplicate(self)?;
        Some(Handed::of(asked, copy, self.family.lock()))
    }

    /// It has been closed before.
    fn stop(&self) {}

    fn abort(&self, _: Reason) {
        let socket = self.socket.borrow_mut().take();
        if let (Some(mut socket), Some(core)) = (socket, self.core.upgrade()) {
            self.family.stopping();
            core.sources.remove(self.token.get(), &mut socket);
            let left = self.leave();
            if let Some(team) = &self.team {
                // What no other port takes is reset.
                left.into_iter().for_each(|sent| drop(team.inherit(sent)));
            }
            self.factory.stop();
        }
    }
}

/// A connection that another port has accepted.
fn arrived<L: Listens>((socket, peer): Sent<L::Socket>) -> Accepted<L::Socket> {
    (L::Socket::arrived(socket), peer)
}
