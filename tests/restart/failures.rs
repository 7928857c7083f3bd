//! The new version fails, at each step, and the one before goes on.

use std::fs;

use rustix::process::Signal;

use crate::installed::{Installed, under_load};
use crate::service::{self, Service, said};

#[test]
fn one_that_cannot_be_started() {
    under_load("absent", |installed, service| {
        fs::remove_file(installed.path()).unwrap();
        service.signal(Signal::USR2);
        let why = service.logs(said("the restart has failed"));
        assert!(why.contains("this program goes on"), "{why}");
        installed.is_replaced(service);
    });
}

#[test]
fn one_that_exits_before_it_is_ready_with_its_reason() {
    under_load("exits", |installed, service| {
        installed.install(Some("echo 'a mistake in the configuration' >&2; exit 3"));
        service.signal(Signal::USR2);
        service.logs(said("a mistake in the configuration"));
        let why = service.logs(said("the restart has failed"));
        assert!(why.contains("code 3"), "{why}");
    });
}

#[test]
fn one_that_is_killed_before_it_is_ready_and_a_restart_in_the_middle_of_a_restart() {
    under_load("hangs", |installed, service| {
        installed.install(Some("exec sleep 1000"));
        service.signal(Signal::USR2);
        service.logs(said("restarting: "));
        service.signal(Signal::USR2);
        service.logs(said("there is one under way"));
        service::signal_to(service.successor(), Signal::KILL);
        service.logs(said("the restart has failed"));
        installed.is_replaced(service);
    });
}

#[test]
fn one_that_is_stopped_before_its_new_version_is_ready_leaves_none_behind() {
    let installed = Installed::new("stopped");
    let service = Service::start_at(installed.path(), &["tcp:0:interface=127.0.0.1"]);
    installed.install(Some("exec sleep 1000"));
    service.signal(Signal::USR2);
    service.logs(said("restarting: "));
    let successor = service.successor();
    service.stop();
    service::wait_for_end(successor);
}

#[test]
fn sockets_that_the_environment_makes_up_are_said() {
    let installed = Installed::new("lies");
    let service = Service::start_at(installed.path(), &["tcp:0:interface=127.0.0.1"]);
    for (script, said_of_it) in [
        ("export LISTEN_FDS=9; ECHO \"$@\"", "LISTEN_FDNAMES"),
        ("export RETWIST_READY_FD=x; ECHO \"$@\"", "RETWIST_READY_FD"),
        ("export RETWIST_READY_FD=1; ECHO \"$@\"", "RETWIST_READY_FD"),
        ("export RETWIST_READY_FD=99; ECHO \"$@\"", "descriptor 99"),
        ("export LISTEN_FDS=x; ECHO \"$@\"", "LISTEN_FDS is \"x\""),
        (
            "export LISTEN_FDS=90; unset LISTEN_FDNAMES; ECHO \"$@\"",
            "handed over cannot be had",
        ),
        ("exec 3<&-; ECHO \"$@\"", "handed over cannot be had"),
    ] {
        installed.install(Some(script));
        service.signal(Signal::USR2);
        service.logs(said(said_of_it));
        service.logs(said("the restart has failed"));
    }
    service.stop();
}

/// What should be a socket is none: the new version opens its own, which it cannot have. What it should hear from
/// the one before it never hears.
#[test]
fn sockets_that_are_none_are_not_taken() {
    let installed = Installed::new("none");
    let service = Service::start_at(installed.path(), &["tcp:0:interface=127.0.0.1"]);
    let address = service.address();
    let script = format!("exec 3</dev/null; ECHO tcp:{address}");
    let script = script.replace(
        &address.to_string(),
        &format!("{}:interface=127.0.0.1", address.port()),
    );
    installed.install(Some(&script));
    service.signal(Signal::USR2);
    service.logs(said("in use"));
    service.logs(said("the restart has failed"));
    service.stop();
}

/// Of three versions, the third would serve beside the first if that went on.
#[test]
fn a_restart_of_the_new_version_before_it_serves_is_refused() {
    under_load("third", |_, service| {
        service.signal(Signal::USR2);
        service.logs(said("the new program is ready"));
        let successor = service.successor();
        service::signal_to(successor, Signal::USR2);
        service.logs(said("has not given over yet"));
        service.logs(said("the new program has taken over"));
        service.takes_over(successor);
        service.restart();
    });
}

#[test]
fn a_restart_of_the_old_version_that_drains_is_refused() {
    under_load("drains", |_, service| {
        let before = service.pid();
        service.restart();
        service::signal_to(before, Signal::USR2);
        // As soon as it has begun to drain, since it drains; before, since this restart is not over.
        service.logs(said("no restart: "));
    });
}
