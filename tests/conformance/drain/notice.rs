//! The ports of a reactor that drains stay open for a while, so that a balancer hears of it first.

use retwist::ReactorSettings;

use super::*;

fn with_notice(notice: Duration) -> Reactor {
    let settings = ReactorSettings {
        signals: false,
        drain_notice: notice,
        ..ReactorSettings::default()
    };
    Reactor::with_settings(settings).unwrap()
}

#[test]
fn ports_accept_and_connections_hear_nothing_while_it_lasts() {
    let (reactor, log) = (with_notice(LONG), Log::default());
    let port = serve(&reactor, &log, true);
    let handle = reactor.handle();
    reactor.call_when_running(move || handle.drain(LONG));
    let client = Rc::new(RefCell::new(None));
    let (kept, at, state) = (client.clone(), port.clone(), reactor.handle());
    when(
        &reactor,
        move || state.state() == ReactorState::Draining,
        move || {
            let mut stream = connect(&at);
            stream.write_all(b"new").unwrap();
            kept.replace(Some(stream));
        },
    );
    // It hears that the reactor drains when it writes, and closes: that does not end the notice.
    let (served, handle) = (log.clone(), reactor.handle());
    when(
        &reactor,
        move || served.story() == "made clean",
        move || {
            assert!(port.is_listening());
            handle.stop();
        },
    );
    reactor.run().unwrap();
    let mut heard = String::new();
    let mut client = client.take().unwrap();
    client.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "new");
}

#[test]
fn ports_close_when_it_is_over_and_the_drain_goes_on() {
    let (reactor, log) = (with_notice(Duration::from_millis(20)), Log::default());
    let port = serve(&reactor, &log, true);
    let client = Rc::new(RefCell::new(Some(connect(&port))));
    let (handle, at) = (reactor.handle(), port.clone());
    when(
        &reactor,
        move || at.connections() == 1,
        move || handle.drain(LONG),
    );
    let asked = log.clone();
    when(
        &reactor,
        move || asked.story() == "made drain",
        move || {
            assert!(!port.is_listening());
            drop(client.take());
        },
    );
    reactor.run().unwrap();
    assert_eq!(log.story(), "made drain clean");
}

#[test]
fn it_is_part_of_the_time_of_the_drain_and_a_trigger_may_hold_longer() {
    let reactor = with_notice(LONG);
    let handle = reactor.handle();
    reactor.call_when_running(move || handle.drain(Duration::from_millis(10)));
    reactor.run().unwrap();

    let (reactor, log) = (with_notice(Duration::from_millis(1)), Log::default());
    let port = serve(&reactor, &log, true);
    let held = Rc::new(RefCell::new(None::<Hold>));
    let kept = held.clone();
    reactor.add_system_event_trigger(Phase::Before, SystemEvent::Drain, move |hold| {
        kept.replace(Some(hold));
    });
    let handle = reactor.handle();
    reactor.call_when_running(move || handle.drain(LONG));
    let clock = reactor.handle();
    let waiting = held.clone();
    when(
        &reactor,
        move || waiting.borrow().is_some(),
        move || {
            // Later than the notice, on the same clock.
            clock.call_later(Duration::from_millis(5), move || {
                assert!(port.is_listening());
                drop(held.take());
            });
        },
    );
    reactor.run().unwrap();
}
