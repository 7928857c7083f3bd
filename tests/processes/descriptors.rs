//! The descriptors of a child, and its environment.

use std::fs::File;
use std::io::Read;

use retwist::ChildDescriptor::{ChildReads, ChildWrites, Null};
use retwist::{ChildDescriptor, Program};

use crate::world::{Event, again, children, open_files, reactor, run, sh, until};

#[test]
fn any_descriptor_can_be_a_pipe() {
    let program = sh("read line <&5; echo $line >&7; echo seven >&7; echo out")
        .descriptor(5, ChildReads)
        .descriptor(7, ChildWrites);
    let record = run(program, |process, event| {
        if *event == Event::Made {
            process.write_to_child(5, b"five\n");
        }
    });
    assert_eq!(record.text(7), "five\nseven\n");
    assert_eq!(record.text(1), "out\n");
    for number in [0, 1, 2, 5, 7] {
        assert!(record.has(&Event::Lost(number)), "{number}");
    }
}

#[test]
fn a_file_can_be_the_output() {
    let path = std::env::temp_dir().join(format!("retwist-out-{}", std::process::id()));
    let program = sh("echo hello").stdout(File::create(&path).unwrap());
    // It can be started again and again.
    run(program.clone(), |_, _| ());
    run(program, |_, _| ());
    let mut content = String::new();
    File::open(&path)
        .unwrap()
        .read_to_string(&mut content)
        .unwrap();
    assert_eq!(content, "hello\nhello\n");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_descriptor_can_be_for_one_start() {
    let (theirs, mut ours) = std::os::unix::net::UnixStream::pair().unwrap();
    let program = sh("echo socket >&3").descriptor(3, ChildDescriptor::once(theirs));
    run(program.clone(), |_, _| ());
    // No copy is left here, though the program could be started again.
    let mut content = String::new();
    ours.read_to_string(&mut content).unwrap();
    assert_eq!(content, "socket\n");
    let again = crate::errors::error(program);
    assert!(matches!(again, retwist::SpawnError::Descriptor(3, _)));
}

#[test]
fn the_child_has_no_other_descriptor() {
    let _open = File::open("/dev/null").unwrap();
    let list = "ls /proc/self/fd | sort -n";
    // This process may itself have been started with some that do not close at `exec`.
    let bare = std::process::Command::new("sh")
        .args(["-c", list])
        .output()
        .unwrap();
    let bare = String::from_utf8(bare.stdout).unwrap();
    let text = run(sh(list).stdin(Null), |_, _| ()).text(1);
    assert_eq!(text, bare);
    let text = run(sh(list).descriptor(99, ChildReads), |_, _| ()).text(1);
    let more = text
        .lines()
        .filter(|number| !bare.lines().any(|other| other == *number));
    assert_eq!(more.collect::<Vec<_>>(), ["99"]);
}

#[test]
fn the_environment() {
    let show = || {
        Program::new("env")
            .env("RETWIST_ONE", "1")
            .env_remove("RETWIST_TWO")
    };
    let inherited = run(show(), |_, _| ()).text(1);
    assert!(inherited.contains("RETWIST_ONE=1\n") && inherited.contains("PATH="));
    let none = Program::new("/usr/bin/env").env_clear().env("ONLY", "this");
    assert_eq!(run(none, |_, _| ()).text(1), "ONLY=this\n");
}

#[test]
fn directory_and_name() {
    let program = sh("pwd; echo $0").directory("/usr");
    assert_eq!(run(program, |_, _| ()).text(1), "/usr\nsh\n");
    let program = sh("echo $0; cat /proc/$$/cmdline | tr '\\0' ' '").arg0("-other");
    let text = run(program, |_, _| ()).text(1);
    assert!(text.contains("-other -c "), "{text}");
}

#[test]
fn a_group_of_its_own() {
    let group = |program: Program| {
        let text = run(program, |_, _| ()).text(1);
        text.trim().parse::<i32>().unwrap()
    };
    // The group is the fifth field of the process that `cut` runs in.
    let show = || Program::new("cut").args(["-d", " ", "-f", "5", "/proc/self/stat"]);
    let own = rustix::process::getpgrp().as_raw_nonzero().get();
    assert_eq!(group(show()), own);
    assert_ne!(group(show().new_process_group()), own);
}

#[test]
fn lines_go_to_the_log() {
    let record = run(
        sh("echo to the log >&2; echo out").stderr(ChildDescriptor::Log),
        |_, _| (),
    );
    assert_eq!(record.text(1), "out\n");
    assert_eq!(record.text(2), "");
    assert!(record.has(&Event::Lost(2)));
}

#[test]
fn nothing_leaks() {
    assert_eq!(again("descriptors::come_and_go"), "0 more open, 0 children");
}

#[test]
#[ignore = "runs in a process of its own"]
fn come_and_go() {
    let reactor = reactor();
    let mut counts = Vec::new();
    for _ in 0..3 {
        for program in [
            sh("echo hello"),
            sh("exec <&- >&- 2>&-; sleep 0.02"),
            sh("kill -9 $$"),
            sh("sleep 0.05 & exit 0"),
            sh("echo terminal").terminal(retwist::WindowSize::default()),
            sh("echo six >&6").descriptor(6, ChildWrites),
            sh("echo log >&2").stderr(ChildDescriptor::Log),
            sh("echo null").stdout(Null),
        ] {
            let record = crate::world::Record::default();
            reactor.spawn_process(program, record.recorder()).unwrap();
            until(&reactor, || record.ended().is_some());
        }
        for bad in [
            Program::new("/no/such/program"),
            Program::new("true").directory("/no/such"),
        ] {
            reactor
                .spawn_process(bad, crate::world::Record::default().recorder())
                .unwrap_err();
        }
        counts.push(open_files());
    }
    println!(
        "\n>{} more open, {} children",
        counts[2] - counts[0],
        children()
    );
}
