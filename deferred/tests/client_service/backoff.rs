//! How long a service waits.

use std::time::Duration;

use retwist_deferred::ServiceState;

use crate::world::{SECOND, World};

#[test]
fn it_waits_longer_after_each_failure_and_begins_anew_after_a_success() {
    let world = World::new();
    world.service.start();
    for wait in [2, 4, 8, 16, 32, 60, 60] {
        world.refuse();
        assert_eq!(world.state(), ServiceState::Waiting);
        world.pass(SECOND * wait - Duration::from_millis(1));
        assert_eq!(world.state(), ServiceState::Waiting);
        world.pass(Duration::from_millis(1));
        assert_eq!(world.state(), ServiceState::Connecting);
    }
    let pair = world.succeed();
    world.pass(SECOND * 30);
    pair.server().abort_connection();
    pair.run();
    world.pass(SECOND);
    world.refuse();
    world.pass(SECOND * 2);
    assert_eq!(world.state(), ServiceState::Connecting);
}

/// A server that is overloaded, or refuses this client by its address.
#[test]
fn a_server_that_accepts_and_drops_is_asked_less_and_less_often() {
    let world = World::new();
    world.service.start();
    for wait in [2, 4, 8, 16, 32, 60, 60] {
        let pair = world.succeed();
        assert_eq!(world.state(), ServiceState::Connected);
        pair.server().lose_connection();
        pair.run();
        assert_eq!(world.state(), ServiceState::Waiting);
        world.pass(SECOND * wait - Duration::from_millis(1));
        assert_eq!(world.state(), ServiceState::Waiting);
        world.pass(Duration::from_millis(1));
        assert_eq!(world.state(), ServiceState::Connecting);
    }
    // One that the protocol calls a success is one, however short.
    let pair = world.succeed();
    world.service.reset_delay();
    pair.server().lose_connection();
    pair.run();
    world.pass(SECOND);
    assert_eq!(world.state(), ServiceState::Connecting);
    // The word does not hold for the next one.
    let pair = world.succeed();
    pair.server().lose_connection();
    pair.run();
    world.pass(SECOND);
    assert_eq!(world.state(), ServiceState::Waiting);
}
