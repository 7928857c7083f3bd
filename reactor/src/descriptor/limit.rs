use std::fmt;
use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many descriptors this process may have: each connection takes one. `None`: any number.
///
/// It is returned by [`raise_descriptor_limit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DescriptorLimit {
    /// Before.
    pub before: Option<u64>,
    /// From now on.
    pub now: Option<u64>,
}

impl fmt::Display for DescriptorLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DescriptorLimit { before, now } = self;
        let count = |limit: &Option<u64>| match limit {
            Some(limit) => limit.to_string(),
            None => "any number of".to_owned(),
        };
        if before == now {
            return write!(f, "{} descriptors are allowed", count(now));
        }
        let (before, now) = (count(before), count(now));
        write!(f, "{now} descriptors are allowed; {before} were before")
    }
}

/// Raises the limit of descriptors of this process to the highest that it may set itself, and says in the
/// log (info) what it is now. A server calls it once, before it listens.
///
/// The soft limit, 1024 on most systems, is that low for the sake of programs that wait with `select`(2),
/// which knows no higher numbers. A reactor does not. The hard limit is what an administrator sets:
/// `LimitNOFILE=` of a unit of systemd, `ulimit -Hn` in a shell. Child processes inherit the new limit: one
/// that uses `select` is to be started with its own.
///
/// The error says that the system refuses: the limit is as it was, and a server may go on.
///
/// ```
/// # use retwist_reactor as retwist;
/// if let Err(error) = retwist::raise_descriptor_limit() {
///     log::warn!("the limit of descriptors stays as it is: {error}");
/// }
/// ```
pub fn raise_descriptor_limit() -> io::Result<DescriptorLimit> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let mut limit = DescriptorLimit {
        before: current,
        now: current,
    };
    if current != maximum {
        limit.now = raise_to(maximum)?;
    }
    log::info!("{limit}");
    Ok(limit)
}

fn raise_to(maximum: Option<u64>) -> io::Result<Option<u64>> {
    let set = |current| {
        let limit = Rlimit { current, maximum };
        setrlimit(Resource::Nofile, limit).map(|()| current)
    };
    // macOS names no hard limit, and takes none above this one (`OPEN_MAX`, which the crate libc lacks:
    // `setrlimit`(2)).
    #[cfg(target_vendor = "apple")]
    let outcome = set(maximum).or_else(|_| set(Some(10_240)));
    #[cfg(not(target_vendor = "apple"))]
    let outcome = set(maximum);
    Ok(outcome?)
}
