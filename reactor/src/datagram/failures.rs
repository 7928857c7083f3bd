use std::collections::VecDeque;

use crate::{Address, SendError, SendFailure};

/// The sends that failed and have not been told yet.
///
/// Invariant: at most [`MOST`] entries, however many datagrams they stand for.
#[derive(Default)]
pub(crate) struct Failures {
    pending: VecDeque<SendFailure>,
}

const MOST: usize = 256;

impl Failures {
    pub(crate) fn add(&mut self, to: Option<Address>, error: SendError) {
        let full = self.pending.len() >= MOST;
        match self.pending.back_mut() {
            Some(last) if full || (last.to == to && last.error.is_like(&error)) => last.count += 1,
            _ => self.pending.push_back(SendFailure {
                to,
                error,
                count: 1,
            }),
        }
    }

    pub(crate) fn next(&mut self) -> Option<SendFailure> {
        self.pending.pop_front()
    }

    pub(crate) fn clear(&mut self) {
        self.pending.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(port: u16) -> Option<Address> {
        Some(Address::Udp(([192, 0, 2, 1], port).into()))
    }

    #[test]
    fn failures_that_are_alike_are_one() {
        let mut failures = Failures::default();
        for port in [1, 1, 2, 1] {
            failures.add(place(port), SendError::Stopped);
        }
        failures.add(place(1), SendError::TooLong(70_000));
        let told: Vec<_> = std::iter::from_fn(|| failures.next())
            .map(|failure| (failure.to, failure.count))
            .collect();
        assert_eq!(
            told,
            [(place(1), 2), (place(2), 1), (place(1), 1), (place(1), 1)]
        );
    }

    #[test]
    fn what_is_too_much_to_tell_is_counted() {
        let mut failures = Failures::default();
        for port in 0..1000 {
            failures.add(place(port), SendError::Stopped);
        }
        let told: Vec<_> = std::iter::from_fn(|| failures.next()).collect();
        assert_eq!(told.len(), MOST);
        assert_eq!(
            told.iter().map(|failure| failure.count).sum::<usize>(),
            1000
        );
    }
}
