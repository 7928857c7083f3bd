use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::rc::{Rc, Weak};
use std::time::Duration;

use super::ServiceManagerError;
use crate::{Clock, LogLimit};

/// How many notices wait at most for a manager that takes none.
const MOST: usize = 32;
/// How long to wait before the manager is asked again to take one.
const PAUSE: Duration = Duration::from_millis(50);

/// What the manager is told, in order. The loop does not wait for it.
pub(super) struct Notices {
    me: Weak<Notices>,
    socket: UnixDatagram,
    manager: SocketAddr,
    clock: Clock,
    waiting: RefCell<VecDeque<String>>,
    /// A timer tries again.
    trying_again: Cell<bool>,
    failed: LogLimit,
}

impl Notices {
    pub(super) fn to(manager: &OsStr, clock: Clock) -> Result<Rc<Self>, ServiceManagerError> {
        let manager = address(manager)
            .ok_or_else(|| ServiceManagerError::Address(manager.to_string_lossy().into_owned()))?;
        let socket = UnixDatagram::unbound().map_err(ServiceManagerError::Socket)?;
        socket
            .set_nonblocking(true)
            .map_err(ServiceManagerError::Socket)?;
        Ok(Rc::new_cyclic(|me| Notices {
            me: me.clone(),
            socket,
            manager,
            clock,
            waiting: RefCell::default(),
            trying_again: Cell::new(false),
            failed: LogLimit::default(),
        }))
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn tell(&self, notice: &str) {
        if self.waiting.borrow().len() == MOST {
            return self.failed(notice, &io::ErrorKind::WouldBlock.into());
        }
        self.waiting.borrow_mut().push_back(notice.to_owned());
        self.send();
    }

    fn send(&self) {
        loop {
            let next = self.waiting.borrow_mut().pop_front();
            let Some(notice) = next else {
                return;
            };
            match self.socket.send_to_addr(notice.as_bytes(), &self.manager) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.waiting.borrow_mut().push_front(notice);
                    return self.try_again();
                }
                Err(error) => self.failed(&notice, &error),
            }
        }
    }

    fn try_again(&self) {
        if self.trying_again.replace(true) {
            return;
        }
        let me = self.me.clone();
        self.clock.call_later(PAUSE, move || {
            if let Some(me) = me.upgrade() {
                me.trying_again.set(false);
                me.send();
            }
        });
    }

    fn failed(&self, notice: &str, error: &io::Error) {
        if let Some(left_out) = self.failed.admit() {
            log::warn!("the service manager cannot be told {notice}: {error}{left_out}");
        }
    }
}

/// A path from `/` on, or an abstract name with `@` before it.
fn address(text: &OsStr) -> Option<SocketAddr> {
    match text.as_bytes() {
        [b'/', ..] => SocketAddr::from_pathname(text).ok(),
        #[cfg(target_os = "linux")]
        [b'@', name @ ..] => {
            <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::ManualClock;

    use super::*;

    #[test]
    fn addresses() {
        for wrong in ["", "run/notify", "vsock:2:1234"] {
            assert!(address(OsStr::new(wrong)).is_none());
        }
        assert!(address(OsStr::new("/run/notify")).is_some());
        assert_eq!(
            address(OsStr::new("@notify")).is_some(),
            cfg!(target_os = "linux")
        );
    }

    #[test]
    fn what_the_manager_does_not_take_is_told_later_and_in_order() {
        let path = std::env::temp_dir().join(format!("retwist-notices-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let manager = UnixDatagram::bind(&path).unwrap();
        let clock = ManualClock::new();
        let notices = Notices::to(path.as_os_str(), Clock::clone(&clock)).unwrap();
        // The queue of a socket is full after some, at the latest after 278 (net.unix.max_dgram_qlen).
        let mut told = 0;
        while notices.waiting.borrow().is_empty() {
            notices.tell(&told.to_string());
            told += 1;
            assert!(told < 10_000);
        }
        for _ in 0..MOST + 5 {
            notices.tell(&told.to_string());
            told += 1;
        }
        assert_eq!(notices.waiting.borrow().len(), MOST);
        manager.set_nonblocking(true).unwrap();
        let mut heard = Vec::new();
        let hear = |heard: &mut Vec<usize>| {
            let mut buffer = [0; 64];
            while let Ok(length) = manager.recv(&mut buffer) {
                let text = std::str::from_utf8(&buffer[..length]).unwrap();
                heard.push(text.parse().unwrap());
            }
        };
        hear(&mut heard);
        let at_once = heard.len();
        for _ in 0..10 {
            clock.advance(PAUSE);
            hear(&mut heard);
        }
        assert_eq!(heard.len(), at_once + MOST);
        assert_eq!(heard, (0..at_once + MOST).collect::<Vec<_>>());
        assert_eq!(clock.pending_calls(), 0);
        // A manager that has gone costs nothing.
        drop(manager);
        notices.tell("READY=1");
        assert!(notices.waiting.borrow().is_empty());
        std::fs::remove_file(path).unwrap();
    }
}
