use std::thread;

use super::list::CASES;
use super::{Ability, CUTS, How, Kind};
use crate::report;

/// One case of the suite: something that protocols rely on, over any kind of transport.
#[derive(Debug)]
pub struct Case {
    pub(super) name: &'static str,
    pub(super) cuts: Cuts,
    pub(super) needs: &'static [Ability],
    pub(super) body: fn(Kind, How),
}

/// How the input of a case is cut. The names are those of the modules that its tests are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(non_camel_case_types, reason = "they are names of modules too")]
pub(super) enum Cuts {
    /// Not at all.
    whole,
    /// To pieces of each size of [`CUTS`], one after the other.
    at_every_cut,
    /// As the case likes, which cuts by itself.
    any,
}

/// All cases, in the order of their modules.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    CASES.iter()
}

/// The case of this name, such as `"closing::closing_twice_is_once"`.
///
/// # Panics
/// Panics if there is none of that name.
#[track_caller]
pub fn case(name: &str) -> &'static Case {
    let case = cases().find(|case| case.name == name);
    case.unwrap_or_else(|| panic!("the suite has no case {name:?}; `cases` lists them"))
}

impl Case {
    /// The module it is in, and what it says: `"closing::closing_twice_is_once"`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns what a kind must do for the case to mean anything. Over one that does not, it is left out.
    pub fn needs(&self) -> &'static [Ability] {
        self.needs
    }

    /// Runs it over this kind, for each cut that it is about. It panics if a rule does not hold, and
    /// the error output has the kind and the cut. Over a kind that lacks what it
    /// [needs](Case::needs), it says so on the error output, even where a test harness captures
    /// that.
    pub fn run(&self, kind: Kind) {
        if let Some(missing) = self.needs.iter().find(|need| !kind.can(**need)) {
            report::left_out(self.name, &kind, format_args!("which cannot {missing}"));
            return;
        }
        let cuts = match self.cuts {
            Cuts::whole | Cuts::any => &[usize::MAX],
            Cuts::at_every_cut => &CUTS[..],
        };
        for cut in cuts {
            let _context = Context {
                case: self,
                kind,
                cut: *cut,
            };
            (self.body)(kind, How::cut(*cut));
        }
    }
}

/// Says what fails.
struct Context<'a> {
    case: &'a Case,
    kind: Kind,
    cut: usize,
}

impl Drop for Context<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprint!("{} failed over {:?}", self.case.name, self.kind);
            match self.cut {
                usize::MAX => eprintln!(),
                cut => eprintln!(", with input in pieces of {cut}"),
            }
        }
    }
}
