//! Nothing is unbounded, and no connection keeps the others waiting.

use std::cell::Cell;
use std::rc::Rc;

use retwist_reactor::{Reason, StreamOptions, TransportRef};

use crate::streams::{Ability, Event, How, Kind, Peer, World, pattern};

pub(crate) fn a_peer_that_does_not_read_is_not_read_and_read_again_when_it_does(
    kind: Kind,
    how: How,
) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.echoing()),
    );
    client.transport().pause_producing();
    client.transport().write(&pattern(2 * kind.much()));
    world.until(|| server.transport().buffered() > 0);
    world.comes_to_rest();
    let waiting = server.transport().buffered();
    assert!(
        (1..=256 * 1024).contains(&waiting),
        "{waiting} bytes wait for a peer that does not read"
    );
    assert!(
        client.transport().buffered() > 0,
        "the server has read it all"
    );
    client.transport().resume_producing();
    world.until(|| client.count() == 2 * kind.much());
    assert!(client.received() == pattern(2 * kind.much()));
}

pub(crate) fn a_side_that_may_read_on_reads_on(kind: Kind, mut how: How) {
    how.server.read_pauses = false;
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.echoing()),
    );
    client.transport().pause_producing();
    client.transport().write(&pattern(kind.much()));
    world.until(|| server.count() == kind.much());
    client.transport().resume_producing();
    world.until(|| client.count() == kind.much());
}

/// One delivery has more requests than there is room for answers.
pub(crate) fn small_requests_with_large_answers_are_answered_as_the_peer_takes_them(
    kind: Kind,
    mut how: How,
) {
    how.server.output_limit = 300_000;
    let (client, server) = (Peer::new(), Peer::new());
    let answers = server.reacting(answer_each_byte);
    let world = World::connected(kind, how, (&client, client.quiet()), (&server, answers));
    client.transport().write(&[b'?'; REQUESTS]);
    world.until(|| client.count() == REQUESTS * ANSWER.len() || server.is_over());
    assert!(!server.is_over(), "{}", server.reason());
    client.transport().lose_connection();
    world.until_over();
    assert!(server.reason().is_clean(), "{}", server.reason());
}

pub(crate) fn a_pause_and_what_waits_to_be_sent_hold_back_each_for_itself(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let seen = Rc::new(Cell::new(0));
    let count = seen.clone();
    let answers = server.reacting(move |transport, event| {
        if let Event::Data(data) = event {
            count.set(count.get() + data.len());
        }
        answer_each_byte(transport, event);
    });
    let world = World::connected(kind, how, (&client, client.quiet()), (&server, answers));
    let transport = server.transport();
    client.transport().pause_producing();
    // Enough for every buffer on the way.
    client.transport().write(&[b'?'; REQUESTS]);
    world.until(|| seen.get() > 0);
    world.comes_to_rest();
    let is_held = !transport.is_reading();
    transport.pause_producing();
    transport.resume_producing();
    world.comes_to_rest();
    assert_eq!(
        transport.is_reading(),
        !is_held,
        "the pause has ended what was no pause"
    );
    transport.pause_producing();
    client.transport().resume_producing();
    world.comes_to_rest();
    assert!(!transport.is_reading(), "what was sent has ended the pause");
    assert_eq!(transport.buffered(), 0);
    transport.resume_producing();
    world.until(|| client.count() == REQUESTS * ANSWER.len());
}

const REQUESTS: usize = 1000;
const ANSWER: &[u8] = &[b'!'; 4000];

/// Answers as long as it may read, and gives back the rest.
fn answer_each_byte(transport: &TransportRef, event: &Event<'_>) {
    let Event::Data(data) = event else { return };
    for answered in 0..data.len() {
        if !transport.is_reading() {
            return transport.unread(&data[answered..]);
        }
        transport.write(ANSWER);
    }
}

pub(crate) fn a_peer_that_never_reads_costs_its_connection_at_the_limit(kind: Kind, mut how: How) {
    how.server.output_limit = 100_000;
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    client.transport().pause_producing();
    // For as long as it is connected, and longer; and not without end if the client reads after all.
    fn talk(transport: TransportRef, left: usize) {
        transport.write(&pattern(50_000));
        if transport.is_connected() && left > 0 {
            let left = left.saturating_sub(50_000);
            transport.clock().call_soon(move || talk(transport, left));
        }
    }
    talk(server.transport(), 2 * kind.much() + 100_000);
    world.until(|| server.is_over());
    let reason = server.reason();
    assert!(
        matches!(reason, Reason::OutputLimit(100_000) | Reason::Aborted),
        "{reason}"
    );
    if !kind.can(Ability::BreakAPause) {
        // It is told as it would be of a close: when it has read what came before.
        client.transport().resume_producing();
    }
    world.until_over();
    assert!(!client.reason().is_clean() || !kind.can(Ability::ShowBreak));
}

pub(crate) fn one_large_write_is_within_the_limit(kind: Kind, mut how: How) {
    how.server.output_limit = 100_000;
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    server.transport().write(&pattern(1_000_000));
    world.until(|| client.count() == 1_000_000);
}

pub(crate) fn control_bytes_keep_their_place_and_count_against_no_limit(kind: Kind, mut how: How) {
    how.server.output_limit = 1000;
    let (client, server) = (Peer::new(), Peer::new());
    let answers = server.reacting(|transport, event| {
        if let Event::Data(_) = event {
            transport.write(b"one ");
            transport.write_control(b"two ");
            transport.write(b"three ");
        }
    });
    let world = World::connected(kind, how, (&client, client.quiet()), (&server, answers));
    client.transport().write(b"?");
    world.until(|| client.count() == 14);
    assert_eq!(client.received(), b"one two three ");
    client.transport().pause_producing();
    let transport = server.transport();
    let much = pattern(kind.much());
    transport.write_control(&much);
    world.settle();
    transport.write(b"four");
    world.settle();
    transport.write_control(b"five");
    transport.write(b"six");
    world.settle();
    assert!(!server.is_over(), "{}", server.reason());
    client.transport().resume_producing();
    world.until(|| client.count() == 14 + kind.much() + 11);
    assert!(client.received().ends_with(b"fourfivesix"));
}

pub(crate) fn what_the_peer_has_not_acknowledged_gets_less_while_it_reads(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    let transport = server.transport();
    world.until(|| transport.unacknowledged() == 0);
    client.transport().pause_producing();
    transport.write(&pattern(kind.much()));
    world.comes_to_rest();
    let stalled = transport.unacknowledged();
    assert!(stalled >= transport.buffered() && stalled > 0);
    client.transport().resume_producing();
    world.until(|| transport.unacknowledged() < stalled);
    world.until(|| client.count() == kind.much() && transport.unacknowledged() == 0);
    client.transport().abort_connection();
    world.until_over();
    assert_eq!(transport.unacknowledged(), 0);
}

pub(crate) fn the_settings_of_a_live_connection_can_be_changed(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.echoing()),
    );
    let options = StreamOptions::of(&server.transport()).expect("a byte stream at the bottom");
    client.transport().pause_producing();
    client.transport().write(&pattern(kind.much()));
    world.comes_to_rest();
    assert!(server.count() < kind.much(), "nothing held the client back");
    options.change(|settings| settings.read_pauses = false);
    assert!(options.settings().is_some_and(|now| !now.read_pauses));
    world.until(|| server.count() == kind.much());
    client.transport().resume_producing();
    world.until(|| client.count() == kind.much());
    client.transport().lose_connection();
    world.until_over();
    assert!(options.settings().is_none());
    options.change(|settings| settings.high_water = 1);
}

pub(crate) fn a_loud_connection_does_not_keep_a_quiet_one_waiting(kind: Kind, how: How) {
    let (loud, sink, quiet, answers) = (Peer::new(), Peer::new(), Peer::new(), Peer::new());
    let between = Rc::new(Cell::new(0));
    let (count, heard) = (between.clone(), between.clone());
    let counts = sink.reacting(move |_, event| {
        if let Event::Data(data) = event {
            count.set(count.get() + data.len());
        }
    });
    let listens = answers.reacting(move |_, event| {
        if let Event::Data(_) = event {
            // Half of it would be starvation; how soon the system hands a byte over is its affair.
            assert!(
                heard.get() < 5_000_000,
                "{} bytes came before it",
                heard.get()
            );
        }
    });
    let mut world = World::connected(kind, how, (&loud, loud.quiet()), (&sink, counts));
    world.connect((&quiet, quiet.quiet()), (&answers, listens));
    world.until(|| quiet.is_made() && answers.is_made());
    loud.transport().write(&pattern(10_000_000));
    for round in 1..=10 {
        between.set(0);
        quiet.transport().write(b"?");
        world.until(|| answers.count() == round);
    }
    world.until(|| sink.count() == 10_000_000);
}
