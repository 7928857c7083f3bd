//! The workers begin to end together, whichever of them, or of the signals, has begun.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use retwist_reactor::{Phase, Reactor, ReactorHandle, SystemEvent};

use super::super::Ports;
use super::Active;

/// Has the workers drain when the supervisor does, which waits until each has ended.
pub(super) fn drain(supervisor: &Reactor, active: Active, ports: Ports) {
    let handle = supervisor.handle();
    supervisor.add_system_event_trigger(Phase::Before, SystemEvent::Drain, move |hold| {
        ports.release();
        let longest = handle.drain_time_left().unwrap_or_default();
        for (_, remote) in active.borrow().iter() {
            let held = hold.clone();
            // A worker that cannot be called has ended.
            let _ = remote.call_from_thread(move |worker| {
                let (end, ended) = (SystemEvent::Shutdown, move |_| drop(held));
                worker.add_system_event_trigger(Phase::After, end, ended);
                worker.drain(longest);
            });
        }
    });
}

/// Has the workers end in order when the supervisor does, which waits for them, and at once after a
/// second signal. What is returned is true then.
pub(super) fn stop(supervisor: &Reactor, active: Active, ports: Ports) -> Rc<Cell<bool>> {
    let (hurried, running) = (Rc::new(Cell::new(false)), Arc::new(()));
    let still_running = Arc::downgrade(&running);
    let all = active.clone();
    supervisor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move |hold| {
        ports.release();
        for (_, remote) in all.borrow().iter() {
            let held = (hold.clone(), running.clone());
            // A worker that cannot be called has ended.
            let _ = remote.call_from_thread(move |worker| {
                let (end, ended) = (SystemEvent::Shutdown, move |_| drop(held));
                worker.add_system_event_trigger(Phase::After, end, ended);
                worker.stop();
            });
        }
    });
    let found = hurried.clone();
    supervisor.add_system_event_trigger(Phase::During, SystemEvent::Shutdown, move |_| {
        found.set(still_running.strong_count() > 0);
        // Those that are left, after a second signal.
        for (_, remote) in active.borrow().iter() {
            let _ = remote.call_from_thread(ReactorHandle::stop_at_once);
        }
    });
    hurried
}
