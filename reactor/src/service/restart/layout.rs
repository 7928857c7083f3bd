use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::attempt::Socket;
use crate::inherited::bytes::BYTES;
use crate::inherited::handed::DESCRIPTOR;

/// The number of the first socket that is passed (`sd_listen_fds`(3)).
const FIRST: i32 = 3;

/// Which descriptor the new program has at which number.
///
/// What is evil here is that the numbers of sockets follow each other, from 3 on, and that a program may know
/// others by their numbers, which its arguments name. These keep their numbers; where one lies between the
/// sockets, it counts as one, under a name of its own.
///
/// ```text
/// 3, 4, …          sockets; among them what the program knows by these numbers
/// anywhere behind  what it knows by its number
/// ready, and two   the pipes of the two programs, where three numbers are free
/// ```
#[derive(Default)]
pub(super) struct Layout {
    /// From [`FIRST`] on.
    pub(super) sockets: Vec<Socket>,
    /// With their numbers, behind them.
    pub(super) others: Vec<Numbered>,
    /// The first of the numbers of the pipes.
    pub(super) ready: i32,
}

pub(super) type Numbered = (i32, Arc<OwnedFd>);

impl Layout {
    pub(super) fn of(sockets: &[Socket], numbered: &[Numbered]) -> Self {
        let at = |number: i32| numbered.iter().find(|(other, _)| *other == number);
        let mut layout = Layout::default();
        let mut free = sockets.iter().cloned().peekable();
        while free.peek().is_some() {
            let next = match at(layout.end()) {
                Some((_, descriptor)) => Some((DESCRIPTOR.to_owned(), descriptor.clone())),
                None => free.next(),
            };
            layout.sockets.extend(next);
        }
        let end = layout.end();
        let behind = numbered.iter().filter(|(number, _)| *number >= end);
        layout.others = behind.cloned().collect();
        let mut ready = end;
        while let Some(taken) = (ready..=ready + BYTES)
            .rev()
            .find(|number| at(*number).is_some())
        {
            ready = taken + 1;
        }
        layout.ready = ready;
        layout
    }

    /// All of them, with their numbers.
    pub(super) fn all(&self) -> impl Iterator<Item = Numbered> {
        let sockets = (FIRST..).zip(&self.sockets);
        let sockets = sockets.map(|(number, (_, socket))| (number, socket.clone()));
        sockets.chain(self.others.iter().cloned())
    }

    fn end(&self) -> i32 {
        FIRST + self.sockets.len() as i32
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn what_is_known_by_its_number_keeps_it_and_sockets_follow_each_other() {
        let null = || Arc::new(OwnedFd::from(File::open("/dev/null").unwrap()));
        for (sockets, numbers, expected, ready) in [
            (0, &[][..], "", 3),
            (2, &[], "3:s 4:s", 5),
            (2, &[3], "3:retwist-handed-descriptor 4:s 5:s", 6),
            (2, &[4, 6], "3:s 4:retwist-handed-descriptor 5:s", 7),
            (1, &[9], "3:s", 4),
            (1, &[5, 9, 10], "3:s", 6),
            (0, &[3], "", 4),
            (0, &[5, 8], "", 9),
        ] {
            let sockets: Vec<_> = (0..sockets).map(|_| ("s".to_owned(), null())).collect();
            let numbered: Vec<_> = numbers.iter().map(|number| (*number, null())).collect();
            let layout = Layout::of(&sockets, &numbered);
            let named = (FIRST..).zip(&layout.sockets);
            let named: Vec<_> = named
                .map(|(number, (name, _))| format!("{number}:{name}"))
                .collect();
            assert_eq!(named.join(" "), expected);
            assert_eq!(layout.ready, ready, "{numbers:?}");
            for (number, descriptor) in &numbered {
                let same =
                    |(other, kept): Numbered| other == *number && Arc::ptr_eq(&kept, descriptor);
                assert!(layout.all().any(same), "{number} of {numbers:?}");
            }
            assert_eq!(layout.all().count(), sockets.len() + numbered.len());
        }
    }
}
