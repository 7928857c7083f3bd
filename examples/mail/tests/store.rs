//! The store, as the servers use it: what it promises of whole messages, of UIDs, and of several processes at once.

use std::cell::Cell;
use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use mail_store::{Accounts, Flags, Mailbox, Notifier, Store, StoreError, User};
use retwist::Reactor;

/// A mail directory of its own, gone at the end of the test.
struct Place {
    root: PathBuf,
    store: Store,
    user: User,
}

impl Place {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("mail-store-test-{}-{count}", std::process::id());
        let root = std::env::temp_dir().join(name);
        let store = Store::open(&root).expect("a directory");
        Place {
            root,
            store,
            user: user(),
        }
    }

    fn inbox(&self) -> Mailbox {
        self.open("INBOX")
    }

    fn open(&self, name: &str) -> Mailbox {
        self.store.mailbox(&self.user, name).expect("a mailbox")
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.root.join("alice").join(folder)).expect("a folder");
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn user() -> User {
    let mut accounts = Accounts::default();
    accounts.add("alice", "secret").expect("a good name");
    accounts.user("alice").expect("it was added").clone()
}

fn put(mailbox: &Mailbox, text: &str) -> String {
    let mut delivery = mailbox.deliver(None).expect("a draft");
    delivery.write(text.as_bytes()).expect("room");
    delivery.finish().expect("a message")
}

fn text(mailbox: &mut Mailbox, uid: u32) -> String {
    let mut text = String::new();
    let mut file = mailbox.read(uid).expect("the file");
    file.read_to_string(&mut text).expect("UTF-8");
    text
}

fn uids(mailbox: &Mailbox) -> Vec<u32> {
    mailbox
        .messages()
        .iter()
        .map(|message| message.uid())
        .collect()
}

#[test]
fn a_message_is_there_whole_or_not_at_all() {
    let place = Place::new();
    let mut inbox = place.inbox();
    let mut delivery = inbox.deliver(Some(10)).unwrap();
    delivery.write(b"12345").unwrap();
    inbox.refresh().unwrap();
    assert!(uids(&inbox).is_empty());
    drop(delivery);
    let mut delivery = inbox.deliver(Some(10)).unwrap();
    delivery.write(b"1234567890").unwrap();
    let error = delivery.write(b"1").unwrap_err();
    assert!(matches!(error, StoreError::TooLarge { limit: 10 }));
    drop(delivery);
    assert_eq!(place.names("tmp"), [""; 0]);
    put(&inbox, "1234567890");
    inbox.refresh().unwrap();
    assert_eq!(inbox.messages()[0].size(), 10);
    assert_eq!(place.names("tmp"), [""; 0]);
}

#[test]
fn uids_stay_in_every_process_and_are_never_given_twice() {
    let place = Place::new();
    let (mut one, mut other) = (place.inbox(), place.inbox());
    for text in ["a", "b", "c"] {
        put(&one, text);
    }
    other.refresh().unwrap();
    one.refresh().unwrap();
    assert_eq!((uids(&one), uids(&other)), (vec![1, 2, 3], vec![1, 2, 3]));
    assert_eq!(text(&mut one, 2), "b");
    one.remove(&[3]).unwrap();
    put(&one, "d");
    other.refresh().unwrap();
    assert_eq!(uids(&other), [1, 2, 4]);
    assert_eq!(uids(&place.inbox()), [1, 2, 4]);
    assert_eq!(place.inbox().uid_validity(), one.uid_validity());
    assert_eq!(other.uid_next(), 5);
    assert_eq!(
        other.unique_id(&other.messages()[2]),
        format!("{}.4", one.uid_validity())
    );
}

#[test]
fn many_threads_deliver_and_look_at_once() {
    let place = Place::new();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut inbox = place.inbox();
                for _ in 0..25 {
                    let name = put(&inbox, "text");
                    inbox.uid_of(&name).unwrap();
                }
            });
        }
    });
    assert_eq!(uids(&place.inbox()), (1..=100).collect::<Vec<_>>());
}

#[test]
fn an_index_that_is_damaged_or_gone_changes_uidvalidity() {
    let place = Place::new();
    let mut inbox = place.inbox();
    put(&inbox, "a");
    let index = place.root.join("alice/retwist-uids");
    let mut before = inbox.uid_validity();
    for damage in [
        "",
        "retwist-uids 1 7",
        "retwist-uids 1 0 1\n",
        "retwist-uids 1 7 2\n2 x\n",
        "\u{0}\n",
    ] {
        fs::write(&index, damage).unwrap();
        inbox = place.inbox();
        assert!(inbox.uid_validity() > before, "{damage:?}");
        assert_eq!(uids(&inbox), [1]);
        before = inbox.uid_validity();
    }
    fs::remove_file(&index).unwrap();
    assert!(place.inbox().uid_validity() > before);
}

#[test]
fn the_numbers_of_messages_run_out() {
    let place = Place::new();
    let mut inbox = place.inbox();
    let name = put(&inbox, "a");
    inbox.refresh().unwrap();
    let validity = inbox.uid_validity();
    let index = format!("retwist-uids 1 {validity} {}\n7 {name}\n", u32::MAX);
    fs::write(place.root.join("alice/retwist-uids"), index).unwrap();
    put(&inbox, "b");
    let inbox = place.inbox();
    assert!(inbox.uid_validity() > validity);
    assert_eq!(uids(&inbox), [1, 2]);
}

#[test]
fn flags_are_letters_in_the_name_and_those_of_others_stay() {
    let place = Place::new();
    let mut inbox = place.inbox();
    let name = put(&inbox, "a");
    inbox.refresh().unwrap();
    assert!(inbox.messages()[0].is_new());
    inbox
        .change_flags(&[1], |flags| flags | Flags::SEEN | Flags::DRAFT)
        .unwrap();
    assert_eq!(place.names("cur"), [format!("{name}:2,DS")]);
    // Another program has set flags of its own.
    let cur = place.root.join("alice/cur");
    fs::rename(
        cur.join(format!("{name}:2,DS")),
        cur.join(format!("{name}:2,DPSa")),
    )
    .unwrap();
    inbox
        .change_flags(&[1], |flags| (flags - Flags::DRAFT) | Flags::DELETED)
        .unwrap();
    assert_eq!(place.names("cur"), [format!("{name}:2,PSTa")]);
    assert_eq!(
        inbox.message(1).unwrap().flags(),
        Flags::SEEN | Flags::DELETED
    );
    inbox.refresh().unwrap();
    assert_eq!(uids(&inbox), [1]);
}

#[test]
fn a_message_is_recent_for_one_reader() {
    let place = Place::new();
    let (mut one, mut other) = (place.inbox(), place.inbox());
    put(&one, "a");
    put(&one, "b");
    one.refresh().unwrap();
    other.refresh().unwrap();
    assert_eq!(one.take_new().unwrap(), [1, 2]);
    assert!(other.take_new().unwrap().is_empty());
    assert!(!other.messages()[0].is_new());
}

#[test]
fn files_that_moved_are_found_and_files_that_vanished_are_told() {
    let place = Place::new();
    let (mut one, mut other) = (place.inbox(), place.inbox());
    for text in ["a", "b", "c"] {
        put(&one, text);
    }
    one.refresh().unwrap();
    other.refresh().unwrap();
    other.change_flags(&[1, 2, 3], |_| Flags::ANSWERED).unwrap();
    assert_eq!(text(&mut one, 1), "a");
    other.remove(&[2]).unwrap();
    assert!(matches!(one.read(2), Err(StoreError::NoSuchMessage)));
    one.remove(&[2, 3]).unwrap();
    assert_eq!(uids(&one), [1]);
    // A look in the middle of a removal, since a file has vanished, and nothing is left after it.
    let (mut last, mut faster) = (place.inbox(), place.inbox());
    for text in ["d", "e"] {
        put(&last, text);
    }
    last.refresh().unwrap();
    faster.refresh().unwrap();
    faster.remove(&[4]).unwrap();
    last.remove(&[5, 4]).unwrap();
    assert_eq!(uids(&last), [1]);
    one.change_flags(&[1, 2], |_| Flags::SEEN).unwrap();
    other.refresh().unwrap();
    assert_eq!(uids(&other), [1]);
    assert_eq!(other.messages()[0].flags(), Flags::SEEN);
}

#[test]
fn dates_and_flags_of_a_delivery_are_kept_by_its_copies() {
    let place = Place::new();
    let inbox = place.inbox();
    let date = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let mut delivery = inbox
        .deliver(None)
        .unwrap()
        .flags(Flags::FLAGGED)
        .date(date);
    delivery.write(b"old").unwrap();
    delivery.finish().unwrap();
    place.store.create_mailbox(&place.user, "Old").unwrap();
    let (mut inbox, mut old) = (place.inbox(), place.open("Old"));
    assert_eq!(inbox.copy_to(&[1, 99], &mut old).unwrap(), [(1, 1)]);
    assert_eq!(inbox.copy_to(&[1], &mut old).unwrap(), [(1, 2)]);
    assert_eq!(old.date(2).unwrap(), date);
    assert_eq!(old.messages()[1].flags(), Flags::FLAGGED);
    assert_eq!(inbox.move_to(&[1], &mut old).unwrap(), [(1, 3)]);
    inbox.refresh().unwrap();
    assert_eq!((uids(&inbox), text(&mut old, 3)), (vec![], "old".into()));
}

#[test]
fn mailboxes_come_and_go() {
    let place = Place::new();
    let (store, user) = (&place.store, &place.user);
    store.create_mailbox(user, "a.b").unwrap();
    store.create_mailbox(user, "z.").unwrap();
    assert_eq!(store.mailboxes(user).unwrap(), ["INBOX", "a", "a.b", "z"]);
    assert!(matches!(
        store.create_mailbox(user, "a"),
        Err(StoreError::MailboxExists(_))
    ));
    let first = place.open("a");
    put(&first, "a");
    store.rename_mailbox(user, "a", "c.d").unwrap();
    assert_eq!(
        store.mailboxes(user).unwrap(),
        ["INBOX", "c", "c.d", "c.d.b", "z"]
    );
    assert_eq!(place.open("c.d").uid_validity(), first.uid_validity());
    assert!(matches!(
        store.rename_mailbox(user, "z", "c.d"),
        Err(StoreError::MailboxExists(_))
    ));
    store.delete_mailbox(user, "c.d").unwrap();
    let gone = store.delete_mailbox(user, "c.d");
    assert!(matches!(gone, Err(StoreError::NoSuchMailbox(_))));
    // What was open stays without a file.
    assert!(matches!(
        first.deliver(None),
        Err(StoreError::NoSuchMailbox(_))
    ));
    store.create_mailbox(user, "c.d").unwrap();
    assert!(place.open("c.d").uid_validity() > first.uid_validity());
    put(&place.inbox(), "b");
    store.rename_mailbox(user, "inbox", "kept").unwrap();
    assert!(uids(&place.inbox()).is_empty());
    assert_eq!(text(&mut place.open("kept"), 1), "b");
    assert!(matches!(
        store.delete_mailbox(user, "Inbox"),
        Err(StoreError::IsInbox)
    ));
    store.subscribe(user, "x", true).unwrap();
    store.subscribe(user, "y", true).unwrap();
    store.subscribe(user, "x", false).unwrap();
    assert_eq!(store.subscriptions(user).unwrap(), ["y"]);
}

#[test]
fn no_name_leads_out_of_the_directory() {
    let place = Place::new();
    for name in [
        "",
        ".",
        "..",
        "a..b",
        ".a",
        "a/b",
        "../a",
        "a\\b",
        "a\0",
        "a\r\nb",
        "ä",
        "*",
        "a%",
        &"x".repeat(201),
    ] {
        let made = place.store.create_mailbox(&place.user, name);
        assert!(matches!(made, Err(StoreError::BadName(_))), "{name:?}");
        assert!(
            matches!(
                place.store.mailbox(&place.user, name),
                Err(StoreError::BadName(_))
            ),
            "{name:?}"
        );
    }
    let mut accounts = Accounts::default();
    for name in ["", "..", ".a", "a/b", "a\0", "a b", &"x".repeat(65)] {
        assert!(
            matches!(accounts.add(name, "x"), Err(StoreError::BadName(_))),
            "{name:?}"
        );
    }
}

#[test]
fn who_gets_mail() {
    let mut accounts = Accounts::default();
    accounts.add("Alice", "one").unwrap();
    accounts.add("bob", "two").unwrap();
    accounts.add("alice", "three").unwrap();
    let name = |address: &str| accounts.recipient(address).map(User::name);
    assert_eq!(name("ALICE@LocalHost"), Some("alice"));
    assert_eq!(name("\"bob\"@localhost"), Some("bob"));
    assert_eq!(name("postmaster"), Some("bob"));
    assert_eq!(name("alice"), None);
    assert_eq!(name("alice@example.org"), None);
    assert_eq!(name("\"alice@localhost\"@example.org"), None);
    assert_eq!(name("carol@localhost"), None);
    assert_eq!(accounts.user("alice").unwrap().password(), "three");
    assert!(!format!("{accounts:?}").contains("three"));
}

#[test]
fn a_lock_that_is_never_released_is_told() {
    use fs4::FileExt;
    let place = Place::new();
    let inbox = place.inbox();
    put(&inbox, "a");
    let file = fs::File::options()
        .write(true)
        .open(place.root.join("alice/retwist-lock"))
        .unwrap();
    FileExt::lock(&file).unwrap();
    assert!(matches!(
        place.store.mailbox(&place.user, "INBOX"),
        Err(StoreError::Busy(_))
    ));
    // Mail comes all the same.
    put(&inbox, "b");
    FileExt::unlock(&file).unwrap();
    assert_eq!(uids(&place.inbox()), [1, 2]);
}

#[test]
fn drafts_of_dead_processes_go_and_others_stay() {
    let place = Place::new();
    drop(place.inbox());
    let tmp = place.root.join("alice/tmp");
    let make = |name: &str, hours: u64| {
        let file = fs::File::create(tmp.join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(hours * 3600))
            .unwrap();
    };
    make("old", 37);
    make("young", 35);
    drop(place.inbox());
    assert_eq!(place.names("tmp"), ["young"]);
}

/// A message of another thread, as one of another process.
#[test]
fn a_notifier_tells_of_what_others_do() {
    let place = Place::new();
    let inbox = place.inbox();
    let reactor = Reactor::new().unwrap();
    let notifier = Notifier::new(&reactor);
    let count = Rc::new(Cell::new(0));
    let heard = count.clone();
    let stop = reactor.handle();
    let subscription = notifier.watch(&inbox, move || {
        heard.set(heard.get() + 1);
        stop.crash();
    });
    let never = notifier.watch(&inbox, || panic!("it has ended"));
    drop(never);
    for expected in 1..=3 {
        thread::scope(|scope| {
            scope.spawn(|| put(&place.inbox(), "text"));
            reactor.run().unwrap();
        });
        assert!(count.get() >= expected);
        reactor.iterate(Duration::ZERO).ok();
    }
    drop(subscription);
    let told = count.get();
    put(&inbox, "text");
    let _ = reactor.iterate(Duration::ZERO);
    assert_eq!(count.get(), told);
}

/// Full disks and missing rights, as the system says them: `/dev/full` is always full.
#[cfg(target_os = "linux")]
#[test]
fn errors_of_the_disk_have_types() {
    let place = Place::new();
    let inbox = place.inbox();
    fs::remove_dir(place.root.join("alice/tmp")).unwrap();
    let refused = inbox.deliver(None);
    assert!(matches!(refused, Err(StoreError::NoSuchMailbox(_))));
    fs::create_dir(place.root.join("alice/tmp")).unwrap();
    let index = place.root.join("alice/retwist-uids.draft");
    std::os::unix::fs::symlink("/dev/full", &index).unwrap();
    put(&inbox, "accepted");
    let full = place.store.mailbox(&place.user, "INBOX");
    assert!(matches!(full, Err(StoreError::NoRoom(..))), "{full:?}");
    // It is listed as soon as there is room.
    assert_eq!(uids(&place.inbox()), [1]);
}

#[test]
fn paths_that_are_not_directories() {
    let place = Place::new();
    let file = place.root.join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(Store::open(&file), Err(StoreError::Disk(..))));
}
