//! Three instances behind a balancer, set up by one command: one is drained, one restarted, one killed, under
//! load, and each failed request is counted.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::program::{example, has};

/// What each step of the rehearsal has counted.
fn rehearse(balancer: &str) -> Vec<Value> {
    let run = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/three/run");
    let programs = example("echo").get_program().to_owned();
    let folder = std::path::Path::new(&programs).parent().unwrap();
    let mut command = Command::new("python3");
    command
        .args([run, "--rehearse", "--json", "--balancer", balancer])
        // A machine that is busy with other tests takes its time to ask for health.
        .args(["--notice", "10", "--clients", "6", "--requests", "100"])
        .arg("--examples")
        .arg(folder)
        .stdin(Stdio::null());
    let output = command.output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{complaints}");
    assert!(!complaints.contains(" ERROR "), "{complaints}");
    let table: Value = serde_json::from_str(&told).unwrap();
    table.as_array().unwrap().clone()
}

fn no_request_fails_but_what_was_in_flight(balancer: &str) {
    if !has(balancer) || !has("python3") {
        return;
    }
    let table = rehearse(balancer);
    let steps: Vec<_> = table
        .iter()
        .map(|row| row["step"].as_str().unwrap())
        .collect();
    let expected = [
        "all serve",
        "drain a",
        "start a again",
        "restart b",
        "kill c",
    ];
    assert_eq!(steps, expected);
    for row in &table {
        let count = |name: &str| row[name].as_u64().unwrap();
        // Of each kind, after the step.
        assert!(count("requests") >= 200, "{row}");
        if row["step"] == "kill c" {
            assert!(count("failed") <= count("in_flight"), "{row}");
            assert_eq!(count("beyond"), 0, "{row}");
        } else {
            assert_eq!((count("failed"), count("repeated")), (0, 0), "{row}");
        }
    }
}

#[test]
fn haproxy_asks_for_health() {
    no_request_fails_but_what_was_in_flight("haproxy");
}

#[test]
fn nginx_is_told() {
    no_request_fails_but_what_was_in_flight("nginx");
}
