use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::taken;
use crate::InheritedError;

/// Tells of the descriptors that a program shares with the one before it: at this number it says that it is
/// ready, at the next it hears that it is to accept, and at the one after that it reads what was handed over.
pub(crate) const VARIABLE: &str = "RETWIST_READY_FD";
/// How far behind the first of them that with the bytes is.
pub(crate) const BYTES: RawFd = 2;

type Make = Arc<dyn Fn() -> Option<Vec<u8>> + Send + Sync>;

/// What this program hands over, by name.
static OFFERED: Mutex<BTreeMap<String, Make>> = Mutex::new(BTreeMap::new());
/// What the program before this one has handed over.
static HANDED: Mutex<Handed> = Mutex::new(Handed::Unread);

/// What is evil here is what the bytes are: secrets. Another process sees the environment and files, so the
/// bytes go through a pipe, which has one reader and keeps nothing; and they are kept no longer than until the
/// program is ready, when all that wants them has asked.
enum Handed {
    Unread,
    Read(BTreeMap<String, Item>),
    Failed(InheritedError),
    Over,
}

struct Item {
    bytes: Vec<u8>,
    was_asked_for: bool,
}

fn locked<T>(what: &'static Mutex<T>) -> MutexGuard<'static, T> {
    // No code of the application runs under a lock.
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on, each [`Restart`](crate::Restart) hands these bytes to the new version of the program, which
/// gets them by the same name from [`handed_over`]: what has to outlive the program and no other process may
/// see, such as the keys of session tickets.
///
/// A restart calls `bytes` in the thread of the reactor that restarts, each time that it starts a new program.
/// `None` means that nothing is left, and that the name is forgotten. Of two calls with one name, the
/// second counts. What a program has got it does not hand on by itself.
///
/// ```
/// # use retwist_reactor as retwist;
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let before = retwist::handed_over("visitors")?;
/// let before = before.and_then(|bytes| Some(u64::from_be_bytes(bytes.try_into().ok()?)));
/// let visitors = Arc::new(AtomicU64::new(before.unwrap_or(0)));
/// let counted = Arc::downgrade(&visitors);
/// retwist::hand_over("visitors", move || {
///     let visitors = counted.upgrade()?.load(Ordering::Relaxed);
///     Some(visitors.to_be_bytes().into())
/// });
/// # Ok(()) }
/// ```
pub fn hand_over(
    name: impl Into<String>,
    bytes: impl Fn() -> Option<Vec<u8>> + Send + Sync + 'static,
) {
    let before = locked(&OFFERED).insert(name.into(), Arc::new(bytes));
    drop(before);
}

/// What the program that this one replaces has handed over by this name: see [`hand_over`]. `None` if there is
/// no such program, or it had nothing of this name.
///
/// It waits until that program has sent all. Ask before the reactor has started: what this program has not asked for
/// by then is dropped, and the log says so.
pub fn handed_over(name: &str) -> Result<Option<Vec<u8>>, InheritedError> {
    let mut handed = locked(&HANDED);
    if let Handed::Unread = *handed {
        *handed = match read() {
            Ok(read) => Handed::Read(read),
            Err(error) => Handed::Failed(error),
        };
    }
    match &mut *handed {
        Handed::Failed(error) => Err(error.clone()),
        Handed::Read(items) => Ok(items.get_mut(name).map(|item| {
            item.was_asked_for = true;
            item.bytes.clone()
        })),
        Handed::Unread | Handed::Over => Ok(None),
    }
}

/// The program is ready: what it has not asked for it does not want.
pub(crate) fn close() {
    let before = std::mem::replace(&mut *locked(&HANDED), Handed::Over);
    match before {
        // The program before this one need not keep it.
        Handed::Unread => drop(descriptor()),
        Handed::Read(items) => {
            for (name, _) in items.iter().filter(|(_, item)| !item.was_asked_for) {
                log::info!(
                    "the program before this one has handed over {name:?}, and this one does not ask for it"
                );
            }
        }
        Handed::Failed(_) | Handed::Over => {}
    }
}

/// All that this program hands over just now, as [`parse`] reads it.
pub(crate) fn offered() -> Vec<u8> {
    let all = locked(&OFFERED).clone();
    let mut items = Vec::new();
    for (name, make) in all {
        match make() {
            Some(bytes) => items.push((name, bytes)),
            None => forget(&name, &make),
        }
    }
    written(&items)
}

fn forget(name: &str, make: &Make) {
    let mut offered = locked(&OFFERED);
    // Another may have come meanwhile.
    let is_same = |now: &Make| Arc::ptr_eq(now, make);
    let forgotten = if offered.get(name).is_some_and(is_same) {
        offered.remove(name)
    } else {
        None
    };
    drop(offered);
    drop(forgotten);
}

fn written(items: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut all = Vec::new();
    let number = |number: usize| (number as u64).to_be_bytes();
    all.extend(number(items.len()));
    for (name, bytes) in items {
        for part in [name.as_bytes(), bytes] {
            all.extend(number(part.len()));
            all.extend(part);
        }
    }
    all
}

/// What was written, unless it is cut off.
fn parse(mut rest: &[u8]) -> Option<BTreeMap<String, Item>> {
    let mut items = BTreeMap::new();
    for _ in 0..number(&mut rest)? {
        let name = String::from_utf8(part(&mut rest)?.to_vec()).ok()?;
        let item = Item {
            bytes: part(&mut rest)?.to_vec(),
            was_asked_for: false,
        };
        items.insert(name, item);
    }
    rest.is_empty().then_some(items)
}

fn number(rest: &mut &[u8]) -> Option<usize> {
    let (number, others) = rest.split_first_chunk()?;
    *rest = others;
    u64::from_be_bytes(*number).try_into().ok()
}

fn part<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = number(rest)?;
    let (part, others) = rest.split_at_checked(length)?;
    *rest = others;
    Some(part)
}

fn read() -> Result<BTreeMap<String, Item>, InheritedError> {
    let Some((number, mut pipe)) = descriptor()? else {
        return Ok(BTreeMap::new());
    };
    let mut bytes = Vec::new();
    let failed = |error| InheritedError::Failed(number, Arc::new(error));
    pipe.read_to_end(&mut bytes).map_err(failed)?;
    parse(&bytes).ok_or_else(|| failed(io::ErrorKind::UnexpectedEof.into()))
}

/// The pipe with the bytes, if another program waits for this one.
fn descriptor() -> Result<Option<(RawFd, File)>, InheritedError> {
    let Some(ready) = ready()? else {
        return Ok(None);
    };
    let number = ready + BYTES;
    Ok(Some((number, taken::take_once(number)?.into())))
}

/// The number of the descriptor at which the program before this one waits, if there is one.
pub(crate) fn ready() -> Result<Option<RawFd>, InheritedError> {
    let Some(value) = std::env::var_os(VARIABLE) else {
        return Ok(None);
    };
    if !super::is_for_this_process() {
        // It was meant for the program that has started this one.
        return Ok(None);
    }
    let text = value.to_string_lossy();
    let number = text.parse().ok();
    // With room for the others.
    let number = number.filter(|number| (3..RawFd::MAX - BYTES).contains(number));
    let malformed = || InheritedError::Malformed(VARIABLE, text.into_owned());
    number.map(Some).ok_or_else(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_over_is_read_and_what_is_cut_off_is_not() {
        let items = [
            ("keys".to_owned(), vec![0, 1, 2]),
            (String::new(), Vec::new()),
            ("large".to_owned(), vec![7; 100_000]),
        ];
        for count in 0..=items.len() {
            let bytes = written(&items[..count]);
            let read = parse(&bytes).unwrap();
            let read: Vec<_> = read
                .into_iter()
                .map(|(name, item)| (name, item.bytes))
                .collect();
            let mut expected = items[..count].to_vec();
            expected.sort();
            assert_eq!(read, expected);
            let cuts =
                (0..bytes.len().min(200)).chain(bytes.len().saturating_sub(200)..bytes.len());
            for cut in cuts {
                assert!(parse(&bytes[..cut]).is_none(), "{cut}");
            }
        }
        for lie in [&[0xff; 8][..], &[0xff; 64], &[1; 9]] {
            assert!(parse(lie).is_none());
        }
    }

    #[test]
    fn what_has_gone_is_forgotten_and_the_last_of_a_name_counts() {
        let kept = Arc::new(vec![1]);
        hand_over("twice", || Some(vec![9]));
        let weak = Arc::downgrade(&kept);
        hand_over("twice", move || weak.upgrade().map(|kept| kept.to_vec()));
        let offered_now = || {
            parse(&offered())
                .unwrap()
                .remove("twice")
                .map(|item| item.bytes)
        };
        assert_eq!(offered_now(), Some(vec![1]));
        drop(kept);
        assert_eq!(offered_now(), None);
        assert!(!locked(&OFFERED).contains_key("twice"));
    }
}
