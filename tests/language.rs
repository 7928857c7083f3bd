//! The language of the documentation, the comments, the messages and the names: active, present
//! tense, and with the acting thing as the subject. Words in which people stand for things are
//! found here.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Words, and what to write in their place. They are found in any case of letters, across the end
/// of a line, and in names such as `harms_nobody`.
const WORDS: [(&[&str], &str); 14] = [
    (
        &["nobody"],
        "name the thing: no peer, no caller, no other task",
    ),
    (
        &["whoever"],
        "name the thing: the protocol that, the caller",
    ),
    (&["somebody"], "name the thing: a peer, another program"),
    (&["anybody"], "name the thing: any peer, any caller"),
    (&["for", "ever"], "say what does not happen: it never ends"),
    (&["none", "if"], "`None` if, or: by default, without"),
    (&["whom"], "name the thing: the peer that, the sender of"),
    (&["any", "more"], "no longer, or: nothing more, no further"),
    (&["so", "many"], "this many, at most this many"),
    (&["own", "accord"], "unasked, by itself"),
    (&["in", "vain"], "say what does not come of it"),
    (
        &["is", "waited", "for"],
        "say what waits: the close waits for",
    ),
    (
        &["are", "waited", "for"],
        "say what waits: the close waits for",
    ),
    (&["and", "is", "none"], "is not one, is malformed"),
];

/// `which is no X`, with the words that make it good English behind it.
const IS_NO: [&str; 5] = ["which", "that", "what", "this", "it"];
const BEHIND_IS_NO: [&str; 10] = [
    "longer", "more", "less", "better", "worse", "such", "other", "need", "room", "limit",
];

/// All files of these kinds below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the project") {
        let path = entry.expect("an entry of it").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || name == "target" {
            continue;
        }
        if path.is_dir() {
            files(&path, found);
        } else if ["md", "rs", "py", "toml", "sh"]
            .iter()
            .any(|kind| path.extension() == Some(kind.as_ref()))
        {
            found.push(path);
        }
    }
}

/// A word of a text.
struct Word<'a> {
    line: usize,
    text: &'a str,
    /// Between it and the word before there is nothing but spaces, the end of a line with the
    /// beginning of a comment, or an underscore.
    follows: bool,
}

fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut follows = true;
    for (number, line) in text.lines().enumerate() {
        let mut at = 0;
        while let Some(start) = line[at..].find(char::is_alphanumeric) {
            let start = at + start;
            let end = line[start..].find(|letter: char| !letter.is_alphanumeric());
            let end = end.map_or(line.len(), |end| start + end);
            follows &= is_between(&line[at..start]);
            words.push(Word {
                line: number + 1,
                text: &line[start..end],
                follows,
            });
            (at, follows) = (end, true);
        }
        follows &= is_between(&line[at..]);
    }
    words
}

fn is_between(text: &str) -> bool {
    text.chars()
        .all(|letter| letter.is_whitespace() || "/!#*_".contains(letter))
}

/// Whether these words stand here. Of `None if`, a guard in code, the first letter is a capital.
fn stand_here(wanted: &[&str], here: &[Word<'_>]) -> bool {
    here[1..].iter().all(|word| word.follows)
        && wanted.iter().zip(here).all(|(wanted, word)| {
            if *wanted == "none" {
                word.text == *wanted
            } else {
                word.text.eq_ignore_ascii_case(wanted)
            }
        })
}

/// Whether these four words say of a thing that it is "no" other thing.
fn is_no_thing(here: &[Word<'_>]) -> bool {
    here[1..].iter().all(|word| word.follows)
        && IS_NO
            .iter()
            .any(|what| here[0].text.eq_ignore_ascii_case(what))
        && ["is", "are"].contains(&here[1].text)
        && here[2].text == "no"
        && !BEHIND_IS_NO.contains(&here[3].text)
}

/// Whether this line of code begins an arm of a `match` of nothing but a boolean.
fn is_arm_of_a_boolean(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("true =>") || line.starts_with("false =>")
}

#[test]
fn words_in_which_people_stand_for_things_are_not_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests are in a folder of the project");
    let mut all = Vec::new();
    files(root, &mut all);
    assert!(all.len() > 100, "the files of the project are not found");
    let mut complaints = String::new();
    for path in all {
        let name = path
            .strip_prefix(root)
            .unwrap_or(&path)
            .display()
            .to_string();
        if name == "tests/language.rs" {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a text");
        let words = words(&text);
        for (wanted, better) in WORDS {
            for here in words.windows(wanted.len()) {
                if stand_here(wanted, here) {
                    let (line, wanted) = (here[0].line, wanted.join(" "));
                    writeln!(complaints, "{name}:{line}: {wanted:?} ({better})").expect("a string");
                }
            }
        }
        for here in words.windows(4).filter(|here| is_no_thing(here)) {
            let (line, what, thing) = (here[0].line, here[0].text, here[3].text);
            writeln!(complaints, "{name}:{line}: {what} is no {thing} (is not a)")
                .expect("a string");
        }
        if path.extension() == Some("rs".as_ref()) {
            for (number, line) in text.lines().enumerate() {
                if is_arm_of_a_boolean(line) {
                    writeln!(
                        complaints,
                        "{name}:{}: `match` of a boolean (if)",
                        number + 1
                    )
                    .expect("a string");
                }
            }
        }
    }
    assert!(complaints.is_empty(), "\n{complaints}");
}

#[test]
fn they_are_found_across_lines_and_in_names() {
    let found = |wanted: &[&str], text: &str| {
        let words = words(text);
        words
            .windows(wanted.len())
            .any(|here| stand_here(wanted, here))
    };
    assert!(found(&["nobody"], "a slow reader harms_nobody()"));
    assert!(found(&["nobody"], "Nobody."));
    assert!(found(
        &["for", "ever"],
        "    /// It waits for\n    /// ever."
    ));
    assert!(found(
        &["none", "if"],
        "/// The limit; none if it is not set."
    ));
    assert!(found(&["any", "more"], "it does not listen any\n// more"));
    let is_no = |text: &str| words(text).windows(4).any(is_no_thing);
    assert!(is_no("a file that is no socket is there"));
    assert!(!is_no("a port that is no longer open"));
    assert!(is_arm_of_a_boolean("    true => 1,"));
    assert!(!is_arm_of_a_boolean("    (true, _) => 1,"));
    assert!(!found(&["for", "ever"], "for every connection"));
    assert!(!found(
        &["none", "if"],
        "None if self.is_closed() => return,"
    ));
}
