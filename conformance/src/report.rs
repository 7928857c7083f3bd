//! What is said about cases beside what their tests say.

use std::fmt;
use std::io::{self, Write};

/// Says on the error output that a case was left out: also in a test that passes, whose output its
/// harness keeps to itself.
pub(crate) fn left_out(case: &str, kind: &dyn fmt::Debug, why: fmt::Arguments<'_>) {
    let line = format!("left out: {case} over {kind:?}, {why}\n");
    // Not `eprintln`, which the harness captures.
    io::stderr().write_all(line.as_bytes()).ok();
}

/// Writes the name of a type without the modules that its parts are in: `Layered<Tls, Memory>`.
pub(crate) fn write_short(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    let parts = name.split_inclusive(['<', '>', ',', ' ']);
    parts
        .map(|part| part.rsplit("::").next().unwrap_or(part))
        .try_for_each(|part| f.write_str(part))
}
