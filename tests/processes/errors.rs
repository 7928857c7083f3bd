//! What keeps a program from running, said when it is started.

use std::error::Error;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use retwist::ChildDescriptor::{Inherit, SameAs};
use retwist::{Program, SpawnError};

use crate::world::{Record, again, reactor};

#[track_caller]
pub fn error(program: Program) -> SpawnError {
    let (reactor, record) = (reactor(), Record::default());
    let error = reactor
        .spawn_process(program, record.recorder())
        .unwrap_err();
    reactor.iterate(std::time::Duration::ZERO).unwrap();
    assert!(record.events().is_empty(), "{:?}", record.events());
    error
}

/// A file of this mode in a folder of its own.
fn file(name: &str, mode: u32, content: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("retwist-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    path
}

#[test]
fn there_is_no_such_program() {
    for path in [
        "/no/such/program",
        "no-such-program-anywhere",
        "/etc/passwd/program",
        "",
    ] {
        let error = error(Program::new(path));
        assert!(
            matches!(error, SpawnError::NoSuchProgram(..)),
            "{path}: {error:?}"
        );
        assert!(error.source().is_some());
    }
    let script = file("interpreter", 0o755, "#!/no/such/interpreter\n");
    assert!(matches!(
        error(Program::new(script)),
        SpawnError::NoSuchProgram(..)
    ));
}

#[test]
fn there_is_no_such_directory() {
    for path in ["/no/such/directory", "/etc/passwd"] {
        let error = error(Program::new("true").directory(path));
        assert!(
            matches!(error, SpawnError::NoSuchDirectory(..)),
            "{path}: {error:?}"
        );
        assert!(error.to_string().contains(path));
    }
}

#[test]
fn it_is_not_executable() {
    let path = file("plain", 0o644, "#!/bin/sh\n");
    for path in [path.as_os_str(), "/etc".as_ref()] {
        let error = error(Program::new(path));
        assert!(matches!(error, SpawnError::NotExecutable(..)), "{error:?}");
    }
}

#[test]
fn an_argument_has_a_zero_byte() {
    assert!(matches!(
        error(Program::new("true").arg("a\0b")),
        SpawnError::Arguments(_)
    ));
    assert!(matches!(
        error(Program::new("true").env("A", "a\0b")),
        SpawnError::Arguments(_)
    ));
}

#[test]
fn the_arguments_are_too_long() {
    let long = "x".repeat(3_000_000);
    assert!(matches!(
        error(Program::new("true").arg(long)),
        SpawnError::Arguments(_)
    ));
}

#[test]
fn the_descriptors_make_no_sense() {
    let bad = |number: i32, what: retwist::ChildDescriptor| {
        error(Program::new("true").descriptor(number, what))
    };
    for (number, what) in [(5, Inherit), (3, SameAs(7)), (-1, Inherit)] {
        let error = bad(number, what);
        assert!(
            matches!(error, SpawnError::Descriptor(at, _) if at == number),
            "{error:?}"
        );
    }
}

#[test]
fn the_reactor_has_ended() {
    let reactor = reactor();
    let handle = reactor.handle();
    drop(reactor);
    let record = Record::default();
    let error = handle.spawn_process("true", record.recorder()).unwrap_err();
    assert!(matches!(error, SpawnError::ReactorGone));
}

#[test]
fn a_failure_is_told_also_with_descriptors_and_terminals() {
    use retwist::{ChildDescriptor::ChildWrites, WindowSize};

    for number in 3..30 {
        let program = Program::new("/no/such/program").descriptor(number, ChildWrites);
        let error = error(program);
        assert!(
            matches!(error, SpawnError::NoSuchProgram(..)),
            "{number}: {error:?}"
        );
    }
    let program = Program::new("/no/such/program").terminal(WindowSize::default());
    assert!(matches!(error(program), SpawnError::NoSuchProgram(..)));
}

#[test]
fn without_descriptors_nothing_is_started() {
    assert_eq!(
        again("errors::starts_without_descriptors"),
        "nothing is left"
    );
}

#[test]
#[ignore = "runs in a process of its own"]
fn starts_without_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let (reactor, record) = (reactor(), Record::default());
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let open = crate::world::open_files() as u64;
    let mut failures = 0;
    for spare in 0..20 {
        let current = Some(open + spare);
        setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
        match reactor.spawn_process(Program::new("sleep").arg("60"), record.recorder()) {
            Err(SpawnError::TooManyDescriptors(_)) => failures += 1,
            Err(error) => panic!("{error:?}"),
            Ok(_) => break,
        }
        reactor
            .iterate(std::time::Duration::from_millis(10))
            .unwrap();
        setrlimit(
            Resource::Nofile,
            Rlimit {
                current: maximum,
                maximum,
            },
        )
        .unwrap();
        assert_eq!(crate::world::open_files() as u64, open);
        assert_eq!(crate::world::children(), 0);
        assert!(record.events().is_empty());
    }
    assert!(failures > 2, "{failures}");
    println!("\n>nothing is left");
}

#[test]
fn another_user() {
    if !rustix::process::geteuid().is_root() {
        let error = error(Program::new("true").uid(0));
        assert!(matches!(error, SpawnError::NotPermitted(_)), "{error:?}");
        return;
    }
    // Root may; a process of that user may not.
    let program = Program::new("sh")
        .arg("-c")
        .arg("id -u; id -g; id -G")
        .uid(65534)
        .gid(65534);
    let record = crate::world::run(program, |_, _| ());
    assert_eq!(record.text(1), "65534\n65534\n65534\n");
}
