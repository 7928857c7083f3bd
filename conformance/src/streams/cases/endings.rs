//! Ends other than a plain close: with a reason of the application's own, and uncleanly after what
//! was written. And the news that all was sent.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::rc::Rc;

use retwist_reactor::Reason;

use crate::streams::{Ability, Event, How, Kind, Peer, World, pattern};

#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused by the application")
    }
}

impl Error for Refused {}

fn is_refusal(peer: &Peer) -> bool {
    peer.reason().downcast_ref::<Refused>().is_some()
}

pub(crate) fn a_close_with_a_reason_is_orderly_and_tells_the_reason(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    server.transport().write(&pattern(kind.much()));
    server
        .transport()
        .lose_connection_because(Reason::failed(Refused));
    server.transport().lose_connection();
    world.until_over();
    assert_eq!(client.count(), kind.much());
    assert!(client.reason().is_clean(), "{}", client.reason());
    assert!(is_refusal(&server), "{}", server.reason());
}

pub(crate) fn a_failed_connection_sends_what_was_written_and_ends_uncleanly(kind: Kind, how: How) {
    for much in [10, kind.much()] {
        let (client, server) = (Peer::new(), Peer::new());
        let fails = server.reacting(move |transport, event| {
            if let Event::Data(_) = event {
                transport.write(&pattern(much));
                transport.fail_connection(Reason::failed(Refused));
            }
        });
        let how = how.clone();
        let world = World::connected(kind, how, (&client, client.quiet()), (&server, fails));
        client.transport().write(b"go");
        world.until_over();
        assert_eq!(client.count(), much);
        assert!(
            !client.reason().is_clean() || !kind.can(Ability::ShowBreak),
            "{}",
            client.story()
        );
        assert!(is_refusal(&server), "{}", server.reason());
    }
}

pub(crate) fn a_failed_connection_delivers_nothing_more(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let fails = server.reacting(|transport, event| {
        if let Event::Data(_) = event {
            transport.fail_connection(Reason::failed(Refused));
            transport.unread(b"thrown away");
            transport.write(b"dropped");
        }
    });
    let world = World::connected(kind, how, (&client, client.quiet()), (&server, fails));
    client.transport().write(b"one");
    world.until_over();
    assert_eq!(server.story(), "made 'one' lost");
    assert_eq!(client.count(), 0);
}

pub(crate) fn a_failure_after_a_close_is_a_failure(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    client.transport().pause_producing();
    server.transport().write(&pattern(kind.much()));
    server.transport().lose_connection();
    world.settle();
    server.transport().fail_connection(Reason::failed(Refused));
    client.transport().resume_producing();
    world.until_over();
    assert_eq!(client.count(), kind.much());
    // What the client sees depends on whether a layer has said farewell already.
    assert!(is_refusal(&server), "{}", server.reason());
}

/// What was called, in order.
type Log = Rc<RefCell<Vec<&'static str>>>;

fn note(log: &Log, what: &'static str) -> Box<dyn FnOnce()> {
    let log = log.clone();
    Box::new(move || log.borrow_mut().push(what))
}

pub(crate) fn a_call_comes_when_all_before_it_is_sent(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    let log = Log::default();
    client.transport().pause_producing();
    let transport = server.transport();
    transport.when_sent(note(&log, "nothing was written"));
    world.until(|| log.borrow().len() == 1);
    transport.write(&pattern(kind.much()));
    transport.when_sent(note(&log, "much"));
    transport.write(b"behind it");
    world.comes_to_rest();
    assert_eq!(log.borrow().len(), 1);
    client.transport().resume_producing();
    world.until(|| log.borrow().len() == 2);
    world.until(|| client.count() == kind.much() + 9);
}

pub(crate) fn calls_come_in_order_and_never_inside_the_method(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let log = Log::default();
    let inside = log.clone();
    let asks = server.reacting(move |transport, event| {
        if let Event::Data(_) = event {
            transport.when_sent(note(&inside, "first"));
            transport.write(b"a reply");
            transport.when_sent(note(&inside, "second"));
            transport.when_sent(note(&inside, "third"));
            inside.borrow_mut().push("the callback returns");
        }
    });
    let world = World::connected(kind, how, (&client, client.quiet()), (&server, asks));
    client.transport().write(b"?");
    world.until(|| log.borrow().len() == 4);
    assert_eq!(
        *log.borrow(),
        ["the callback returns", "first", "second", "third"]
    );
    world.until(|| client.count() == 7);
}

pub(crate) fn a_call_for_a_connection_that_ends_first_is_dropped(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    let log = Log::default();
    client.transport().pause_producing();
    let transport = server.transport();
    transport.write(&pattern(kind.much()));
    transport.when_sent(note(&log, "never"));
    world.settle();
    transport.abort_connection();
    transport.when_sent(note(&log, "nor this"));
    if !kind.can(Ability::BreakAPause) {
        // It is told as it would be of a close: when it has read what came before.
        client.transport().resume_producing();
    }
    world.until_over();
    assert_eq!(*log.borrow(), [""; 0]);
    assert_eq!(Rc::strong_count(&log), 1, "a call is kept");
}

pub(crate) fn a_call_may_do_anything(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    let next = Peer::new();
    let (log, transport) = (Log::default(), server.transport());
    let (again, inside, follower) = (log.clone(), transport.clone(), next.quiet());
    server.transport().write(b"one ");
    server.transport().when_sent(Box::new(move || {
        inside.write(b"two ");
        inside.when_sent(note(&again, "nested"));
        inside.switch_protocol(follower);
    }));
    world.until(|| log.borrow().len() == 1 && next.is_made());
    next.transport().write(b"three");
    next.transport().lose_connection();
    world.until(|| next.is_over() && client.is_over());
    assert_eq!(client.story(), "made 'one two three' read-lost lost");
    let mut world = world;
    world.forget(&server);
}

pub(crate) fn a_panic_in_a_call_costs_its_connection(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    server.transport().write(b"last words");
    server
        .transport()
        .when_sent(Box::new(|| panic!("in a call of when_sent")));
    world.until_over();
    let reason = server.reason();
    assert!(
        matches!(&reason, Reason::Panicked(_) | Reason::Aborted),
        "{reason}"
    );
    assert!(!client.reason().is_clean() || !kind.can(Ability::ShowBreak));
}
