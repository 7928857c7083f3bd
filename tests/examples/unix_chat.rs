//! The chat whose members hand each other open files.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{Program, has, run};

/// A folder that goes when this is dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// The name tells it from those of other tests.
    pub(crate) fn new(name: &str) -> Folder {
        let name = format!("retwist-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn room(folder: &Folder) -> (Program, String) {
    let place = folder.path("room");
    let room = Program::start("unix_chat", &[&format!("unix:{place}:mode=600")]);
    assert_eq!(room.place(), place);
    (room, format!("unix:{place}"))
}

#[test]
fn members_talk_and_hand_over_files() {
    let folder = Folder::new("unix-chat");
    let (room, place) = room(&folder);
    let (ann, mut to_ann) = Program::with_input("unix_chat", &["--join", "ann", &place]);
    assert_eq!(ann.line(), "* ann has come");
    let (bob, mut to_bob) = Program::with_input("unix_chat", &["--join", "bob", &place]);
    assert_eq!(bob.line(), "* bob has come");
    assert_eq!(ann.line(), "* bob has come");
    writeln!(to_ann, "hello").unwrap();
    assert_eq!(ann.line(), "<ann> hello");
    assert_eq!(bob.line(), "<ann> hello");

    let notes = folder.path("notes");
    fs::write(&notes, "the first line\nand another\n").unwrap();
    writeln!(to_ann, "/send {notes}\n/send {notes}\n/send {notes}.not").unwrap();
    for _ in 0..2 {
        assert_eq!(bob.line(), "* ann sends notes");
        assert_eq!(
            bob.line(),
            "  notes: 27 bytes, begins with \"the first line\""
        );
    }
    let mistake = ann.line();
    assert!(mistake.contains("notes.not cannot be opened"), "{mistake}");
    // Nothing of another kind is read, be it without end.
    writeln!(to_bob, "/send /dev/zero").unwrap();
    assert_eq!(ann.line(), "* bob sends zero");
    assert_eq!(ann.line(), "  zero: no regular file");
    let fifo = folder.path("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    writeln!(to_bob, "/send {fifo}").unwrap();
    assert_eq!(ann.line(), "* bob sends fifo");
    assert_eq!(ann.line(), "  fifo: no regular file");

    drop(to_ann);
    assert_eq!(bob.line(), "* ann has left");
    assert_eq!(ann.exit_code(), Some(0));
    let leftover = folder.path("room");
    assert!(Path::new(&leftover).exists());
    room.stop();
    assert!(!Path::new(&leftover).exists());
    assert_eq!(bob.exit_code(), Some(0));
}

#[test]
fn a_client_in_python_hands_files_over_both_ways() {
    if !has("python3") {
        return;
    }
    let folder = Folder::new("unix-chat-python");
    let (room, place) = room(&folder);
    let (ann, mut to_ann) = Program::with_input("unix_chat", &["--join", "ann", &place]);
    assert_eq!(ann.line(), "* ann has come");
    let notes = folder.path("notes");
    fs::write(&notes, "from ann\n").unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/interop/unix_chat.py");
    let mut python = Command::new("python3");
    python.args([script, &folder.path("room"), &folder.path("room")]);
    let python = Program::run(python);
    for line in [
        "* pia has come",
        "<pia> first in one piece",
        "* pia sends passed.txt",
        "  passed.txt: 12 bytes, begins with \"from python\"",
        "* pia sends again.txt",
        "  again.txt: 12 bytes, begins with \"from python\"",
    ] {
        assert_eq!(ann.line(), line);
    }
    writeln!(to_ann, "/send {notes}").unwrap();
    assert_eq!(python.line(), "got notes: from ann");
    assert_eq!(python.exit_code(), Some(0));
    // One that hands over far more than it says is thrown out, and the room goes on.
    assert_eq!(ann.line(), "* pia has left");
    assert_eq!(ann.line(), "* eve has come");
    assert_eq!(ann.line(), "* eve has left");
    writeln!(to_ann, "still here").unwrap();
    assert_eq!(ann.line(), "<ann> still here");
    room.stop();
}

#[test]
fn help_and_mistakes() {
    let output = run("unix_chat", &["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\nUsage: unix_chat ") && text.contains("\nunix:PATH"));
    let folder = Folder::new("unix-chat-mistakes");
    let (_room, place) = room(&folder);
    let (_ann, _input) = Program::with_input("unix_chat", &["--join", "ann", &place]);
    assert_eq!(_ann.line(), "* ann has come");
    let (file, long) = (folder.path("file"), folder.path(&"x".repeat(120)));
    fs::write(&file, "").unwrap();
    for (arguments, said, code) in [
        (&["--nonsense"][..], "invalid option '--nonsense'", 2),
        (
            &["--join", "a b"],
            "a name has 1 to 16 letters and digits",
            2,
        ),
        (
            &["--join", "bob", "unix:/x", "unix:/y"],
            "joins one room",
            2,
        ),
        (&[&place], "another program uses it", 2),
        (
            &[&format!("unix:{file}")],
            "a file that is not a socket is there",
            2,
        ),
        (
            &[&format!("unix:{}", folder.path("no/folder"))],
            "its folder does not exist",
            2,
        ),
        (
            &[&format!("unix:{long}")],
            "is not the path of a UNIX socket",
            2,
        ),
        (
            &["--join", "bob", &format!("unix:{file}.not")],
            "cannot connect",
            1,
        ),
        (&["--join", "ann", &place], "that name is taken", 1),
    ] {
        let output = run("unix_chat", arguments);
        let said_it = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said_it}");
        assert!(
            said_it.contains(said) && said_it.lines().count() == 1,
            "{said_it}"
        );
        assert!(output.stdout.is_empty());
    }
}
