//! The new version fails, at each step, and the one before goes on.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::load::{Load, Plain};
use crate::service::{self, Service, said};

/// A program at a path of its own, which a new version can replace.
struct Installed {
    path: PathBuf,
}

impl Installed {
    fn new(name: &str) -> Self {
        let path = service::scratch(name).join("server");
        let installed = Installed { path };
        installed.install(None);
        installed
    }

    /// Puts another version there: a script, or echo itself.
    fn install(&self, script: Option<&str>) {
        let echo = service::example("echo");
        let script = script.map_or_else(|| "ECHO \"$@\"".to_owned(), |script| script.to_owned());
        // It is told the path of the script as its own: there the next version is.
        let runs = format!("exec -a \"$0\" {}", echo.display());
        let script = script.replace("ECHO", &runs);
        let next = self.path.with_extension("next");
        fs::write(&next, format!("#!/bin/bash\n{script}\n")).unwrap();
        fs::set_permissions(&next, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(&next, &self.path).unwrap();
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

/// Runs it under load, and asserts that the load sees nothing of what `happens`.
fn under_load(name: &str, happens: impl FnOnce(&Installed, &mut Service)) {
    let installed = Installed::new(name);
    let arguments = ["tcp:0:interface=127.0.0.1"];
    let mut service = Service::start_at(installed.path(), &arguments);
    let mut load = Load::of(Plain(service.address()));
    load.begin(5);
    load.fill(20);
    happens(&installed, &mut service);
    load.let_go();
    load.fill(20);
    load.end().assert_whole();
    service.stop();
}

#[test]
fn one_that_cannot_be_started() {
    under_load("absent", |installed, service| {
        fs::remove_file(installed.path()).unwrap();
        service.signal(Signal::USR2);
        let why = service.logs(said("the restart has failed"));
        assert!(why.contains("this program goes on"), "{why}");
        installed.install(None);
        let before = service.pid();
        service.restart();
        assert_ne!(service.pid(), before);
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
        installed.install(None);
        service.restart();
    });
}

#[test]
fn one_that_is_killed_as_soon_as_it_is_ready() {
    under_load("probation", |_, service| {
        service.signal(Signal::USR2);
        service.logs(said("the new program is ready"));
        service::signal_to(service.successor(), Signal::STOP);
        service::signal_to(service.successor(), Signal::KILL);
        let why = service.logs(said("the restart has failed"));
        assert!(why.contains("SIGKILL"), "{why}");
    });
}

#[test]
fn one_that_ends_after_its_probation_is_started_again() {
    let installed = Installed::new("later");
    let arguments = ["tcp:0:interface=127.0.0.1"];
    let mut service = Service::start_at(installed.path(), &arguments);
    let mut load = Load::of(Plain(service.address()));
    // What holds the old one in its drain.
    load.fill(5);
    let before = service.pid();
    service.restart();
    let failed = service.pid();
    service::signal_to(failed, Signal::KILL);
    service.logs(said("is started again"));
    service::wait_for_end(failed);
    service.become_successor_of(before);
    let mut others = Load::of(Plain(service.address()));
    others.fill(20);
    load.let_go();
    service::wait_for_end(before);
    others.let_go();
    others.fill(20);
    load.end().assert_whole();
    others.end().assert_whole();
    service.stop();
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
fn one_with_another_configuration_takes_what_it_wants_and_opens_what_it_needs() {
    let installed = Installed::new("configured");
    let mut service = Service::start_at(installed.path(), &["tcp:0:interface=127.0.0.1"]);
    let path = service::scratch("configured-unix").join("socket");
    let script = format!("ECHO unix:{} --drain 60", path.display());
    installed.install(Some(&script));
    let before = service.pid();
    service.restart();
    service::wait_for_end(before);
    assert!(std::os::unix::net::UnixStream::connect(&path).is_ok());
    assert!(std::net::TcpStream::connect(service.address()).is_err());
    service.stop();
}

#[test]
fn sockets_that_the_environment_makes_up_are_said() {
    let installed = Installed::new("lies");
    let service = Service::start_at(installed.path(), &["tcp:0:interface=127.0.0.1"]);
    for (script, said_of_it) in [
        ("export LISTEN_FDS=9; ECHO \"$@\"", "LISTEN_FDNAMES"),
        ("export RETWIST_READY_FD=x; ECHO \"$@\"", "RETWIST_READY_FD"),
    ] {
        installed.install(Some(script));
        service.signal(Signal::USR2);
        service.logs(said(said_of_it));
        service.logs(said("the restart has failed"));
    }
    service.stop();
}
