//! `transport.me(self)`: a protocol is called from outside, between its callbacks.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use retwist_reactor::{Reason, WeakProtocol};

use crate::streams::{Actor, Event, Farewell, How, Kind, Peer, World};

fn two(kind: Kind, how: How) -> (World, Peer, Peer) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    (world, client, server)
}

pub(crate) fn a_call_is_made_at_once_where_no_callback_runs(kind: Kind, how: How) {
    let (_world, _client, server) = two(kind, how);
    server.me().call(Actor::note_call);
    assert_eq!(server.story(), "made called");
}

pub(crate) fn a_call_in_a_callback_comes_when_that_returns(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let this = server.clone();
    let calls = server.reacting(move |_, event| {
        if let Event::Made = event {
            this.me().call(Actor::note_call);
            this.note("still made");
        }
    });
    let world = World::connected(kind, how, (&client, client.quiet()), (&server, calls));
    client.transport().write(b"hello");
    world.until(|| server.count() == 5);
    assert_eq!(server.story(), "made still made called 'hello'");
}

pub(crate) fn a_call_in_a_delivery_comes_before_the_next_one(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let (this, seen) = (server.clone(), Rc::new(Cell::new(0)));
    let in_order = Rc::new(Cell::new(true));
    let (holds, heard) = (in_order.clone(), seen.clone());
    let calls = server.reacting(move |_, event| {
        if let Event::Data(data) = event {
            holds.set(holds.get() && this.count() == heard.get() + data.len());
            let (heard, length) = (heard.clone(), data.len());
            this.me().call(move |_, _| heard.set(heard.get() + length));
        }
    });
    let world = World::connected(kind, how, (&client, client.quiet()), (&server, calls));
    client.transport().write(&[b'x'; 500]);
    world.until(|| seen.get() == 500);
    assert!(in_order.get(), "a delivery came before the call");
}

pub(crate) fn what_a_call_writes_is_sent(kind: Kind, how: How) {
    let (world, client, server) = two(kind, how);
    server
        .me()
        .call(|_, transport| transport.write(b"from outside"));
    world.until(|| client.received() == b"from outside");
}

pub(crate) fn a_call_returns_a_value(kind: Kind, how: How) {
    let (_world, client, server) = two(kind, how);
    let peer = server.me().try_call(|_, transport| transport.peer());
    assert_eq!(peer, Some(server.transport().peer()));
    let nested = client.me().try_call(|_, _| client.me().try_call(|_, _| ()));
    assert_eq!(nested, Some(None), "it is being called already");
}

pub(crate) fn a_call_goes_to_the_transport_on_which_the_protocol_sits_then(kind: Kind, how: How) {
    let (world, client, server) = two(kind, how);
    let before = server.transport();
    let me = server.me();
    let protocol = before.protocol().unwrap();
    before.switch_protocol(Farewell::under(protocol));
    me.call(|_, transport| transport.write(b"through the layer"));
    world.until(|| client.count() > 0);
    let through = me.transport().unwrap();
    through.lose_connection();
    world.until(|| client.is_over());
    assert_eq!(client.received(), b"through the layerfarewell");
}

pub(crate) fn nothing_is_called_after_the_end(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let this = server.clone();
    let calls = server.reacting(move |_, event| {
        if let Event::Lost = event {
            this.me().call(Actor::note_call);
        }
    });
    let world = World::connected(kind, how, (&client, client.quiet()), (&server, calls));
    let me = server.me();
    let kept = me.upgrade().unwrap();
    client.transport().lose_connection();
    world.until_over();
    me.call(Actor::note_call);
    assert!(me.try_call(|_, _| ()).is_none() && !me.is_connected());
    assert!(server.story().ends_with(" lost"), "{}", server.story());
    drop(kept);
    world.settle();
    assert!(me.upgrade().is_none());
}

pub(crate) fn a_timer_is_called_with_the_transport(kind: Kind, how: How) {
    let (world, client, server) = two(kind, how);
    server
        .me()
        .call_later(Duration::from_millis(5), |_, transport| {
            transport.write(b"late");
        });
    world.until(|| client.received() == b"late");
}

pub(crate) fn a_timer_ends_with_its_connection(kind: Kind, how: How) {
    let (world, client, server) = two(kind, how);
    let me = server.me();
    let held = Rc::new(());
    for _ in 0..100 {
        let holds = held.clone();
        me.call_later(Duration::from_secs(3600), move |_, _| drop(holds));
    }
    let gone = me.call_later(Duration::from_secs(3600), |_, _| ());
    client.transport().lose_connection();
    world.until_over();
    assert_eq!(Rc::strong_count(&held), 1, "timers outlive the connection");
    assert!(!gone.active());
    let never = me.call_later(Duration::ZERO, |_, _| panic!("it has no connection"));
    assert!(!never.active());
}

pub(crate) fn a_timer_goes_on_with_its_protocol(kind: Kind, how: How) {
    let (world, client, server) = two(kind, how);
    let me = server.me();
    me.call_later(Duration::from_millis(5), |_, transport| {
        transport.lose_connection();
    });
    let before = server.transport();
    let protocol = before.protocol().unwrap();
    before.switch_protocol(Farewell::under(protocol));
    world.until_over();
    assert_eq!(client.received(), b"farewell");
}

pub(crate) fn what_names_itself_by_a_transport_of_another_refers_to_nothing(kind: Kind, how: How) {
    struct Part;
    impl retwist_reactor::Protocol for Part {}
    let (mut world, _client, server) = two(kind, how);
    let part: WeakProtocol<Part> = server.transport().me(&Part);
    assert!(!part.is_connected() && part.upgrade().is_none());
    part.call(|_, _| panic!("there is no such protocol"));
    let revoked = server.transport();
    let next = Peer::new();
    revoked.switch_protocol(next.quiet());
    world.forget(&server);
    world.watch(&next);
    world.until(|| next.is_made());
    assert!(!revoked.me(&Part).is_connected());
}

pub(crate) fn a_panic_in_a_call_costs_the_connection_of_the_one_that_is_called(
    kind: Kind,
    how: How,
) {
    let (client, server) = (Peer::new(), Peer::new());
    let mut world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.echoing()),
    );
    let (caller, called) = (Peer::new(), Peer::new());
    let victim = called.clone();
    let calls = caller.reacting(move |_, event| {
        if let Event::Data(_) = event {
            victim.me().call(|_, _| panic!("a bug in the application"));
        }
    });
    let (other_one, other) = (Peer::new(), Peer::new());
    world.connect((&other_one, other_one.quiet()), (&caller, calls));
    world.connect((&other, other.quiet()), (&called, called.quiet()));
    world.until(|| caller.is_made() && called.is_made() && other_one.is_made());
    other_one.transport().write(b"now");
    world.until(|| called.is_over());
    assert!(matches!(called.reason(), Reason::Panicked(_)));
    world.settle();
    assert!(!caller.is_over() && !client.is_over());
}

pub(crate) fn after_sent_comes_when_all_is_sent(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let this = server.clone();
    let calls = server.reacting(move |transport, event| {
        if let Event::Made = event {
            transport.write(&vec![0; 100_000]);
            let (done, me) = (this.clone(), this.me());
            transport.when_sent(Box::new(move || {
                me.call(|_, transport| transport.lose_connection());
                done.note("sent");
            }));
        }
    });
    let world = World::connected(kind, how, (&client, client.quiet()), (&server, calls));
    world.until_over();
    assert_eq!(client.count(), 100_000);
    assert!(
        server.story().starts_with("made sent"),
        "{}",
        server.story()
    );
}

pub(crate) fn a_protocol_is_known_by_its_type(kind: Kind, how: How) {
    struct Another;
    impl retwist_reactor::Protocol for Another {}
    let (_world, _client, server) = two(kind, how);
    let erased = server.transport().protocol().unwrap();
    assert!(erased.downcast::<Another>().is_none());
    let known = erased.downcast::<Actor>().unwrap();
    known.downgrade().call(Actor::note_call);
    assert_eq!(server.story(), "made called");
}
