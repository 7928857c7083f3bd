//! Events with names of the application's own.

use std::cell::RefCell;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use retwist::{Hold, Phase, Reactor, SystemEvent};

use crate::{Log, reactor};

fn triggers(reactor: &Reactor, log: &Log, event: impl Into<SystemEvent> + Clone) {
    for (phase, word) in [
        (Phase::After, "after"),
        (Phase::During, "during"),
        (Phase::Before, "before"),
    ] {
        let say = log.sayer(word);
        reactor.add_system_event_trigger(phase, event.clone(), move |_| say());
    }
}

#[test]
fn the_triggers_of_an_event_are_called_in_order_and_once() {
    let (reactor, log) = (reactor(), Log::default());
    triggers(&reactor, &log, "reload");
    reactor.fire_system_event("another");
    assert_eq!(log.story(), "");
    reactor.fire_system_event(String::from("reload"));
    assert_eq!(log.story(), "before during after");
    reactor.fire_system_event("reload");
    assert_eq!(log.story(), "before during after");
    triggers(&reactor, &log, "reload");
    reactor.fire_system_event("reload");
    assert_eq!(log.story(), "before during after before during after");
    // Nothing of it is left to do.
    assert_eq!(reactor.next_timeout(), None);
}

/// A trigger that holds the event until it is dropped from what this returns.
fn holds(reactor: &Reactor) -> Rc<RefCell<Option<Hold>>> {
    let kept = Rc::new(RefCell::new(None));
    let keep = kept.clone();
    reactor.add_system_event_trigger(Phase::Before, "reload", move |hold| {
        keep.replace(Some(hold));
    });
    kept
}

#[test]
fn an_event_that_is_held_goes_on_in_a_pass() {
    let (reactor, log) = (reactor(), Log::default());
    let hold = holds(&reactor);
    triggers(&reactor, &log, "reload");
    reactor.fire_system_event("reload");
    // It is under way.
    reactor.fire_system_event("reload");
    assert_eq!(log.story(), "before");
    let held = hold.take().unwrap();
    thread::spawn(move || drop(held)).join().unwrap();
    assert_eq!(log.story(), "before");
    assert_eq!(reactor.next_timeout(), Some(Duration::ZERO));
    reactor.iterate(Duration::ZERO).unwrap();
    assert_eq!(log.story(), "before during after");
    let hold = holds(&reactor);
    reactor.fire_system_event("reload");
    assert!(hold.borrow().is_some());
}

#[test]
fn a_panic_in_one_trigger_spoils_none_and_one_may_fire_another_event() {
    let (reactor, log) = (reactor(), Log::default());
    reactor.add_system_event_trigger(Phase::Before, "reload", |_| panic!("a bug"));
    triggers(&reactor, &log, "reload");
    let (handle, say) = (reactor.handle(), log.sayer("inner"));
    reactor.add_system_event_trigger(Phase::During, "inner", move |_| say());
    reactor.add_system_event_trigger(Phase::During, "reload", move |_| {
        handle.fire_system_event("inner");
        handle.fire_system_event("reload");
    });
    reactor.fire_system_event("reload");
    assert_eq!(log.story(), "before during inner after");
}

#[test]
fn an_event_that_is_held_ends_with_the_reactor() {
    let (reactor, log) = (reactor(), Log::default());
    let hold = holds(&reactor);
    triggers(&reactor, &log, "reload");
    reactor.fire_system_event("reload");
    let handle = reactor.handle();
    reactor.call_when_running(move || handle.stop());
    reactor.run().unwrap();
    drop(hold.take());
    reactor.fire_system_event("reload");
    assert_eq!(log.story(), "before");
}

#[test]
fn the_events_of_the_reactor_are_its_own() {
    let (reactor, log) = (reactor(), Log::default());
    triggers(&reactor, &log, SystemEvent::Startup);
    reactor.fire_system_event(SystemEvent::Startup);
    reactor.fire_system_event(SystemEvent::Shutdown);
    assert_eq!(log.story(), "");
    let handle = reactor.handle();
    reactor.call_when_running(move || handle.fire_system_event(SystemEvent::Shutdown));
    triggers(&reactor, &log, SystemEvent::Shutdown);
    reactor.run().unwrap();
    assert_eq!(log.story(), "before during after before during after");
}
