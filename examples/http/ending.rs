use std::cell::RefCell;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use retwist::deferred::{DeferredLock, timeout};
use retwist::{Clock, Hold, Phase, ReactorHandle, SystemEvent};

/// The end of the program. It is told to all who are served, and waits for what is under way.
#[derive(Clone)]
pub(crate) struct Ending {
    clock: Clock,
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
            told: DeferredLock::new(),
            hold: Rc::default(),
        };
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
        let _hold = self.hold.borrow().clone();
        drop(turn);
        last(serving.as_mut());
        timeout(&self.clock, LAST, serving).await.unwrap_or(Ok(()))
    }
}
