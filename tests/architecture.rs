//! The architecture, held by a test: which way the dependencies point, how long a file may get, and
//! what no crate may do.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

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
        let output = command
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo runs");
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
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
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
    for file in sources(Path::new(env!("CARGO_MANIFEST_DIR"))) {
        let text = fs::read_to_string(&file).expect("a source file is text");
        let lines = text.lines().count();
        if lines > LONGEST {
            long.push(format!("{} has {lines} lines", file.display()));
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
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
