use std::time::{Duration, Instant};

/// Whether, how often and how fast workers that have failed are replaced: what
/// [`Workers::replacing`](super::Workers::replacing) takes.
///
/// The first time, a worker is replaced at once. If it fails again, there is a pause before each further
/// replacement, which doubles each time: so a worker that dies as soon as it is there does not keep a
/// core busy with dying. One that has served for as long as the longest pause begins anew.
///
/// Where each worker has a socket of its own, what connects to that of a worker that is not there waits
/// for the next one, during the pause too. With
/// [`Balance::ByConnections`](super::Balance::ByConnections) the other workers serve it at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacing {
    at_most: u32,
    first_pause: Duration,
    longest_pause: Duration,
}

impl Default for Replacing {
    /// Ten times in a row, with pauses from 1 s to 60 s.
    fn default() -> Self {
        Replacing {
            at_most: 10,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
        }
    }
}

impl Replacing {
    /// How often a worker is replaced that fails again and again; then it is given up, and the others
    /// go on without it. Default 10.
    #[must_use]
    pub fn at_most(self, times_in_a_row: u32) -> Self {
        Replacing {
            at_most: times_in_a_row,
            ..self
        }
    }

    /// The pause before the second replacement in a row, and the longest one. Default 1 s and 60 s.
    #[must_use]
    pub fn pauses(self, first: Duration, longest: Duration) -> Self {
        Replacing {
            first_pause: first,
            longest_pause: longest.max(first),
            ..self
        }
    }
}

/// How a place for a worker has fared.
#[derive(Default)]
pub(super) struct Record {
    replaced_in_a_row: u32,
    /// When the worker that is there began to serve.
    began: Option<Instant>,
}

impl Record {
    pub(super) fn begins(&mut self, now: Instant) {
        self.began = Some(now);
    }

    /// The worker has failed: the pause before it is replaced. `None`: it is given up.
    pub(super) fn fails(&mut self, now: Instant, how: &Replacing) -> Option<Duration> {
        let began = self.began.take();
        let served = began.map(|began| now.saturating_duration_since(began));
        if served.is_some_and(|served| served >= how.longest_pause) {
            self.replaced_in_a_row = 0;
        }
        if self.replaced_in_a_row >= how.at_most {
            return None;
        }
        let pause = match self.replaced_in_a_row {
            0 => Duration::ZERO,
            before => {
                let factor = 2_u32.saturating_pow(before - 1);
                how.first_pause
                    .saturating_mul(factor)
                    .min(how.longest_pause)
            }
        };
        self.replaced_in_a_row += 1;
        Some(pause)
    }

    pub(super) fn replaced_in_a_row(&self) -> u32 {
        self.replaced_in_a_row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_then_it_is_given_up() {
        let how = Replacing::default()
            .at_most(5)
            .pauses(Duration::from_secs(2), Duration::from_secs(10));
        let (mut record, now) = (Record::default(), Instant::now());
        let pauses: Vec<_> = std::iter::from_fn(|| {
            record.begins(now);
            record.fails(now, &how)
        })
        .map(|pause| pause.as_secs())
        .collect();
        assert_eq!(pauses, [0, 2, 4, 8, 10]);
    }

    #[test]
    fn a_worker_that_has_served_for_long_begins_anew() {
        let how = Replacing::default().at_most(1);
        let (mut record, mut now) = (Record::default(), Instant::now());
        for _ in 0..3 {
            record.begins(now);
            now += Duration::from_secs(60);
            assert_eq!(record.fails(now, &how), Some(Duration::ZERO));
        }
        // Its set-up has failed: it has not served.
        assert_eq!(record.fails(now + Duration::from_secs(3600), &how), None);
    }

    #[test]
    fn numbers_of_any_size_are_no_panic() {
        let how = Replacing::default()
            .at_most(u32::MAX)
            .pauses(Duration::MAX, Duration::ZERO);
        let mut record = Record::default();
        for _ in 0..100 {
            assert!(record.fails(Instant::now(), &how).is_some());
        }
    }
}
