use std::cell::RefCell;
use std::fs::{self, Metadata};
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

/// What a file says, read again when the file changes.
///
/// The file is looked at when it is wanted, and at most once a second: an idle program looks at
/// nothing. It is a small file of this machine, so it is read at once, in the thread of the
/// reactor. As long as a file cannot be read, what it last said holds.
pub(super) struct WatchedFile<T> {
    path: PathBuf,
    parse: Box<dyn Fn(&str) -> T>,
    known: RefCell<Known<T>>,
}

struct Known<T> {
    value: Rc<T>,
    stamp: Option<Stamp>,
    looked: Option<Instant>,
}

const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

impl<T> WatchedFile<T> {
    /// A file that `parse` understands. A file that does not exist says what an empty one does.
    pub(super) fn new(path: PathBuf, parse: impl Fn(&str) -> T + 'static) -> Self {
        WatchedFile {
            path,
            known: RefCell::new(Known {
                value: Rc::new(parse("")),
                stamp: None,
                looked: None,
            }),
            parse: Box::new(parse),
        }
    }

    /// What the file says at this time.
    pub(super) fn get(&self, now: Instant) -> Rc<T> {
        let (value, fault) = self.look(now);
        // With no borrow held: the log may be code that looks names up.
        if let Some(error) = fault {
            log::warn!(
                "{} cannot be read, what it said before holds: {error}",
                self.path.display()
            );
        }
        value
    }

    fn look(&self, now: Instant) -> (Rc<T>, Option<io::Error>) {
        let mut known = self.known.borrow_mut();
        let is_due = |looked| now.saturating_duration_since(looked) >= BETWEEN_LOOKS;
        let mut fault = None;
        if known.looked.is_none_or(is_due) {
            known.looked = Some(now);
            let stamp = fs::metadata(&self.path).ok();
            let stamp = stamp.filter(Metadata::is_file).map(|data| Stamp::of(&data));
            if stamp != known.stamp {
                known.stamp = stamp;
                match fs::read(&self.path) {
                    Ok(bytes) => {
                        known.value = Rc::new((self.parse)(&String::from_utf8_lossy(&bytes)));
                    }
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        known.value = Rc::new((self.parse)(""));
                    }
                    Err(error) => fault = Some(error),
                }
            }
        }
        (known.value.clone(), fault)
    }
}

/// What changes with a file.
#[derive(PartialEq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    #[cfg(unix)]
    inode: (u64, i64, i64),
}

impl Stamp {
    fn of(data: &Metadata) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt;
        Stamp {
            modified: data.modified().ok(),
            length: data.len(),
            // A file that takes the place of another may have its length and its time.
            #[cfg(unix)]
            inode: (data.ino(), data.ctime(), data.ctime_nsec()),
        }
    }
}
