//! One of the two programs is killed, at each step of a restart.
//!
//! ```text
//! step                                  killed      then
//! --------------------------------------+-----------+--------------------------------------------------------
//! it has not begun                       the new one the old one goes on
//! it takes the sockets over              the new one the old one goes on
//! it is about to say that it is ready    the new one the old one goes on
//! it is ready, and does not accept yet   the new one the old one goes on
//! the same                               the old one the new one serves; what the old one served is lost
//! it serves, and the old one drains      the new one a new one is started, and what waits in the queues is served
//! ```

use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::installed::{Installed, under_load};
use crate::load::{Load, Plain};
use crate::service::{self, Service, said};

/// The old one says why it goes on, and is no worse for it: the next version takes over.
fn goes_on(installed: &Installed, service: &mut Service) {
    let why = service.logs(said("the restart has failed"));
    assert!(why.contains("SIGKILL"), "{why}");
    assert!(why.contains("this program goes on"), "{why}");
    installed.is_replaced(service);
}

#[test]
fn the_new_one_before_it_has_begun() {
    under_load("unborn", |installed, service| {
        installed.install(Some("kill -KILL $$"));
        service.signal(Signal::USR2);
        goes_on(installed, service);
    });
}

/// Where the steps of the program are in time depends on the machine. So it dies at many moments, from its first
/// steps to its time of probation.
#[test]
fn the_new_one_at_any_moment_until_it_serves() {
    under_load("moments", |installed, service| {
        let before = service.pid();
        for step in 0..12 {
            let milliseconds = step * step;
            let script =
                format!("(sleep 0.{milliseconds:03}; kill -KILL $$) 2>/dev/null & ECHO \"$@\"");
            installed.install(Some(&script));
            service.signal(Signal::USR2);
            let why = service.logs(said("the restart has failed"));
            assert!(why.contains("SIGKILL"), "{why}");
            assert_eq!(service.pid(), before);
        }
        installed.is_replaced(service);
    });
}

#[test]
fn the_new_one_as_soon_as_it_is_ready() {
    under_load("probation", |installed, service| {
        service.signal(Signal::USR2);
        service.logs(said("the new program is ready"));
        service::signal_to(service.successor(), Signal::STOP);
        service::signal_to(service.successor(), Signal::KILL);
        goes_on(installed, service);
    });
}

/// What waits in the queue of the port is not lost with the old one, nor is it refused.
#[test]
fn the_old_one_while_the_new_one_waits() {
    let installed = Installed::new("orphan");
    let mut service = Service::start_at(installed.path(), &["tcp:0:interface=127.0.0.1"]);
    let before = service.pid();
    service.signal(Signal::USR2);
    service.logs(said("the new program is ready"));
    let successor = service.successor();
    service::signal_to(before, Signal::STOP);
    // These wait in the queue while none of the two accepts.
    let mut load = Load::of(Plain(service.address()));
    load.begin(20);
    service::signal_to(before, Signal::KILL);
    load.fill(50);
    service.takes_over(successor);
    load.end().assert_whole();
    service.restart();
    service.stop();
}

#[test]
fn the_new_one_again_and_again_while_the_old_one_drains() {
    let installed = Installed::new("later");
    let mut service = Service::start_at(installed.path(), &["tcp:0:interface=127.0.0.1"]);
    let mut load = Load::of(Plain(service.address()));
    // What holds the old one in its drain.
    load.fill(5);
    let before = service.pid();
    service.restart();
    for _ in 0..3 {
        let failed = service.pid();
        service::signal_to(failed, Signal::STOP);
        // These connect, and wait in the queue of the one that is about to die, and of the next.
        let mut waiting = Load::of(Plain(service.address()));
        waiting.begin(5);
        thread::sleep(Duration::from_millis(20));
        service::signal_to(failed, Signal::KILL);
        service.logs(said("is started again"));
        service::wait_for_end(failed);
        service.become_successor_of(before);
        waiting.fill(20);
        waiting.end().assert_whole();
    }
    load.let_go();
    service::wait_for_end(before);
    load.fill(20);
    load.end().assert_whole();
    service.stop();
}
