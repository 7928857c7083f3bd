use std::cell::Cell;
use std::rc::{Rc, Weak};

use mio::Token;

use crate::core::Core;
use crate::core::sources::Source;
use crate::heart::figures::count;
use crate::machines::output::ReadBuffer;
use crate::socket::Inbox;
use crate::stream::{Parcel, Ready};
use crate::{FactoryRef, ListenError, Reason, StreamSettings, tcp, unix};

/// How many arrive before other connections get their turn.
const A_TURN: usize = 64;

/// Where connections of other reactors arrive: a port without a socket.
///
/// The sources own it. When the reactor drains or stops, it closes, and what has arrived by then is
/// served as what waits in the queue of a port is.
pub(super) struct Arrivals {
    me: Weak<Arrivals>,
    core: Weak<Core>,
    inbox: Inbox<Parcel>,
    factory: FactoryRef,
    settings: Rc<StreamSettings>,
    token: Cell<Token>,
}

impl Arrivals {
    pub(super) fn begin(
        core: &Rc<Core>,
        settings: StreamSettings,
        factory: FactoryRef,
    ) -> Result<Inbox<Parcel>, ListenError> {
        let inbox = Inbox::new(&core.remote);
        let arrivals = Rc::new_cyclic(|me| Arrivals {
            me: me.clone(),
            core: Rc::downgrade(core),
            inbox: inbox.clone(),
            factory,
            settings: Rc::new(settings),
            token: Cell::new(Token(0)),
        });
        let token = core.sources.add_unwatched(arrivals.clone());
        let token = token.map_err(|error| ListenError::from_io(crate::Address::Unknown, error))?;
        arrivals.token.set(token);
        inbox.wakes(token);
        arrivals.factory.start();
        Ok(inbox)
    }

    fn arrives(&self, core: &Rc<Core>, parcel: Parcel) {
        let (id, peer) = (parcel.id, parcel.peer.clone());
        let Some(protocol) = self.factory.build_protocol(&peer) else {
            log::warn!(
                "connection {id} with {peer} was passed on, and the factory refuses it: it is closed"
            );
            return core
                .adopted
                .count_refused(core.clock(), |refused| &mut refused.by_factory);
        };
        let settings = self.settings.clone();
        let outcome = match peer.socket() {
            Some(address) => tcp::arrives(core, parcel, address, settings, protocol),
            None => unix::arrives(core, parcel, settings, protocol),
        };
        match outcome {
            Ok(()) => count(&core.clock().figures().totals.accepted),
            Err(error) => {
                log::error!(
                    "connection {id} with {peer} was passed on, and cannot be watched: it is closed: {error}"
                );
                core.adopted
                    .count_refused(core.clock(), |refused| &mut refused.by_system);
            }
        }
    }

    /// Takes no more, from now on.
    fn close(&self, core: &Rc<Core>) -> Vec<Parcel> {
        let left = self.inbox.close();
        core.sources.forget(self.token.get());
        left
    }
}

impl Source for Arrivals {
    fn ready(&self, _: Ready, _: &mut ReadBuffer) {
        if let Some(core) = self.core.upgrade() {
            let (parcels, is_more) = self.inbox.take(A_TURN);
            for parcel in parcels {
                self.arrives(&core, parcel);
            }
            if is_more {
                core.sources.again(self.token.get());
            }
        }
    }

    fn stop_listening(&self) {
        let (Some(core), Some(me)) = (self.core.upgrade(), self.me.upgrade()) else {
            return;
        };
        let left = self.close(&core);
        // A method that is called between passes calls no application.
        core.context.clock.call_soon(move || {
            if let Some(core) = me.core.upgrade().filter(|core| !core.has_ended()) {
                left.into_iter()
                    .for_each(|parcel| me.arrives(&core, parcel));
            }
            me.factory.stop();
        });
    }

    /// It has been closed before.
    fn stop(&self) {}

    fn abort(&self, _: Reason) {
        if let Some(core) = self.core.upgrade() {
            for parcel in self.close(&core) {
                log::warn!(
                    "connection {} with {} was passed to a reactor that has ended: it is aborted",
                    parcel.id,
                    parcel.peer
                );
            }
            self.factory.stop();
        }
    }
}
