use std::cell::Cell;
use std::time::Duration;

/// How long to wait before a receiver is asked again whose queue was full, and of which the system
/// tells nothing: hardly at first, since it may read this very moment, and then ever longer.
#[derive(Default)]
pub(super) struct Patience {
    refusals: Cell<u32>,
}

const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(16);

impl Patience {
    /// It has taken something.
    pub(super) fn renew(&self) {
        self.refusals.set(0);
    }

    pub(super) fn next_pause(&self) -> Duration {
        let refusals = self.refusals.get();
        self.refusals.set(refusals.saturating_add(1).min(16));
        match refusals.checked_sub(1) {
            None => Duration::ZERO,
            Some(doublings) => (SHORTEST * 2_u32.pow(doublings)).min(LONGEST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_to_a_bound_and_begins_anew() {
        let patience = Patience::default();
        for _ in 0..2 {
            let pauses: Vec<_> = (0..20).map(|_| patience.next_pause().as_millis()).collect();
            assert_eq!(pauses[..7], [0, 1, 2, 4, 8, 16, 16]);
            assert_eq!(pauses[19], 16);
            patience.renew();
        }
    }
}
