//! The architecture, held by a test: which way the dependencies point, how long a file may get, and
//! what no crate may do.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The folder of the project.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests are in a folder of the project")
}

/// What `cargo metadata` says about the workspace and all that it depends on.
struct Metadata(Value);

impl Metadata {
    fn read() -> Metadata {
        let mut command = Command::new(env!("CARGO"));
        // Of this platform alone: what only others need has not been downloaded on a fresh machine.
        command.args([
            "metadata",
            "--format-version=1",
            "--all-features",
            "--offline",
            "--filter-platform",
            "host-tuple",
        ]);
        let output = command.current_dir(root()).output().expect("cargo runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Metadata(serde_json::from_slice(&output.stdout).expect("cargo speaks JSON"))
    }

    fn packages(&self) -> impl Iterator<Item = &Value> {
        self.0["packages"].as_array().into_iter().flatten()
    }

    fn package(&self, name: &str) -> &Value {
        self.packages()
            .find(|package| package["name"] == name)
            .unwrap_or_else(|| panic!("no package {name}"))
    }

    /// The names of what the package names itself as a dependency that its users get too.
    fn dependencies(&self, name: &str) -> BTreeSet<&str> {
        let dependencies = self.package(name)["dependencies"]
            .as_array()
            .into_iter()
            .flatten();
        let normal = dependencies.filter(|dependency| dependency["kind"].is_null());
        normal
            .filter_map(|dependency| dependency["name"].as_str())
            .collect()
    }

    /// The names of all that its users get with it.
    fn reachable(&self, name: &str) -> BTreeSet<&str> {
        let nodes = self.0["resolve"]["nodes"]
            .as_array()
            .expect("a resolved graph");
        let mut reached = BTreeSet::new();
        let mut waiting = vec![&self.package(name)["id"]];
        while let Some(id) = waiting.pop() {
            if !reached.insert(id.as_str()) {
                continue;
            }
            let node = nodes
                .iter()
                .find(|node| node["id"] == *id)
                .expect("a node for every package");
            for dependency in node["deps"].as_array().into_iter().flatten() {
                let mut kinds = dependency["dep_kinds"].as_array().into_iter().flatten();
                if kinds.any(|kind| kind["kind"].is_null()) {
                    waiting.push(&dependency["pkg"]);
                }
            }
        }
        let names = self
            .packages()
            .filter(|package| reached.contains(&package["id"].as_str()));
        names
            .filter_map(|package| package["name"].as_str())
            .collect()
    }

    fn members(&self) -> Vec<&Value> {
        let ids = self.0["workspace_members"].as_array().expect("members");
        self.packages()
            .filter(|package| ids.contains(&package["id"]))
            .collect()
    }
}

#[test]
fn the_dependencies_point_one_way() {
    let metadata = Metadata::read();
    let ours = |name| -> BTreeSet<&str> {
        let all = metadata.dependencies(name).into_iter();
        all.filter(|name| name.starts_with("retwist")).collect()
    };
    assert_eq!(ours("retwist-reactor"), BTreeSet::new());
    assert_eq!(
        ours("retwist-protocols"),
        BTreeSet::from(["retwist-reactor"])
    );
    assert_eq!(ours("retwist-tls"), BTreeSet::from(["retwist-reactor"]));
    assert_eq!(
        ours("retwist-deferred"),
        BTreeSet::from(["retwist-reactor"])
    );
    assert_eq!(
        ours("retwist-operations"),
        BTreeSet::from(["retwist-deferred", "retwist-protocols", "retwist-reactor"])
    );
    assert_eq!(
        ours("retwist-conformance"),
        BTreeSet::from(["retwist-protocols", "retwist-reactor"])
    );
    assert!(
        !metadata
            .dependencies("retwist")
            .contains("retwist-conformance"),
        "the suite is for tests alone"
    );
}

/// The first thing that a newcomer sees is how long it compiles.
#[test]
fn the_first_command_compiles_few_crates() {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root());
    command.args(["tree", "--offline", "--package=starttls"]);
    command.args(["--edges=normal,build", "--prefix=none", "--no-dedupe"]);
    let output = command.output().expect("cargo runs");
    let crates: BTreeSet<_> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split(" (").next().map(str::to_owned))
        .collect();
    let has = |name: &str| crates.iter().any(|it| it.starts_with(name));
    assert!(has("retwist ") && has("rustls "), "{crates:?}");
    assert!(crates.len() <= 60, "{}: {crates:?}", crates.len());
}

#[test]
fn the_reactor_does_not_know_tls() {
    let reachable = Metadata::read();
    let reachable = reachable.reachable("retwist-reactor");
    assert!(reachable.contains("mio"));
    for unwanted in [
        "rustls",
        "aws-lc-rs",
        "ring",
        "rustls-pki-types",
        "retwist-tls",
    ] {
        assert!(
            !reachable.contains(unwanted),
            "the reactor depends on {unwanted}"
        );
    }
}

#[test]
fn only_the_reactor_knows_the_system() {
    let metadata = Metadata::read();
    for name in [
        "retwist-deferred",
        "retwist-protocols",
        "retwist-tls",
        "retwist-conformance",
        "retwist-operations",
        "retwist",
    ] {
        for unwanted in ["mio", "socket2", "libc", "signal-hook", "signal-hook-mio"] {
            assert!(
                !metadata.dependencies(name).contains(unwanted),
                "{name} depends on {unwanted}"
            );
        }
    }
}

#[test]
fn every_crate_keeps_the_lints() {
    let read = |path: &Path| {
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let root = root();
    assert!(read(&root.join("Cargo.toml")).contains("unsafe_code = \"forbid\""));
    for member in Metadata::read().members() {
        let manifest = PathBuf::from(member["manifest_path"].as_str().expect("a path"));
        assert!(
            read(&manifest).contains("[lints]\nworkspace = true"),
            "{}",
            manifest.display()
        );
    }
}

#[test]
fn no_file_is_long() {
    const LONGEST: usize = 500;
    let mut long = Vec::new();
    for file in sources(root()) {
        let text = fs::read_to_string(&file).expect("a source file is text");
        let lines = text.lines().count();
        if lines > LONGEST {
            long.push(format!("{} has {lines} lines", file.display()));
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

/// What is in backticks in a text and has a slash in it, without spaces, is a path from here.
#[test]
fn the_paths_that_are_described_exist() {
    for name in ["ARCHITECTURE.md", "README.md"] {
        let text = fs::read_to_string(root().join(name)).expect("a text");
        let quoted = text.split('`').skip(1).step_by(2);
        let is_path = |text: &str| {
            let of_a_path = |letter: char| letter.is_alphanumeric() || "/._-".contains(letter);
            text.contains('/') && text.chars().all(of_a_path)
        };
        let paths: Vec<_> = quoted.filter(|text| is_path(text)).collect();
        assert!(paths.len() > 5, "{name}: {paths:?}");
        for path in paths {
            assert!(root().join(path).exists(), "{name} describes {path}");
        }
    }
}

#[test]
fn each_floor_uses_only_what_is_below_it() {
    for folder in ["deferred/src", "reactor/src", "tls/src"] {
        let plan = FloorPlan::read(&root().join(folder));
        let breaches = plan.breaches();
        assert!(breaches.is_empty(), "{folder}:\n{}", breaches.join("\n"));
    }
}

/// The floor plan of a crate, as its `lib.rs` states it in a comment, one floor a line:
///
/// ```text
/// //! 2  stream, seat   what the modules on this floor are
/// ```
///
/// A floor is a number, two spaces, the top-level modules with commas between them, and at least
/// three spaces before the description. A module may use those on its own floor and below.
struct FloorPlan {
    folder: PathBuf,
    /// The floor of each top-level module.
    floors: BTreeMap<String, u32>,
    /// The module of each name that `lib.rs` exports from one.
    exports: BTreeMap<String, String>,
}

impl FloorPlan {
    fn read(folder: &Path) -> FloorPlan {
        let lib = fs::read_to_string(folder.join("lib.rs")).expect("a crate has a lib.rs");
        let mut floors = BTreeMap::new();
        for line in lib.lines() {
            let Some((floor, rest)) = line
                .strip_prefix("//! ")
                .and_then(|line| line.split_once("  "))
            else {
                continue;
            };
            let (Ok(floor), Some((modules, _))) = (floor.parse(), rest.split_once("   ")) else {
                continue;
            };
            for module in modules.split(", ") {
                floors.insert(module.trim().to_owned(), floor);
            }
        }
        let mut plan = FloorPlan {
            folder: folder.to_owned(),
            floors,
            exports: BTreeMap::new(),
        };
        for path in paths_after(&code(&lib), "use ") {
            if let [module, .., name] = &path[..]
                && plan.floors.contains_key(module)
            {
                plan.exports.insert(name.clone(), module.clone());
            }
        }
        plan
    }

    /// Every use of a floor from below it, and every module that the plan does not know.
    fn breaches(&self) -> Vec<String> {
        let mut breaches = Vec::new();
        for file in sources(&self.folder) {
            let place = file.strip_prefix(&self.folder).expect("it was found there");
            let place = place.with_extension("");
            let mut modules: Vec<_> = place.iter().map(|part| part.to_string_lossy()).collect();
            if modules.last().is_some_and(|name| name == "mod") {
                modules.pop();
            }
            if modules[0] == "lib" || modules.last().is_some_and(|name| name == "tests") {
                continue;
            }
            let Some(floor) = self.floors.get(&*modules[0]) else {
                breaches.push(format!("{} is on no floor of the plan", modules[0]));
                continue;
            };
            let text = code(&fs::read_to_string(&file).expect("a source file is text"));
            // `super` leads out of the top-level module if it stands there as often as this.
            let out = "super::".repeat(modules.len());
            let used = paths_after(&text, "crate::")
                .into_iter()
                .chain(paths_after(&text, &out));
            for path in used {
                let module = self.module_of(&path[0]);
                match module.and_then(|module| self.floors.get(module)) {
                    Some(used) if used <= floor => {}
                    Some(_) => breaches.push(format!(
                        "{} uses {}, which is above it",
                        place.display(),
                        path.join("::")
                    )),
                    None => breaches.push(format!(
                        "{} uses {}, which is on no floor of the plan",
                        place.display(),
                        path.join("::")
                    )),
                }
            }
        }
        breaches
    }

    fn module_of<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        if self.floors.contains_key(name) {
            return Some(name);
        }
        self.exports.get(name).map(String::as_str)
    }
}

/// What the compiler reads of a source file: no comments, and no tests at its end.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = text.lines();
    let code = lines.map(|line| line.split_once("//").map_or(line, |(code, _)| code));
    code.collect::<Vec<_>>().join("\n")
}

/// The paths that stand after `start`, each with its segments; `{a, b::c}` is two.
fn paths_after(text: &str, start: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices(start) {
        // `xcrate::` is another word, and `super::super::` another place than `super::`.
        let before = text[..at].chars().next_back();
        if before.is_none_or(|before| !before.is_alphanumeric() && !"_:".contains(before)) {
            read_path(&text[at + start.len()..], &[], &mut found);
        }
    }
    found
}

/// Reads one path, or one list of paths in braces; returns what follows it.
fn read_path<'a>(text: &'a str, before: &[String], found: &mut Vec<Vec<String>>) -> &'a str {
    let mut path = before.to_vec();
    let mut text = text.trim_start();
    loop {
        if let Some(list) = text.strip_prefix('{') {
            text = list;
            while !text.trim_start().starts_with('}') && !text.trim().is_empty() {
                text = read_path(text, &path, found).trim_start();
                text = text.strip_prefix(',').unwrap_or(text);
            }
            return text.trim_start().strip_prefix('}').unwrap_or_default();
        }
        let raw = text.strip_prefix("r#").unwrap_or(text);
        let end = raw.find(|c: char| !c.is_alphanumeric() && c != '_');
        let (name, rest) = raw.split_at(end.unwrap_or(raw.len()));
        if !name.is_empty() {
            path.push(name.to_owned());
        }
        match rest.strip_prefix("::") {
            Some(rest) => text = rest,
            None => {
                found.push(path);
                // `as name`, `*`, or the next item of a list.
                return rest.find([',', '}', ';']).map_or("", |end| &rest[end..]);
            }
        }
    }
}

#[test]
fn the_floor_plan_is_understood() {
    let text =
        code("use crate::{a::B, c::{D, e::*}, F as G}; // crate::comment\nlet x = crate::h::i(1);");
    let paths: Vec<_> = paths_after(&text, "crate::")
        .iter()
        .map(|path| path.join("::"))
        .collect();
    assert_eq!(paths, ["a::B", "c::D", "c::e", "F", "h::i"]);
    let up = paths_after("use super::a; use super::super::b;", "super::super::");
    assert_eq!(up, [["b"]]);
    let mut plan = FloorPlan::read(&root().join("deferred/src"));
    assert_eq!(plan.floors["deferreds"], 1);
    assert_eq!(plan.module_of("Spawner"), Some("async"));
    plan.floors.insert("deferreds".into(), 5);
    assert!(
        !plan.breaches().is_empty(),
        "the ground floor is on top now"
    );
}

/// All source files of the project.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder that can be read") {
        let path = entry.expect("an entry that can be read").path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(sources(&path));
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    found
}
