//! Where the mail of these servers is kept: one directory, which `smtp`, `pop3` and `imap` share as programs of their own.
//!
//! A [`Store`] is the directory `--mail-dir`. Each user has a Maildir++ in it: `USER/{tmp,new,cur}` is the user's INBOX, and
//! `USER/.Name/{tmp,new,cur}` any other mailbox. Other programs for maildirs (mutt, Dovecot) read and write the same mail.
//! [`Accounts`] are the users that the command line names.
//!
//! ```
//! # fn main() -> Result<(), mail_store::StoreError> {
//! use std::io::Read;
//! use mail_store::{Accounts, Store};
//!
//! # let directory = std::env::temp_dir().join(format!("mail-store-{}", std::process::id()));
//! let mut accounts = Accounts::default();
//! accounts.add("alice", "secret")?;
//! let user = accounts.recipient("Alice@localhost").expect("USER@localhost");
//!
//! let store = Store::open(&directory)?;
//! let mut inbox = store.mailbox(user, "INBOX")?;
//!
//! // A message is streamed in. Dropped before `finish`, it leaves nothing behind.
//! let mut delivery = inbox.deliver(Some(1 << 20))?;
//! delivery.write(b"Subject: hello\r\n\r\n")?;
//! delivery.write(b"There it is.\r\n")?;
//! delivery.finish()?;
//!
//! // What other programs have done is seen after `refresh`.
//! inbox.refresh()?;
//! let uid = inbox.messages()[0].uid();
//! let mut text = String::new();
//! inbox.read(uid)?.read_to_string(&mut text).expect("the message is in UTF-8");
//! assert!(text.ends_with("There it is.\r\n"));
//! inbox.remove(&[uid])?;
//! # std::fs::remove_dir_all(&directory).expect("it was there");
//! # Ok(()) }
//! ```
//!
//! # What it promises
//!
//! What is evil here: three programs, and foreign ones, change the same directories at once; the disk is full, or another
//! program has removed a file that was listed a moment ago; the machine loses power in any moment.
//!
//! - **A message is there whole or not at all.** It grows in `tmp`, is flushed to the disk, and only then gets its name in
//!   `new` or `cur` ([`Delivery`]). When `finish` has returned `Ok`, not even a power failure undoes it. Where a step fails, the
//!   error says so, and the sender tries again: a message may arrive twice, never not at all.
//! - **A UID means one message.** The file `retwist-uids` of a mailbox maps UIDs to names. It is replaced atomically, under a
//!   lock that all programs of this library take. If it is lost, UIDVALIDITY grows.
//! - **Listed files may vanish.** Each operation on a message looks for its file anew before it fails with
//!   [`StoreError::NoSuchMessage`].
//! - **News travel at once.** A [`Notifier`] tells of each change of a mailbox, by whichever program.
//!
//! # What blocks
//!
//! All calls block the thread for as long as the file system takes. Reads and renames are served by its cache in
//! microseconds; [`Mailbox::refresh`] reads two directories, if one has changed (about 100 ms for 100,000 messages);
//! [`Delivery::finish`] waits for the disk (milliseconds). For a lock that another process holds it waits at most 2 s, and
//! then the call fails with [`StoreError::Busy`]. No operation holds a lock longer than its own call.

mod accounts;
mod delivery;
mod error;
mod folders;
mod index;
mod lock;
mod mailbox;
mod message;
mod name;
mod notifier;
mod store;

pub use accounts::{Accounts, User};
pub use delivery::Delivery;
pub use error::StoreError;
pub use mailbox::Mailbox;
pub use message::{Flags, Message};
pub use notifier::{Notifier, Subscription};
pub use store::Store;
