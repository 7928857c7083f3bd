use std::thread;

use super::list::CASES;
use super::{Ability, Kind, World};
use crate::report;

/// One case of the suite: something that protocols of datagrams rely on, over any kind of port.
#[derive(Debug)]
pub struct Case {
    pub(super) name: &'static str,
    pub(super) needs: &'static [Ability],
    pub(super) body: fn(World),
}

/// All cases, in the order of their modules.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    CASES.iter()
}

/// The case of this name, such as `"delivery::an_echo"`.
///
/// # Panics
/// Panics if there is none of that name.
#[track_caller]
pub fn case(name: &str) -> &'static Case {
    let case = cases().find(|case| case.name == name);
    case.unwrap_or_else(|| panic!("the suite has no case {name:?}; `cases` lists them"))
}

impl Case {
    /// The module it is in, and what it says: `"delivery::an_echo"`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns what a kind must do for the case to mean anything. Over one that does not, it is left out.
    pub fn needs(&self) -> &'static [Ability] {
        self.needs
    }

    /// Runs it over this kind. It panics if a rule does not hold, and the error output has the
    /// kind. Over a kind that lacks what it [needs](Case::needs), it says so on the error output,
    /// even where a test harness captures that.
    pub fn run(&self, kind: Kind) {
        if let Some(missing) = self.needs.iter().find(|need| !kind.facts().can(**need)) {
            report::left_out(self.name, &kind, format_args!("which cannot {missing}"));
            return;
        }
        let _context = Context { case: self, kind };
        (self.body)(World::new(kind));
    }
}

/// Says what fails.
struct Context<'a> {
    case: &'a Case,
    kind: Kind,
}

impl Drop for Context<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{} failed over {:?}", self.case.name, self.kind);
        }
    }
}
