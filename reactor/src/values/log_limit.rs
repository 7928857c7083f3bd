use std::cell::Cell;
use std::time::{Duration, Instant};

/// Limits how often a line is logged that a peer can provoke: once a second at most. The line that
/// comes next says how many were left out.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::LogLimit;
///
/// let limit = LogLimit::default();
/// for _ in 0..1000 {
///     if let Some(others) = limit.admit() {
///         eprintln!("a connection is refused{others}");
///     }
/// }
/// ```
#[derive(Debug, Default)]
pub struct LogLimit {
    last: Cell<Option<Instant>>,
    left_out: Cell<usize>,
}

/// How many lines were left out since the one before. Empty in text if there were none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut(pub usize);

impl LogLimit {
    /// Whether the line may be logged now, and how many were left out before it.
    pub fn admit(&self) -> Option<LeftOut> {
        self.admit_at(Instant::now())
    }

    fn admit_at(&self, now: Instant) -> Option<LeftOut> {
        let recent = |last: Instant| now.duration_since(last) < Duration::from_secs(1);
        if self.last.get().is_some_and(recent) {
            self.left_out.set(self.left_out.get() + 1);
            return None;
        }
        self.last.set(Some(now));
        Some(LeftOut(self.left_out.replace(0)))
    }
}

impl std::fmt::Display for LeftOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            0 => Ok(()),
            count => write!(f, " ({count} more since the last such line)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_a_second_with_a_count() {
        let limit = LogLimit::default();
        let start = Instant::now();
        let at = |millis| limit.admit_at(start + Duration::from_millis(millis));
        assert_eq!(at(0), Some(LeftOut(0)));
        assert_eq!(at(1), None);
        assert_eq!(at(999), None);
        assert_eq!(at(1000), Some(LeftOut(2)));
        assert_eq!(at(1999), None);
        assert_eq!(at(60_000), Some(LeftOut(1)));
        assert_eq!(LeftOut(1).to_string(), " (1 more since the last such line)");
        assert_eq!(LeftOut(0).to_string(), "");
    }
}
