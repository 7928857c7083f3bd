//! The suite must be able to fail: a layer or a way that breaks a rule makes the cases about that rule
//! fail, and the same layer without the bug makes none of them fail.

mod datagrams;
mod layer;
mod way;

use std::cell::Cell;
use std::panic;
use std::sync::Once;
use std::thread;

use retwist_conformance::streams::{Kind, Layered, Memory, Way, case};

use layer::*;
use way::{Deaf, Greedy, Lax};

/// Runs it; what a panic of it says is kept from the output, and that of other threads is not.
fn silently(run: impl FnOnce() + panic::UnwindSafe) -> thread::Result<()> {
    thread_local! {
        static SILENT: Cell<bool> = const { Cell::new(false) };
    }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let tells = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !SILENT.get() {
                tells(info);
            }
        }));
    });
    SILENT.set(true);
    let outcome = panic::catch_unwind(run);
    SILENT.set(false);
    outcome
}

/// The cases that fail over this kind. What they say is of no use here.
fn failing<'a>(kind: Kind, cases: &[&'a str]) -> Vec<&'a str> {
    let fails = |name: &&str| silently(|| case(name).run(kind)).is_err();
    cases.iter().copied().filter(fails).collect()
}

#[track_caller]
fn is_found<W: Way>(cases: &[&str]) {
    let missed = {
        let failing = failing(Kind::of::<W>(), cases);
        cases
            .iter()
            .copied()
            .filter(|name| !failing.contains(name))
            .collect::<Vec<_>>()
    };
    let mistaken = failing(Kind::of::<Layered<Broken<NOTHING>, Memory>>(), cases);
    assert!(missed.is_empty(), "the suite misses it: {missed:?}");
    assert!(mistaken.is_empty(), "without a bug, {mistaken:?} fail too");
}

/// A test for each bug of the layer, with cases that find it.
macro_rules! bugs_of_a_layer {
    ($($test:ident: $bug:ident => $($case:literal),+;)+) => { $(
        #[test]
        fn $test() {
            is_found::<Layered<Broken<$bug>, Memory>>(&[$($case),+]);
        }
    )+ };
}

bugs_of_a_layer! {
    a_lost_byte: LOSES_A_BYTE => "delivery::bytes_arrive_whole_and_in_order";
    swapped_bytes: SWAPS_BYTES =>
        "delivery::bytes_arrive_whole_and_in_order",
        "bounds::control_bytes_keep_their_place_and_count_against_no_limit";
    a_delivery_that_comes_twice: REPEATS_A_DELIVERY =>
        "delivery::bytes_arrive_whole_and_in_order",
        "bounds::one_large_write_is_within_the_limit";
    no_end_of_input: DROPS_THE_END_OF_INPUT =>
        "half_close::who_has_closed_its_write_half_still_reads",
        "closing::a_close_in_each_callback_is_told_once";
    no_end_of_output: DROPS_THE_END_OF_OUTPUT => "half_close::a_half_close_is_once";
    no_close: NEVER_CLOSES => "closing::closing_twice_is_once";
    no_half_close: NEVER_CLOSES_HALF => "half_close::who_has_closed_its_write_half_still_reads";
    a_close_for_a_half_close: CLOSES_ALL_FOR_HALF =>
        "half_close::who_has_closed_its_write_half_still_reads";
    a_close_that_forgets_bytes: CLOSES_WITHOUT_WHAT_IS_HELD =>
        "closing::what_was_written_before_a_close_arrives_and_nothing_after_it";
    a_close_for_an_abort: CLOSES_WHERE_IT_SHOULD_ABORT =>
        "aborting::a_close_after_an_abort_is_nothing",
        "aborting::a_reset_is_not_an_end_of_input";
    an_abort_for_a_close: ABORTS_WHERE_IT_SHOULD_CLOSE =>
        "closing::what_was_written_before_a_close_arrives_and_nothing_after_it";
    a_close_for_a_failure: CLOSES_WHERE_IT_SHOULD_FAIL =>
        "endings::a_failed_connection_sends_what_was_written_and_ends_uncleanly",
        "relays::a_server_that_breaks_off_is_no_clean_end";
    a_close_without_its_reason: FORGETS_THE_REASON_OF_A_CLOSE =>
        "endings::a_close_with_a_reason_is_orderly_and_tells_the_reason";
    an_abort_that_sends: SENDS_WHAT_IS_HELD_WHEN_IT_ABORTS =>
        "aborting::an_abort_throws_away_what_was_not_sent";
    no_sending_outside_of_callbacks: SENDS_ONLY_IN_CALLBACKS =>
        "delivery::a_write_from_outside_goes_out";
    control_bytes_that_overtake: SENDS_CONTROL_BYTES_FIRST =>
        "bounds::control_bytes_keep_their_place_and_count_against_no_limit";
    no_count_of_output: COUNTS_NOTHING =>
        "delivery::what_was_written_is_counted_until_it_is_handed_over";
    no_count_of_what_is_unread: COUNTS_NO_UNREAD =>
        "bounds::what_the_peer_has_not_acknowledged_gets_less_while_it_reads";
    calls_that_come_too_early: CALLS_AT_ONCE => "endings::a_call_comes_when_all_before_it_is_sent";
    calls_that_do_not_come: NEVER_CALLS => "endings::a_call_comes_when_all_before_it_is_sent";
    a_pause_that_is_not_passed_on: READS_ON =>
        "bounds::a_peer_that_does_not_read_is_not_read_and_read_again_when_it_does";
    a_resumption_that_is_not_passed_on: NEVER_READS_AGAIN =>
        "pausing::a_pause_holds_at_once_even_what_is_already_here";
    an_end_without_address: HIDES_ITS_ENDS => "delivery::a_transport_knows_both_ends";
    a_producer_that_is_not_asked: HIDES_PRODUCERS =>
        "producers::a_pull_producer_is_asked_each_time_that_nothing_waits",
        "producers_at_close::a_close_waits_for_a_pull_producer";
    a_producer_that_stays: KEEPS_PRODUCERS =>
        "producers::a_producer_that_has_unregistered_hears_nothing_more";
    two_producers: TAKES_TWO_PRODUCERS => "producers::a_second_producer_is_refused";
    a_protocol_that_stays: KEEPS_THE_PROTOCOL =>
        "ownership::a_protocol_is_dropped_when_its_connection_ends";
}

#[test]
fn random_conversations_find_bugs() {
    is_found::<Layered<Broken<LOSES_A_BYTE>, Memory>>(&[
        "schedules::any_conversation_keeps_the_rules",
    ]);
}

#[test]
fn a_loop_whose_end_is_not_told() {
    is_found::<Deaf>(&[
        "ownership::everyone_is_dropped_with_the_loop",
        "pausing::the_end_of_the_loop_is_heard_by_the_idle_and_the_paused",
    ]);
}

#[test]
fn a_loop_that_serves_one_connection_for_too_long() {
    is_found::<Greedy>(&["fairness::a_protocol_that_resumes_in_each_callback_has_a_share"]);
}

#[test]
fn bounds_that_are_not_set() {
    is_found::<Lax>(&[
        "bounds::a_peer_that_never_reads_costs_its_connection_at_the_limit",
        "unreading::more_than_the_limit_ends_the_connection",
    ]);
}
