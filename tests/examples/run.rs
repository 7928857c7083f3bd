//! `run`: a program, with the time before each of its lines.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::program::{example, has, run, send_signal};

/// The lines of its output, without the time.
fn lines(output: &Output) -> Vec<String> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines()
        .map(|line| without_time(line).to_owned())
        .collect()
}

#[track_caller]
fn without_time(line: &str) -> &str {
    let (time, rest) = line.split_at_checked(12).expect("a time");
    let form: String = time
        .chars()
        .map(|character| {
            if character.is_ascii_digit() {
                '0'
            } else {
                character
            }
        })
        .collect();
    assert_eq!(form, "00:00:00.000", "{line}");
    &rest[1..]
}

/// Runs it with this on its standard input.
fn fed(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = example("run");
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join();
    output
}

#[test]
fn lines_have_the_time_before_them() {
    let output = run("run", &["sh", "-c", "echo one; echo two; printf three"]);
    assert_eq!(lines(&output), ["| one", "| two", "| three"]);
    assert_eq!(output.status.code(), Some(0));
    let output = run("run", &["sh", "-c", "echo careful >&2"]);
    assert_eq!(lines(&output), ["! careful"]);
}

#[test]
fn it_exits_as_the_program_does() {
    for (script, code) in [
        ("exit 0", 0),
        ("exit 3", 3),
        ("kill -TERM $$", 143),
        ("kill -9 $$", 137),
    ] {
        let output = run("run", &["--", "sh", "-c", script]);
        assert_eq!(output.status.code(), Some(code), "{script}");
    }
    for (program, code, why) in [
        ("/no/such/program", 127, "there is no such program"),
        ("/etc/passwd", 126, "not permitted"),
    ] {
        let output = run("run", &[program]);
        assert_eq!(output.status.code(), Some(code));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(why) && said.lines().count() == 1, "{said}");
    }
}

#[test]
fn its_arguments() {
    let output = run("run", &["--help"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("\nUsage: run ") && output.status.success(),
        "{text}"
    );
    for (arguments, why) in [
        (&["--nonsense"][..], "invalid option"),
        (&["--pty"], "is missing"),
    ] {
        let output = run("run", arguments);
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(why), "{said}");
    }
    // Those of the program are its own.
    let output = run("run", &["--", "echo", "--help", "--pty"]);
    assert_eq!(lines(&output), ["| --help --pty"]);
}

#[test]
fn standard_input_goes_to_the_program() {
    let output = fed(&["sort"], b"b\na\n");
    assert_eq!(lines(&output), ["| a", "| b"]);
    let much = "a line of some length\n".repeat(100_000);
    let output = fed(&["cat"], much.as_bytes());
    assert_eq!(lines(&output).len(), 100_000);
    // A program that does not read it all.
    let output = fed(&["head", "-n", "1"], much.as_bytes());
    assert_eq!(lines(&output), ["| a line of some length"]);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_terminal_if_it_is_asked_for() {
    let without = run("run", &["sh", "-c", "test -t 1 && echo yes || echo no"]);
    assert_eq!(lines(&without), ["| no"]);
    let with = run("run", &["--pty", "sh", "-c", "test -t 1 && echo yes >&2"]);
    assert_eq!(lines(&with), ["| yes"]);
    // The end of input is Ctrl-D there; what is typed is echoed.
    let output = fed(&["--pty", "cat"], b"word\n");
    assert_eq!(lines(&output), ["| word", "| word"]);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn signals_are_passed_on() {
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let mut command = Command::new("env");
        command.arg("--default-signal=INT,TERM,HUP");
        command.arg(example("run").get_program());
        command.args(["sh", "-c", "echo ready; exec sleep 60"]);
        let mut child = command
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        assert_eq!(without_time(line.trim()), "| ready");
        send_signal(child.id(), signal);
        assert_eq!(child.wait().unwrap().code(), Some(code));
    }
}

#[test]
fn a_reader_that_goes_ends_the_program() {
    let script = format!(
        "{} yes | head -n 2; echo ${{PIPESTATUS[0]}}",
        example("run").get_program().display()
    );
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().last(), Some("141"), "{text}");
}

/// Runs it with its output on a disk without room.
fn on_a_full_disk(arguments: &[&str]) -> Output {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut command = example("run");
    command.args(arguments).stdin(Stdio::null()).stdout(full);
    command.output().unwrap()
}

#[test]
fn lines_that_are_lost_are_a_failure() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    // It exits at once, or only when its output is lost for certain.
    for script in [
        "echo lost",
        "echo lost; trap '' PIPE; while echo; do :; done; exit 0",
    ] {
        let output = on_a_full_disk(&["sh", "-c", script]);
        assert_eq!(output.status.code(), Some(1), "{script}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("standard output"), "{said}");
    }
    // What the program says of itself counts more.
    let output = on_a_full_disk(&["sh", "-c", "echo lost; exit 5"]);
    assert_eq!(output.status.code(), Some(5));
}

/// The program has exited, and what it has left behind has its pipes.
#[test]
fn a_signal_ends_the_wait_for_what_the_program_left_behind() {
    let mut command = Command::new("env");
    command.arg("--default-signal=TERM");
    command.arg(example("run").get_program());
    command.args(["sh", "-c", "sleep 60 & echo $! left; exit 3"]);
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    let left = without_time(line.trim()).strip_prefix("| ").unwrap();
    let left = left.strip_suffix(" left").unwrap().parse().unwrap();
    // Until the exit is known, the signal goes to the program, which no longer heeds it.
    let code = loop {
        send_signal(child.id(), "TERM");
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        std::thread::yield_now();
    };
    send_signal(left, "KILL");
    // Ended by the signal, if that came before its own end.
    assert!(matches!(code, Some(3 | 143)), "{code:?}");
}

#[test]
fn under_a_real_terminal() {
    if !has("script") {
        return;
    }
    let run = example("run").get_program().to_string_lossy().into_owned();
    let command = format!("{run} --pty stty size");
    let output = Command::new("script")
        .args([
            "-qec",
            &format!("stty rows 33 cols 99; {command}"),
            "/dev/null",
        ])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("| 33 99"), "{text}");
}
