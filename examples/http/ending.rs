use std::cell::RefCell;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use retwist::deferred::{DeferredLock, timeout};
use retwist::{Clock, Hold, Phase, ReactorHandle, SystemEvent};

/// The end of the program. It is told to all who are served, and waits for what is under way.
///
/// Under a drain, a connection of HTTP/2 hears it at once (GOAWAY), and takes nothing new. HTTP/1.1 has no such
/// word: a request may be on its way. So a connection that is kept goes on, and the answer to its next request
/// says that it is the last; what is still idle at the end of the drain is closed.
#[derive(Clone)]
pub(crate) struct Ending {
    clock: Clock,
    /// Held until the program drains; then each has it in turn.
    drains: DeferredLock,
    /// Held until the end; then each has it in turn.
    told: DeferredLock,
    hold: Rc<RefCell<Option<Hold>>>,
}

/// What is under way at the end may take so long.
const LAST: Duration = Duration::from_secs(10);

impl Ending {
    pub(crate) fn of(reactor: &ReactorHandle) -> Self {
        let ending = Ending {
            clock: reactor.clock().clone(),
            drains: DeferredLock::new(),
            told: DeferredLock::new(),
            hold: Rc::default(),
        };
        let goes_on = ending.drains.acquire();
        reactor.add_system_event_trigger(Phase::During, SystemEvent::Drain, move |_| {
            drop(goes_on);
        });
        let (told, hold) = (ending.told.clone(), ending.hold.clone());
        let held = told.acquire();
        reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move |last| {
            hold.replace(Some(last));
            // Behind all who are served: each of them holds the program himself by then.
            told.acquire().done(move |_| drop(hold.take()));
            drop(held);
        });
        ending
    }

    /// Serves a connection, and at the end `last` says that no more than what is under way.
    pub(crate) async fn finish<C>(
        self,
        serving: C,
        last: impl FnOnce(Pin<&mut C>),
    ) -> hyper::Result<()>
    where
        C: Future<Output = hyper::Result<()>>,
    {
        let mut serving = pin!(serving);
        let turn = match select(&mut serving, self.told.acquire()).await {
            Either::Left((served, _)) => return served,
            Either::Right((turn, _)) => turn,
        };
        last(serving.as_mut());
        self.finish_in(turn, serving).await
    }

    /// The same, and `last` says so as soon as the program drains, if it does.
    pub(crate) async fn finish_early<C>(
        self,
        serving: C,
        last: impl FnOnce(Pin<&mut C>),
    ) -> hyper::Result<()>
    where
        C: Future<Output = hyper::Result<()>>,
    {
        let mut serving = pin!(serving);
        // It stands in line for the end while it waits for the drain.
        let mut told = self.told.acquire();
        let first = select(self.drains.acquire(), &mut told);
        let turn = match select(&mut serving, first).await {
            Either::Left((served, _)) => return served,
            Either::Right((Either::Left((drains, _)), _)) => {
                // The next one's turn.
                drop(drains);
                None
            }
            Either::Right((Either::Right((turn, _)), _)) => Some(turn),
        };
        last(serving.as_mut());
        let turn = match turn {
            Some(turn) => turn,
            None => match select(&mut serving, told).await {
                Either::Left((served, _)) => return served,
                Either::Right((turn, _)) => turn,
            },
        };
        self.finish_in(turn, serving).await
    }

    /// The program ends, and waits for what is under way.
    async fn finish_in<T, C>(self, turn: T, serving: Pin<&mut C>) -> hyper::Result<()>
    where
        C: Future<Output = hyper::Result<()>>,
    {
        let _hold = self.hold.borrow().clone();
        drop(turn);
        timeout(&self.clock, LAST, serving).await.unwrap_or(Ok(()))
    }
}
