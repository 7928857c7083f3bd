//! Where messages end up: in the store that `pop3` and `imap` read.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use mail_store::{Accounts, Delivery, Mailbox, Store, StoreError, User};

use crate::support::Mistake;

/// The mailboxes of the users. Without users, there is one mailbox that takes all mail.
pub(crate) struct Inboxes {
    directory: PathBuf,
    store: OnceCell<Store>,
    accounts: Accounts,
    takes_all: bool,
    inboxes: Vec<Inbox>,
}

struct Inbox {
    user: User,
    /// Opened for the first message.
    mailbox: OnceCell<Mailbox>,
}

/// The user whose mailbox takes all mail. A server with `--user everyone` has this mailbox too.
const EVERYONE: &str = "everyone";

impl Inboxes {
    /// The mailboxes in this directory, which is made when the first message comes.
    pub(crate) fn later(directory: &Path, users: &Accounts) -> Result<Self, Mistake> {
        let mut accounts = users.clone();
        let takes_all = accounts.is_empty();
        if takes_all {
            accounts.add(EVERYONE, "")?;
        }
        let inboxes = accounts.iter().map(|user| Inbox {
            user: user.clone(),
            mailbox: OnceCell::new(),
        });
        Ok(Inboxes {
            directory: directory.into(),
            store: OnceCell::new(),
            inboxes: inboxes.collect(),
            accounts,
            takes_all,
        })
    }

    /// The same, in a directory that is made now if it does not exist.
    pub(crate) fn open(directory: &Path, users: &Accounts) -> Result<Self, Mistake> {
        let inboxes = Inboxes::later(directory, users)?;
        inboxes.store()?;
        Ok(inboxes)
    }

    /// The number of the mailbox that mail for this address goes to.
    pub(crate) fn find(&self, address: &str) -> Option<usize> {
        if self.takes_all {
            return Some(0);
        }
        let user = self.accounts.recipient(address)?;
        self.inboxes.iter().position(|inbox| inbox.user == *user)
    }

    /// Begins a message in a mailbox.
    pub(crate) fn deliver(&self, number: usize) -> Result<Delivery, StoreError> {
        let inbox = &self.inboxes[number];
        let mailbox = match inbox.mailbox.get() {
            Some(mailbox) => mailbox,
            None => {
                let mailbox = self.store()?.mailbox(&inbox.user, "INBOX")?;
                inbox.mailbox.get_or_init(|| mailbox)
            }
        };
        mailbox.deliver(None)
    }

    fn store(&self) -> Result<&Store, StoreError> {
        match self.store.get() {
            Some(store) => Ok(store),
            None => {
                let store = Store::open(&self.directory)?;
                Ok(self.store.get_or_init(|| store))
            }
        }
    }
}
