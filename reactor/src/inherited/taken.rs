use std::collections::BTreeMap;
use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::copy::copy_of;
use crate::InheritedError;

/// The descriptors that were taken over, by the numbers that they had.
///
/// What is evil here is that a number says nothing about whose it is. A descriptor that this program
/// has opened itself is not to be closed under the code that uses it, so only one that is passed on
/// through exec counts as inherited: the standard library opens none that way. And the number is free
/// for others once its descriptor was taken, so that the table, and not the system, knows what it was.
static TAKEN: Mutex<BTreeMap<RawFd, Arc<OwnedFd>>> = Mutex::new(BTreeMap::new());

fn taken() -> MutexGuard<'static, BTreeMap<RawFd, Arc<OwnedFd>>> {
    // No code of the application runs under the lock.
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A copy of a descriptor that the program was started with, by its number, as a shell (`3<file`),
/// inetd or another program gives it.
///
/// The first call takes the descriptor over: no program inherits it that this one starts, and the
/// number is free; 0, 1 and 2 stay open. Each further call returns another copy. A number that was not
/// open, or that this program has opened itself, is an error.
pub fn inherited_descriptor(number: i32) -> Result<OwnedFd, InheritedError> {
    let _ = super::ListenFds::get();
    let is_own = |first: RawFd| (first..=first + super::bytes::BYTES).contains(&number);
    if super::handed::is_for_a_port(number)
        || super::bytes::ready().ok().flatten().is_some_and(is_own)
    {
        // It is this library's affair, and not what the program was started with before.
        return Err(InheritedError::NotOpen(
            number,
            Arc::new(io::ErrorKind::NotFound.into()),
        ));
    }
    let found = take(&[number])?;
    copy(number, &found[0])
}

/// All that were taken over, by their numbers.
pub(super) fn all() -> Vec<(RawFd, Arc<OwnedFd>)> {
    let taken = taken();
    let all = taken.iter();
    all.map(|(number, descriptor)| (*number, descriptor.clone()))
        .collect()
}

/// One that code of this library is to close, and that is not known by its number.
pub(crate) fn take_once(number: RawFd) -> Result<OwnedFd, InheritedError> {
    drop(take(&[number])?);
    take_out(number)
}

/// Closes one that nothing has taken over. Returns whether there was one.
pub(super) fn close_if_not_taken(number: RawFd) -> bool {
    let is_taken = taken().contains_key(&number);
    !is_taken && take_once(number).is_ok()
}

pub(super) fn copy(number: RawFd, descriptor: &OwnedFd) -> Result<OwnedFd, InheritedError> {
    descriptor
        .try_clone()
        .map_err(|error| InheritedError::Failed(number, Arc::new(error)))
}

/// Takes all of them over, or none.
pub(super) fn take(numbers: &[RawFd]) -> Result<Vec<Arc<OwnedFd>>, InheritedError> {
    let mut taken = taken();
    let mut found = Vec::new();
    for &number in numbers {
        found.push(match taken.get(&number) {
            Some(known) => known.clone(),
            None => Arc::new(inherited_copy(number)?),
        });
    }
    for (&number, descriptor) in numbers.iter().zip(&found) {
        if taken.insert(number, descriptor.clone()).is_none() && number > 2 {
            let _ = nix::unistd::close(number);
        }
    }
    Ok(found)
}

/// One that was taken over, for code that is to close it. It is known no more.
pub(super) fn take_out(number: RawFd) -> Result<OwnedFd, InheritedError> {
    let known = taken().remove(&number);
    let known = known
        .ok_or_else(|| InheritedError::NotOpen(number, Arc::new(io::ErrorKind::NotFound.into())))?;
    match Arc::try_unwrap(known) {
        Ok(descriptor) => Ok(descriptor),
        Err(shared) => copy(number, &shared),
    }
}

fn inherited_copy(number: RawFd) -> Result<OwnedFd, InheritedError> {
    if closes_on_exec(number) {
        return Err(InheritedError::OpenedHere(number));
    }
    copy_of(number).map_err(|error| match error.raw_os_error() {
        Some(libc::EBADF) => InheritedError::NotOpen(number, Arc::new(error)),
        _ => InheritedError::Failed(number, Arc::new(error)),
    })
}

/// Whether the descriptor goes when a program is started, as proc(5) tells: then it did not come that
/// way. Where the system does not tell, the answer is no.
fn closes_on_exec(number: RawFd) -> bool {
    if !cfg!(target_os = "linux") {
        return false;
    }
    let flags = || -> io::Result<Option<i32>> {
        let told = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}"))?;
        let octal = told.lines().find_map(|line| line.strip_prefix("flags:"));
        Ok(octal.and_then(|octal| i32::from_str_radix(octal.trim(), 8).ok()))
    };
    flags()
        .ok()
        .flatten()
        .is_some_and(|flags| flags & libc::O_CLOEXEC != 0)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn what_this_program_has_opened_is_not_inherited() {
        if !cfg!(target_os = "linux") {
            return;
        }
        let file = File::open("/dev/null").unwrap();
        let refused = inherited_descriptor(file.as_raw_fd());
        assert!(matches!(refused, Err(InheritedError::OpenedHere(_))));
        assert!(file.metadata().is_ok());
    }

    #[test]
    fn what_is_not_open_is_not_inherited() {
        for number in [-1, 60_000] {
            let refused = inherited_descriptor(number);
            assert!(
                matches!(refused, Err(InheritedError::NotOpen(which, _)) if which == number),
                "{refused:?}"
            );
        }
    }
}
