//! `unread`: bytes that a protocol did not use belong to the transport.

use retwist_reactor::{Reason, StreamSettings};

use crate::streams::{Ability, Event, How, Kind, Peer, World};

pub(crate) fn who_reads_on_gets_them_with_the_next_bytes(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let used = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let units = used.clone();
    // Takes four bytes at a time, and keeps no buffer of its own.
    let takes_four = server.reacting(move |transport, event| {
        if let Event::Data(data) = event {
            let whole = data.len() / 4 * 4;
            units.borrow_mut().extend_from_slice(&data[..whole]);
            transport.unread(&data[whole..]);
        }
    });
    let world = World::connected(kind, how, (&client, client.quiet()), (&server, takes_four));
    let sent: Vec<u8> = (0..200).collect();
    for piece in sent.chunks(9) {
        client.transport().write(piece);
        world.settle();
    }
    world.until(|| used.borrow().len() == 200);
    assert_eq!(*used.borrow(), sent);
}

pub(crate) fn who_is_paused_gets_them_when_it_resumes(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let mut first = true;
    let gives_back = server.reacting(move |transport, event| {
        if let Event::Data(data) = event
            && std::mem::take(&mut first)
        {
            transport.pause_producing();
            transport.unread(data);
        }
    });
    let world = World::connected(
        kind,
        how.clone(),
        (&client, client.quiet()),
        (&server, gives_back),
    );
    client.transport().write(b"hello, world");
    world.comes_to_rest();
    let first = server.count();
    // A layer may put together again what was cut below it.
    assert!([how.cut.min(12), 12].contains(&first), "{}", server.story());
    server.transport().resume_producing();
    world.until(|| server.count() == first + 12);
    assert!(server.received().ends_with(b"hello, world"));
}

pub(crate) fn what_is_given_back_comes_before_what_waits(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    let transport = server.transport();
    transport.pause_producing();
    client.transport().write(b"three");
    world.settle();
    transport.unread(b"two ");
    transport.unread(b"one ");
    transport.resume_producing();
    world.until(|| server.count() == 13);
    assert_eq!(server.story(), "made 'one two three'");
}

pub(crate) fn giving_back_nothing_is_nothing(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    server.transport().pause_producing();
    server.transport().unread(b"");
    server.transport().resume_producing();
    world.comes_to_rest();
    assert_eq!(server.story(), "made");
    client.transport().write(b"hello");
    world.until(|| server.count() == 5);
}

pub(crate) fn bytes_that_are_never_read_go_with_the_connection(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let refuses = server.reacting(|transport, event| {
        if let Event::Data(data) = event {
            transport.pause_producing();
            transport.unread(data);
        }
    });
    let world = World::connected(kind, how, (&client, client.quiet()), (&server, refuses));
    client.transport().write(b"junk mail");
    world.until(|| server.count() > 0);
    server.transport().lose_connection();
    world.until_over();
    assert_eq!(server.story(), "made 'junk mail' lost");
    assert!(server.reason().is_clean() && client.reason().is_clean());
}

pub(crate) fn bytes_given_back_alone_do_not_come_again_by_themselves(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let refuses = server.reacting(|transport, event| {
        if let Event::Data(data) = event {
            transport.unread(data);
        }
    });
    let world = World::connected(kind, how, (&client, client.quiet()), (&server, refuses));
    client.transport().write(b"half a line");
    world.comes_to_rest();
    assert_eq!(server.story(), "made 'half a line'");
}

/// A server that gives back all that it receives, under this limit.
fn world_of_one_who_gives_back(kind: Kind, how: How, limit: usize) -> (World, Peer, Peer) {
    let (client, server) = (Peer::new(), Peer::new());
    let gives_back = server.reacting(|transport, event| {
        if let Event::Data(data) = event {
            transport.unread(data);
        }
    });
    let how = How {
        server: StreamSettings {
            unread_limit: limit,
            ..how.server.clone()
        },
        ..how
    };
    let world = World::connected(kind, how, (&client, client.quiet()), (&server, gives_back));
    (world, client, server)
}

pub(crate) fn more_than_the_limit_ends_the_connection(kind: Kind, how: How) {
    let (world, client, server) = world_of_one_who_gives_back(kind, how, 5000);
    for _ in 0..51 {
        client.transport().write(&[b'x'; 100]);
        world.settle();
    }
    world.until_over();
    assert!(
        matches!(server.reason(), Reason::UnreadLimit(5000)),
        "{}",
        server.reason()
    );
    assert!(!client.reason().is_clean() || !kind.can(Ability::ShowBreak));
}

pub(crate) fn as_much_as_the_limit_is_kept(kind: Kind, how: How) {
    let (mut world, client, server) = world_of_one_who_gives_back(kind, how, 5000);
    for _ in 0..50 {
        client.transport().write(&[b'x'; 100]);
        world.settle();
    }
    let next = Peer::new();
    server.transport().switch_protocol(next.quiet());
    world.forget(&server);
    world.watch(&next);
    world.until(|| next.count() == 5000);
}

/// Takes one unit a turn: it pauses, gives the rest back, and resumes. What it has given back comes
/// before the system is asked for more, so that it never waits in large amounts.
pub(crate) fn one_who_takes_one_unit_a_turn_gets_all(kind: Kind, how: How) {
    const UNIT: usize = 9000;
    const ALL: usize = 700_000;
    let (client, server) = (Peer::new(), Peer::new());
    let taken = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let units = taken.clone();
    let takes_one = server.reacting(move |transport, event| {
        if let Event::Data(data) = event {
            let (unit, rest) = data.split_at(data.len().min(UNIT));
            units.borrow_mut().extend_from_slice(unit);
            transport.pause_producing();
            transport.unread(rest);
            let again = transport.clone();
            transport
                .clock()
                .call_soon(move || again.resume_producing());
        }
    });
    let world = World::connected(kind, how, (&client, client.quiet()), (&server, takes_one));
    let sent: Vec<u8> = (0..ALL).map(|at| at as u8).collect();
    client.transport().write(&sent);
    world.until(|| taken.borrow().len() == ALL || server.is_over());
    assert!(!server.is_over(), "{}", server.reason());
    assert!(*taken.borrow() == sent, "not as it was sent");
}
