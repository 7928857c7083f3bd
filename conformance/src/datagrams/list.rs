//! The cases, once: from this list come the tests of each kind and [`CASES`].

use super::case::Case;
use super::{Ability, cases};

/// Passes all cases to a macro.
#[doc(hidden)]
#[macro_export]
macro_rules! __datagram_cases {
    ($($then:tt)+) => { $($then)+ {
        closing {
            a_stop_in_each_callback_is_told_once_and_not_in_it,
            stopping_twice_is_once,
            what_was_sent_before_goes_out_and_nothing_after,
            nothing_is_delivered_after_a_stop,
            a_port_is_opened_again,
            opened_again_before_it_hears_of_the_close,
            opened_twice_is_an_error,
            closed_before_it_started_it_hears_nothing,
            an_address_in_use_is_an_error,
            the_end_of_the_loop_is_told,
            a_transport_that_has_gone_does_nothing,
            the_protocol_is_freed,
        }
        connected {
            a_conversation,
            only_the_peer_is_heard,
            a_peer_that_does_not_listen_is_told needs Refuse,
            the_peer_may_listen_later needs Refuse,
            a_refusal_costs_no_datagram needs Refuse,
            a_port_is_connected_once,
            sending_to_another_is_told,
            connected_in_a_callback,
        }
        delivery {
            an_echo,
            of_every_length,
            a_burst_in_order,
            a_long_one_is_told_as_cut needs NoteCut,
            a_port_that_is_busy_does_not_keep_others_waiting,
            sent_from_a_timer,
            a_port_that_is_sent_to_from_another,
            the_first_callback_is_start_protocol,
        }
        failures {
            too_long,
            another_family,
            no_address_at_all,
            not_connected,
            failures_in_a_row_are_one,
            failing_in_answer_to_a_failure_does_not_hang,
            a_broadcast_without_permission needs Broadcast,
        }
        groups {
            members_hear_what_is_sent_to_the_group needs Groups,
            joining_and_leaving_twice needs Groups,
            what_is_not_a_group needs Groups,
            a_group_of_another_family needs Groups,
            a_port_that_is_opened_again_has_left needs Groups,
        }
        panics {
            a_panic_closes_the_port_alone,
            a_panic_as_it_starts,
            a_panic_in_a_call_of_its_own,
            a_drop_that_panics,
        }
        pausing {
            paused_in_the_middle_of_a_batch,
            paused_and_resumed_by_its_owner,
            paused_and_closed,
        }
        weak {
            timers_of_its_own,
            a_call_in_a_callback_comes_before_the_next_datagram,
            a_call_from_each_call_leaves_the_loop_to_others,
            no_call_once_it_was_stopped,
        }
    } };
}

/// A test of each case, over the way that is called `TheWay` one module further out.
#[doc(hidden)]
#[macro_export]
macro_rules! __datagram_tests {
    ($($module:ident { $($case:ident $(needs $need:ident)*),+ $(,)? })+) => { $(
        mod $module { $(
            #[test]
            fn $case() {
                $crate::datagrams::case(concat!(stringify!($module), "::", stringify!($case)))
                    .run($crate::datagrams::Kind::of::<super::TheWay>());
            }
        )+ }
    )+ };
}

macro_rules! all_cases {
    ($($module:ident { $($case:ident $(needs $need:ident)*),+ $(,)? })+) => {
        pub(super) static CASES: &[Case] = &[$($(
            Case {
                name: concat!(stringify!($module), "::", stringify!($case)),
                needs: &[$(Ability::$need),*],
                body: cases::$module::$case,
            },
        )+)+];
    };
}

__datagram_cases! { all_cases! }
