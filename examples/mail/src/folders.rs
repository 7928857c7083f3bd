//! The mailboxes of a user, beside INBOX.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::delivery::unique_name;
use crate::index::{replace, sync_parent};
use crate::lock::Lock;
use crate::name::{self, SEPARATOR};
use crate::store::{directory, make_mailbox};
use crate::{Store, StoreError, User};

const SUBSCRIPTIONS: &str = "subscriptions";

impl Store {
    /// What stands between the levels of a name: `Lists.Rust` is below `Lists`.
    pub const SEPARATOR: char = SEPARATOR;

    /// The names of all mailboxes of a user: INBOX first, and then by the alphabet.
    pub fn mailboxes(&self, user: &User) -> Result<Vec<String>, StoreError> {
        let home = self.home(user)?;
        let mut names = Vec::new();
        for entry in fs::read_dir(&home).map_err(StoreError::at(&home))? {
            let entry = entry.map_err(StoreError::at(&home))?;
            let file_name = entry.file_name();
            let Some(name) = file_name.to_str().and_then(|name| name.strip_prefix('.')) else {
                continue;
            };
            if name::mailbox(name).is_ok_and(|same| same == name)
                && entry.path().join("cur").is_dir()
            {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable();
        names.insert(0, "INBOX".into());
        Ok(names)
    }

    /// Makes a mailbox, and those above it that do not exist yet. It is there for other programs all at once.
    pub fn create_mailbox(&self, user: &User, name: &str) -> Result<(), StoreError> {
        let name = name::mailbox(name)?;
        let home = self.home(user)?;
        if directory(&home, &name).exists() {
            return Err(StoreError::MailboxExists(name));
        }
        let above = name.match_indices(SEPARATOR).map(|(at, _)| &name[..at]);
        for name in above.chain([&*name]) {
            if name.eq_ignore_ascii_case("INBOX") || directory(&home, name).exists() {
                continue;
            }
            // No name of a mailbox begins so.
            let draft = home.join(format!("retwist-draft-{}", unique_name()));
            make_mailbox(&draft)?;
            let folder = draft.join("maildirfolder");
            fs::write(&folder, "").map_err(StoreError::at(&folder))?;
            let made = directory(&home, name);
            if let Err(error) = fs::rename(&draft, &made) {
                let _ = fs::remove_dir_all(&draft);
                return Err(match error.kind() {
                    ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists => {
                        StoreError::MailboxExists(name.into())
                    }
                    _ => StoreError::at(&made)(error),
                });
            }
            sync_parent(&made)?;
        }
        Ok(())
    }

    /// Deletes a mailbox with its messages. Those below it stay.
    pub fn delete_mailbox(&self, user: &User, name: &str) -> Result<(), StoreError> {
        let name = name::mailbox(name)?;
        if name == "INBOX" {
            return Err(StoreError::IsInbox);
        }
        let home = self.home(user)?;
        let gone = home.join(format!("retwist-deleted-{}", unique_name()));
        rename(&directory(&home, &name), &gone, &name)?;
        // What a failure leaves here takes room, and is seen by no program.
        fs::remove_dir_all(&gone).map_err(StoreError::at(&gone))
    }

    /// Gives a mailbox, and those below it, another name. The messages keep their UIDs. From INBOX the messages move, and
    /// INBOX stays (RFC 3501 6.3.5).
    pub fn rename_mailbox(&self, user: &User, from: &str, to: &str) -> Result<(), StoreError> {
        let (from, to) = (name::mailbox(from)?, name::mailbox(to)?);
        let home = self.home(user)?;
        if to == "INBOX" {
            return Err(StoreError::IsInbox);
        }
        if from == "INBOX" {
            self.create_mailbox(user, &to)?;
            let mut inbox = self.mailbox(user, &from)?;
            let all: Vec<u32> = inbox.messages().iter().map(|message| message.uid).collect();
            return inbox.move_to(&all, &mut self.mailbox(user, &to)?).map(drop);
        }
        let below = format!("{from}{SEPARATOR}");
        let all = self.mailboxes(user)?;
        let is_moved = |name: &String| *name == from || name.starts_with(&below);
        let moved = all.iter().filter(|name| is_moved(name));
        let pairs: Vec<(&String, String)> = moved
            .map(|name| (name, format!("{to}{}", &name[from.len()..])))
            .collect();
        if pairs.is_empty() {
            return Err(StoreError::NoSuchMailbox(from));
        }
        for (_, after) in &pairs {
            name::mailbox(after)?;
            if directory(&home, after).exists() {
                return Err(StoreError::MailboxExists(after.clone()));
            }
        }
        if let Some((above, _)) = to.rsplit_once(SEPARATOR)
            && !directory(&home, above).exists()
        {
            self.create_mailbox(user, above)?;
        }
        for (before, after) in pairs {
            rename(&directory(&home, before), &directory(&home, &after), before)?;
        }
        Ok(())
    }

    /// The names that a user has subscribed to. There need not be such a mailbox (RFC 3501 6.3.6).
    pub fn subscriptions(&self, user: &User) -> Result<Vec<String>, StoreError> {
        let path = self.home(user)?.join(SUBSCRIPTIONS);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text.lines().map(String::from).collect()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(StoreError::at(&path)(error)),
        }
    }

    /// Subscribes to a name, or ends the subscription.
    pub fn subscribe(&self, user: &User, name: &str, is_on: bool) -> Result<(), StoreError> {
        let name = name::mailbox(name)?;
        let home = self.home(user)?;
        let _lock = Lock::of_home(&home)?;
        let mut names = self.subscriptions(user)?;
        names.retain(|other| *other != name);
        if is_on {
            names.push(name);
        }
        let lines: String = names.iter().map(|name| format!("{name}\n")).collect();
        replace(&home.join(SUBSCRIPTIONS), lines.as_bytes())
    }
}

fn rename(from: &Path, to: &Path, name: &str) -> Result<(), StoreError> {
    let outcome = fs::rename(from, to).map_err(StoreError::at(from));
    match outcome {
        Err(error) if error.is_not_found() => Err(StoreError::NoSuchMailbox(name.into())),
        Err(error) => Err(error),
        Ok(()) => sync_parent(to),
    }
}
