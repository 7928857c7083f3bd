//! The guide in the documentation: each chapter is in the table of contents and linked to its
//! neighbours, begins with a program and ends with its test. Its code is run as doc tests.

mod layer;
mod tutorial;
#[cfg(unix)]
mod way;

use std::fs;
use std::path::{Path, PathBuf};

/// Pages of the guide that are not chapters.
const REFERENCE: [&str; 1] = ["mistakes"];

fn sources() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    root.expect("the tests are in a folder of the project")
        .join("src")
}

fn contents() -> String {
    fs::read_to_string(sources().join("guide.rs")).expect("the guide")
}

/// The modules of the chapters, in order.
fn chapters() -> Vec<String> {
    let contents = contents();
    let modules = contents
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(" {}"));
    let chapters = modules.filter(|module| !REFERENCE.contains(module));
    let chapters: Vec<_> = chapters.map(str::to_owned).collect();
    assert!(chapters.len() >= 5, "the chapters are not found");
    chapters
}

fn text(chapter: &str) -> String {
    let path = sources().join(format!("guide/{chapter}.md"));
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{chapter}: {error}"))
}

/// The chapters that the table of contents links to, with their titles, in order.
fn linked() -> Vec<(String, String)> {
    let contents = contents();
    let rows = contents.lines().filter(|line| line.starts_with("//! - ["));
    rows.filter_map(|row| {
        let (_, rest) = row.split_once('[')?;
        let (title, rest) = rest.split_once("](")?;
        let (module, _) = rest.split_once(')')?;
        Some((module.to_owned(), title.to_owned()))
    })
    .collect()
}

#[test]
fn the_table_of_contents_has_every_chapter_in_order() {
    let linked: Vec<_> = linked().into_iter().map(|(module, _)| module).collect();
    assert_eq!(linked, chapters());
}

#[test]
fn each_chapter_leads_to_its_neighbours() {
    let chapters = linked();
    for (index, (module, _)) in chapters.iter().enumerate() {
        let link = |word: &str, at: Option<usize>| {
            let (module, title) = chapters.get(at?)?;
            Some(format!("{word}: [{title}](crate::guide::{module})"))
        };
        let parts = [
            link("Previous", index.checked_sub(1)),
            Some("[Contents](crate::guide)".to_owned()),
            link("Next", Some(index + 1)),
        ];
        let expected = parts.into_iter().flatten().collect::<Vec<_>>().join(" · ");
        let text = text(module);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[2], expected, "{module}.md, line 3");
        assert_eq!(
            lines.last(),
            Some(&&*expected),
            "{module}.md, the last line"
        );
    }
}

#[test]
fn each_chapter_begins_with_a_program_and_ends_with_a_test() {
    for module in chapters() {
        let text = text(&module);
        let headings = headings(&text);
        assert_eq!(headings.first(), Some(&"# The program"), "{module}.md");
        assert_eq!(headings.last(), Some(&"# The test"), "{module}.md");
        assert!(
            text.contains("\n*In Twisted's documentation: "),
            "{module}.md does not name its counterpart in Twisted's documentation"
        );
    }
}

/// Two chapters end with a file that needs the suite of rules, which is not a dependency of the crate. The
/// file is a module here, and its tests are tests of this program.
#[test]
fn the_files_for_the_suite_are_those_that_run_here() {
    for (chapter, file) in [
        ("layers", include_str!("layer.rs")),
        ("transports", include_str!("way.rs")),
    ] {
        let shown = format!("\n```ignore\n{file}```\n");
        assert!(text(chapter).contains(&shown), "{chapter}.md");
    }
}

/// The lines of code blocks in documentation that a reader sees, in all crates that `retwist` is made of.
#[test]
fn examples_name_the_crate_that_programs_depend_on() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut complaints = Vec::new();
    for part in ["reactor", "protocols", "deferred", "tls", "conformance"] {
        let mut waiting = vec![root.join(part).join("src")];
        while let Some(folder) = waiting.pop() {
            for entry in fs::read_dir(folder).expect("a folder of the project") {
                let path = entry.expect("an entry of it").path();
                if path.is_dir() {
                    waiting.push(path);
                } else {
                    let text = fs::read_to_string(&path).expect("a text");
                    let lines = shown_code(&text).filter(|line| names_a_part(line));
                    complaints.extend(lines.map(|line| format!("{}: {line}", path.display())));
                }
            }
        }
    }
    assert!(complaints.is_empty(), "{complaints:#?}");
}

fn names_a_part(line: &str) -> bool {
    let parts = ["reactor", "protocols", "deferred", "tls"];
    parts
        .iter()
        .any(|part| line.contains(&format!("retwist_{part}::")))
}

/// The lines of code blocks in comments, without those that are hidden.
fn shown_code(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    text.lines().filter_map(move |line| {
        let line = line.trim_start();
        let line = line.strip_prefix("///").or(line.strip_prefix("//!"));
        let Some(line) = line.map(str::trim_start) else {
            in_code = false;
            return None;
        };
        in_code ^= line.starts_with("```");
        (in_code && !line.starts_with("# ")).then_some(line)
    })
}

/// The headings outside of code, where a line that begins with `#` is hidden.
fn headings(text: &str) -> Vec<&str> {
    let mut in_code = false;
    let outside = text.lines().filter(|line| {
        in_code ^= line.starts_with("```");
        !in_code
    });
    outside.filter(|line| line.starts_with("# ")).collect()
}
