//! How the reactor turns inside another loop: that of glib or Qt, an event loop of Python, or one
//! written by hand.
//!
//! [`Reactor::run`](crate::Reactor::run) is a loop around three methods, and another loop calls them
//! in its place. Nothing is lost by that: the states, the triggers, the signals and the orderly end are
//! the same.
//!
//! | | |
//! |---|---|
//! | [`start`](crate::Reactor::start) | once, before the first pass |
//! | [`iterate`](crate::Reactor::iterate) | a pass, with no wait of its own: `Duration::ZERO` |
//! | [`stop`](crate::ReactorHandle::stop) | begins the end; the passes go on until `iterate` returns [`ReactorState::Ended`](crate::ReactorState::Ended) |
//! | [`AsFd`](std::os::fd::AsFd) | the descriptor that is readable when a pass is due |
//! | [`next_timeout`](crate::Reactor::next_timeout) | how long the loop may sleep, if the descriptor does not become readable before |
//! | [`around_sleep`](crate::ReactorHandle::around_sleep) | a hook around the sleep, where the reactor is the outer loop and a language gives up its lock |
//!
//! A loop with poll(2), as any other would do it:
//!
//! ```
//! # use retwist_reactor as retwist;
//! # #[cfg(unix)]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::os::fd::AsFd;
//! use std::time::Duration;
//!
//! use retwist::{Reactor, ReactorState};
//! use rustix::event::{PollFd, PollFlags, Timespec, poll};
//!
//! let reactor = Reactor::new()?;
//! let handle = reactor.handle();
//! reactor.call_later(Duration::from_millis(10), move || handle.stop());
//!
//! reactor.start()?;
//! loop {
//!     // Anew before each sleep: what was done since may have changed it.
//!     let timeout = match reactor.next_timeout() {
//!         Some(timeout) => Some(Timespec::try_from(timeout)?),
//!         None => None,
//!     };
//!     // The other descriptors of this loop stand here as well.
//!     let mut watched = [PollFd::new(&reactor, PollFlags::IN)];
//!     poll(&mut watched, timeout.as_ref())?;
//!     if reactor.iterate(Duration::ZERO)? == ReactorState::Ended {
//!         break;
//!     }
//! }
//! # Ok(()) }
//! # #[cfg(not(unix))]
//! # fn main() {}
//! ```
//!
//! # What to keep in mind
//!
//! - Watch the descriptor level-triggered, since a pass takes a bounded number of events, and what is
//!   left is not told again. With a loop that knows edges alone, arm it anew before each sleep.
//! - A pass may be made at any time, also when none is due. It is not made from a callback of the
//!   reactor: that is [`RunError::AlreadyRunning`](crate::RunError::AlreadyRunning).
//! - In a loop with a step before each sleep (the `prepare` of glib), ask for the timeout there. In one
//!   without, ask after each pass and after whatever used the reactor between two passes, and set a
//!   timer of that loop to it.
//! - A call from another thread, and the last drop of a [`Hold`](crate::Hold), make the descriptor
//!   readable.
//! - A signal that interrupts the sleep of `iterate` ends the pass, so that a handler of the language
//!   around it can run. [`ReactorSettings::signals`](crate::ReactorSettings::signals) says whether
//!   SIGINT and SIGTERM stop the reactor, or are left to that language.
//!
//! The other way round, a loop that has a descriptor of its own turns inside the reactor, and a
//! reactor inside another one: the outer one watches the descriptor of the inner, with `ReactorHandle::watch`.
