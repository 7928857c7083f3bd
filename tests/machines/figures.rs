//! The chapter about figures has each metric that there is, and no other.

use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;
use std::sync::Mutex;
use std::{fs, mem};

use retwist::deferred::ThreadPool;
use retwist::operations::metrics::Exposition;
use retwist::{Worker, Workers};

fn chapter() -> String {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/guide/operating.md");
    fs::read_to_string(guide).unwrap()
}

/// The rows of the table below this heading, as cells.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let text = chapter();
    let (_, below) = text.split_once(&format!("\n# {heading}\n")).unwrap();
    let section = below.split("\n# ").next().unwrap();
    let lines = section.lines().filter(|line| line.starts_with('|'));
    lines
        .skip(2)
        .map(|line| {
            let cells = line.trim_matches('|').split(" | ");
            cells.map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
}

/// The names of the metrics of a reactor that is watched, with a pool of threads and workers.
fn exposed() -> BTreeSet<String> {
    let told = Mutex::new(String::new());
    let set_up = |worker: &Worker| {
        if worker.number() > 0 {
            return Ok(());
        }
        let reactor = (**worker).clone();
        let exposition = Exposition::new(Rc::new(reactor.clone()))?;
        let kept = (ThreadPool::new(&reactor), reactor.watch_loop());
        worker.listen_tcp(([127, 0, 0, 1], 0), |_| Nothing)?;
        // These are there from the first handshake on, and from the first that fails.
        let clock = worker.clock();
        for name in [
            "tls_handshakes",
            "tls_resumptions",
            "tls_failures",
            "tls_peer_alerts",
        ] {
            clock.figures().counter(name);
        }
        exposition.render();
        told.lock().unwrap().clone_from(&exposition.render());
        worker.call_when_running(move || {
            mem::drop(kept);
            reactor.stop();
        });
        Ok(())
    };
    Workers::new(2).run(set_up).unwrap();
    let told = told.into_inner().unwrap();
    let types = told.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .filter_map(|line| Some(line.split_once(' ')?.0.to_owned()))
        .collect()
}

struct Nothing;

impl retwist::Protocol for Nothing {}

/// The names in backquotes in the first column.
fn described() -> BTreeSet<String> {
    let rows = rows("What each figure means");
    let cells = rows
        .iter()
        .flat_map(|row| row[0].split('`').skip(1).step_by(2));
    let names: Vec<_> = cells
        .map(|name| name.split('{').next().unwrap().to_owned())
        .collect();
    let set: BTreeSet<_> = names.iter().cloned().collect();
    assert_eq!(set.len(), names.len(), "a name is there twice: {names:?}");
    set
}

#[test]
fn the_table_has_what_is_exposed() {
    let (described, exposed) = (described(), exposed());
    let missing: Vec<_> = exposed.difference(&described).collect();
    let wrong: Vec<_> = described.difference(&exposed).collect();
    assert!(
        missing.is_empty() && wrong.is_empty(),
        "not in the table: {missing:?}; in it alone: {wrong:?}"
    );
}

#[test]
fn each_symptom_has_what_shows_it_a_cause_and_what_to_do() {
    let rows = rows("Symptoms");
    assert!(rows.len() >= 20, "{} rows", rows.len());
    let exposed = exposed();
    for row in &rows {
        assert_eq!(row.len(), 4, "{row:?}");
        assert!(row.iter().all(|cell| cell.len() > 3), "{row:?}");
        // A metric that a row names is one that there is.
        let quoted = row
            .iter()
            .flat_map(|cell| cell.split('`').skip(1).step_by(2));
        for name in quoted.filter(|name| name.starts_with("retwist_")) {
            let name = name.split('{').next().unwrap();
            assert!(exposed.contains(name), "{name}, in {row:?}");
        }
    }
}
