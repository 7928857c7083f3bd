//! The cases, once: from this list come the tests of each kind and [`CASES`].

use super::case::{Case, Cuts};
use super::{Ability, cases};

/// Passes all cases to a macro: modules, and in each the cases that run once and those that run for
/// every cut.
#[doc(hidden)]
#[macro_export]
macro_rules! __stream_cases {
    ($($then:tt)+) => { $($then)+ {
        aborting {
            whole:
                an_abort_in_each_callback_is_told_once_and_not_in_it,
                aborting_twice_is_once,
                an_abort_ends_a_close_that_is_under_way,
                a_close_after_an_abort_is_nothing,
                an_abort_throws_away_what_was_not_sent,
                an_abort_of_a_paused_connection_is_told,
                an_abort_when_a_producer_is_resumed_is_told,
                both_may_abort_at_the_same_time,
                a_reset_is_not_an_end_of_input;
        }
        application_code {
            whole:
                code_may_do_anything_anywhere,
                the_drop_of_a_protocol_may_panic;
        }
        bounds {
            whole:
                a_peer_that_does_not_read_is_not_read_and_read_again_when_it_does,
                a_side_that_may_read_on_reads_on,
                small_requests_with_large_answers_are_answered_as_the_peer_takes_them,
                a_pause_and_what_waits_to_be_sent_hold_back_each_for_itself,
                a_peer_that_never_reads_costs_its_connection_at_the_limit,
                one_large_write_is_within_the_limit,
                control_bytes_keep_their_place_and_count_against_no_limit,
                what_the_peer_has_not_acknowledged_gets_less_while_it_reads,
                the_settings_of_a_live_connection_can_be_changed,
                a_loud_connection_does_not_keep_a_quiet_one_waiting;
        }
        calls {
            whole:
                a_call_is_made_at_once_where_no_callback_runs,
                a_call_in_a_callback_comes_when_that_returns,
                what_a_call_writes_is_sent,
                a_call_returns_a_value,
                a_call_goes_to_the_transport_on_which_the_protocol_sits_then,
                nothing_is_called_after_the_end,
                a_timer_is_called_with_the_transport,
                a_timer_ends_with_its_connection,
                a_timer_goes_on_with_its_protocol,
                what_names_itself_by_a_transport_of_another_refers_to_nothing,
                a_panic_in_a_call_costs_the_connection_of_the_one_that_is_called,
                after_sent_comes_when_all_is_sent,
                a_protocol_is_known_by_its_type;
            at_every_cut:
                a_call_in_a_delivery_comes_before_the_next_one;
        }
        closing {
            at_every_cut:
                what_was_written_before_a_close_arrives_and_nothing_after_it,
                an_echo_returns_all_that_came_before_the_end_of_input;
            whole:
                a_close_in_each_callback_is_told_once,
                a_close_delivers_nothing_more,
                closing_twice_is_once,
                both_may_close_at_the_same_time,
                a_connection_that_has_gone_is_safe_to_use,
                three_mebibytes_come_back_before_the_end,
                what_the_peer_still_sends_does_not_destroy_the_reply,
                a_close_flushes_to_a_peer_that_reads_late,
                closing_while_the_peer_ends_comes_to_rest,
                a_close_from_outside_is_a_close;
        }
        delivery {
            at_every_cut:
                bytes_arrive_whole_and_in_order,
                both_may_write_from_the_first_callback,
                a_conversation_goes_back_and_forth;
            whole:
                write_sequence_is_one_write_after_the_other,
                an_empty_write_is_nothing,
                a_write_from_outside_goes_out,
                a_write_to_another_connection_goes_out_in_the_same_turn,
                five_megabytes_arrive,
                what_was_written_is_counted_until_it_is_handed_over,
                a_transport_knows_both_ends needs NameEnds;
        }
        endings {
            whole:
                a_close_with_a_reason_is_orderly_and_tells_the_reason,
                a_failed_connection_sends_what_was_written_and_ends_uncleanly,
                a_failed_connection_delivers_nothing_more,
                a_failure_after_a_close_is_a_failure,
                a_call_comes_when_all_before_it_is_sent,
                calls_come_in_order_and_never_inside_the_method,
                a_call_for_a_connection_that_ends_first_is_dropped,
                a_call_may_do_anything,
                a_panic_in_a_call_costs_its_connection;
        }
        fairness {
            whole:
                a_protocol_that_resumes_in_each_callback_has_a_share,
                protocols_that_switch_each_other_in_have_a_share,
                calls_that_ask_for_calls_have_a_share;
        }
        half_close {
            at_every_cut:
                who_has_closed_its_write_half_still_reads,
                who_has_read_the_end_still_writes;
            whole:
                writes_after_the_half_close_are_dropped,
                the_half_close_is_told_when_all_is_handed_over,
                a_half_close_is_once,
                both_halves_closed_is_the_end,
                a_close_in_either_notification_is_a_close,
                a_half_closed_connection_waits_as_long_as_it_likes,
                a_reset_ends_a_half_closed_connection;
        }
        large_units {
            whole:
                a_write_above_the_limit_arrives_before_a_close,
                a_write_above_the_limit_arrives_before_a_half_close,
                a_sequence_above_the_limit_is_one_write,
                a_write_in_a_callback_is_one_unit_too;
        }
        ownership {
            whole:
                a_protocol_is_dropped_when_its_connection_ends,
                a_protocol_that_keeps_its_own_transport_is_dropped,
                protocols_that_keep_each_others_transports_are_dropped,
                everyone_is_dropped_with_the_loop,
                a_protocol_that_was_switched_out_belongs_to_the_code_that_holds_it,
                a_call_that_was_never_made_is_dropped_with_the_loop;
        }
        panics {
            whole:
                a_panic_in_each_callback_costs_that_connection_alone,
                a_panic_of_one_who_is_switched_in_costs_its_connection,
                a_panic_in_connection_lost_costs_nothing_more,
                a_panic_of_a_producer_costs_its_connection,
                a_panic_in_a_call_costs_nothing,
                a_panic_of_a_layer_costs_its_connection,
                the_reason_is_the_message_of_the_panic;
        }
        pausing {
            at_every_cut:
                a_pause_in_connection_made_holds_everything_back,
                a_pause_holds_at_once_even_what_is_already_here;
            whole:
                pausing_and_resuming_twice_is_once,
                a_pause_in_the_callback_that_resumed_rests,
                a_newcomer_that_pauses_rests,
                the_end_of_input_waits_until_it_is_read,
                a_paused_connection_can_write_and_close,
                a_paused_connection_hears_of_a_reset,
                resuming_what_is_closing_or_gone_is_nothing,
                the_end_of_the_loop_is_heard_by_the_idle_and_the_paused,
                a_peer_that_is_paused_fills_and_drains;
        }
        producers {
            whole:
                a_push_producer_is_paused_when_much_waits_and_resumed_when_nothing_does,
                a_push_producer_is_paused_once_until_it_is_resumed,
                a_pull_producer_is_asked_each_time_that_nothing_waits,
                a_pull_producer_that_has_nothing_yet_is_left_alone,
                a_second_producer_is_refused,
                a_producer_may_do_anything_when_it_is_asked_whether_it_has_finished,
                a_panic_of_a_producer_costs_its_connection,
                the_producer_of_a_lost_connection_is_told_to_stop,
                a_producer_on_a_connection_that_has_gone_is_told_to_stop,
                a_producer_that_has_unregistered_hears_nothing_more,
                a_producer_is_dropped_with_its_connection,
                a_producer_may_do_anything_when_it_is_told_to_stop,
                two_transports_hold_each_other_back;
        }
        producers_at_close {
            whole:
                a_close_waits_for_a_pull_producer,
                a_close_waits_for_a_push_producer_that_is_paused,
                a_push_producer_that_is_not_paused_holds_no_close,
                a_push_producer_that_says_it_has_more_holds_a_close,
                a_push_producer_that_was_resumed_in_a_close_holds_it_until_it_has_written,
                a_producer_that_says_it_has_finished_holds_no_close,
                an_end_of_input_under_a_producer_is_told_at_once,
                a_half_close_waits_for_the_producer;
        }
        relays {
            at_every_cut:
                what_ends_in_order_ends_in_order_behind_a_relay;
            whole:
                a_server_that_breaks_off_is_no_clean_end,
                a_client_that_breaks_off_is_no_clean_end;
        }
        schedules {
            any:
                any_conversation_keeps_the_rules needs MoveTime;
        }
        switching {
            at_every_cut:
                a_newcomer_gets_what_the_one_before_gave_back,
                a_protocol_that_comes_back_hears_that_it_was_switched;
            whole:
                a_switch_in_each_callback_is_heard_before_anything_else,
                a_switch_from_outside_is_heard_in_a_later_turn,
                a_switch_returns_who_was_there,
                the_handle_of_one_who_was_switched_out_is_deaf,
                a_newcomer_reads_even_if_the_one_before_had_paused,
                a_newcomer_hears_of_an_end_of_input_that_was_heard_before,
                a_handle_is_revoked_by_its_first_switch,
                switching_while_closing_leaves_it_closing,
                who_is_in_the_seat_hears_of_the_loss;
        }
        unreading {
            at_every_cut:
                who_reads_on_gets_them_with_the_next_bytes,
                who_is_paused_gets_them_when_it_resumes;
            whole:
                what_is_given_back_comes_before_what_waits,
                giving_back_nothing_is_nothing,
                bytes_that_are_never_read_go_with_the_connection,
                bytes_given_back_alone_do_not_come_again_by_themselves,
                more_than_the_limit_ends_the_connection,
                as_much_as_the_limit_is_kept,
                one_who_takes_one_unit_a_turn_gets_all;
        }
    } };
}

/// A test of each case, over the way that is called `TheWay` two modules further out.
#[doc(hidden)]
#[macro_export]
macro_rules! __stream_tests {
    ($($module:ident { $($cuts:ident: $($case:ident $(needs $need:ident)*),+;)+ })+) => { $(
        mod $module { $(
            mod $cuts { $(
                #[test]
                fn $case() {
                    $crate::streams::case(concat!(stringify!($module), "::", stringify!($case)))
                        .run($crate::streams::Kind::of::<super::super::TheWay>());
                }
            )+ }
        )+ }
    )+ };
}

macro_rules! all_cases {
    ($($module:ident { $($cuts:ident: $($case:ident $(needs $need:ident)*),+;)+ })+) => {
        pub(super) static CASES: &[Case] = &[$($($(
            Case {
                name: concat!(stringify!($module), "::", stringify!($case)),
                cuts: Cuts::$cuts,
                needs: &[$(Ability::$need),*],
                body: cases::$module::$case,
            },
        )+)+)+];
    };
}

__stream_cases! { all_cases! }
