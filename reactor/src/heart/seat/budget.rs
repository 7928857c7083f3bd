use std::cell::Cell;

/// How many callbacks a seat has made in this pass of the loop.
///
/// Code of an application can make a callback be due in each callback: it gives bytes back and
/// resumes, or two protocols switch each other in. Such a connection must not keep the loop from the
/// others, so the number of its calls in one pass has a limit, and it goes on in the next one. The bytes that
/// one read brings are delivered straight and do not count: the read bounds them.
#[derive(Default)]
pub(super) struct Budget {
    pass: Cell<u8>,
    made: Cell<u8>,
}

/// Callbacks of one connection in one pass, reads aside.
const CALLS_PER_PASS: u8 = 64;

impl Budget {
    /// Takes one callback of those of this pass; false if none is left.
    pub(super) fn take(&self, pass: u8) -> bool {
        if self.pass.replace(pass) != pass {
            self.made.set(0);
        }
        let has_left = self.made.get() < CALLS_PER_PASS;
        if has_left {
            self.made.set(self.made.get() + 1);
        }
        has_left
    }
}
