/// This many bytes, in an order in which a loss, a repetition or an exchange shows.
pub fn pattern(count: usize) -> Vec<u8> {
    pattern_from(0, count)
}

/// The bytes of [`pattern`] from this position on.
pub fn pattern_from(begin: usize, count: usize) -> Vec<u8> {
    (begin..begin + count).map(|at| (at % 251) as u8).collect()
}
