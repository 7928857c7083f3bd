//! The examples with programs from outside the project, and on a system whose calls fail: the files
//! in `tests/interop`, each a list of tests.

use std::path::Path;
use std::process::Command;

use crate::program::{example, has};

fn with_others(file: &str) {
    if !has("python3") {
        return;
    }
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop");
    let examples = example("echo");
    let examples = Path::new(examples.get_program()).parent();
    let mut tests = Command::new("python3");
    tests.arg(directory.join(file));
    tests.arg(examples.expect("a directory with all examples"));
    tests.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let output = tests.output().expect("python3 starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{file}:\n{said}");
}

#[test]
fn harness() {
    with_others("harness.py");
}

#[test]
fn amp() {
    with_others("amp.py");
}

#[test]
fn starttls() {
    with_others("starttls.py");
}

#[test]
fn starttls_proxy() {
    with_others("starttls_proxy.py");
}

#[test]
fn starttls_clients() {
    with_others("starttls_clients.py");
}

#[test]
fn starttls_page() {
    with_others("starttls_page.py");
}

#[test]
fn starttls_databases() {
    with_others("starttls_databases.py");
}

#[test]
fn tls() {
    with_others("tls.py");
}

#[test]
fn smtp() {
    with_others("smtp.py");
}

#[test]
fn smtp_extensions() {
    with_others("smtp_extensions.py");
}

/// Postfix and Dovecot change users, which systems of the UNIX family alone have.
#[cfg(unix)]
#[test]
fn mail_clients() {
    with_others("mail_clients.py");
}

#[test]
fn pop3() {
    with_others("pop3.py");
}

#[test]
fn imap() {
    with_others("imap.py");
}

#[test]
fn imap_evil() {
    with_others("imap_evil.py");
}

#[test]
fn ftp() {
    with_others("ftp.py");
}

#[test]
fn faults() {
    with_others("faults.py");
}
