use std::rc::Rc;
use std::time::Duration;

use super::Dialect;

/// How long the peer may take until TLS begins, if nothing else is said.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

/// What both sides of a dialect can be told.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) dialect: Dialect,
    pub(super) name: Rc<str>,
    pub(super) deadline: Duration,
}

impl Settings {
    pub(super) fn new(dialect: Dialect) -> Self {
        Settings {
            dialect,
            name: "localhost".into(),
            deadline: DEADLINE,
        }
    }
}

/// A name that cannot break out of a line or a tag.
pub(super) fn host(name: &str) -> Rc<str> {
    let fits = |c: &char| c.is_ascii_alphanumeric() || "-._[]:".contains(*c);
    let name: String = name.chars().filter(fits).collect();
    name.into()
}
