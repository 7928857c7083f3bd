//! Names that become parts of paths, so that no name leads out of the mail directory.

use crate::StoreError;

/// What stands between the levels of a mailbox name, here and on the disk.
pub(crate) const SEPARATOR: char = '.';

const MOST_BYTES: usize = 200;

/// A user's name, in lower case.
pub(crate) fn user(name: &str) -> Result<String, StoreError> {
    let is_ok = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '.');
    if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.chars().all(is_ok) {
        return Err(StoreError::BadName(name.into()));
    }
    Ok(name.to_ascii_lowercase())
}

/// A mailbox's name. Letters beyond ASCII come in the modified UTF-7 of RFC 3501 5.1.3, which is plain ASCII.
///
/// INBOX is in capitals, whatever was written. A separator at the end says that children will follow, and is dropped (RFC
/// 3501 6.3.3).
pub(crate) fn mailbox(written: &str) -> Result<String, StoreError> {
    let name = written.strip_suffix(SEPARATOR).unwrap_or(written);
    if name.eq_ignore_ascii_case("INBOX") {
        return Ok("INBOX".into());
    }
    // No path has them, or Windows has none of them in a name, or LIST takes them for patterns.
    let is_bad = |c: char| !(' '..='~').contains(&c) || r#"/\:*?"<>|%"#.contains(c);
    let is_ok = !name.is_empty()
        && name.len() <= MOST_BYTES
        && !name.split(SEPARATOR).any(|level| level.trim().is_empty())
        && !name.chars().any(is_bad);
    if !is_ok {
        return Err(StoreError::BadName(written.into()));
    }
    Ok(name.into())
}
