//! What is served: one directory and what is below it. Nothing here can name anything else,
//! whatever the client says and whatever links there are: all goes through a descriptor of the
//! root, which follows no path out of it.

use std::fmt::{self, Write as _};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, Metadata, OpenOptions};
use jiff::Timestamp;

use crate::support::Mistake;

/// The directory.
pub(crate) struct Tree {
    root: Dir,
}

/// A place in the tree, as the client sees it: `/`, `/pub/file`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place(Vec<String>);

/// A file that is being stored. Dropped before it is complete, it leaves nothing behind.
pub(crate) struct Upload {
    file: File,
    directory: Dir,
    /// What it is called meanwhile.
    draft: String,
    name: String,
}

/// What drafts are called; they are in no listing.
const DRAFT: &str = ".upload-";

impl Place {
    /// The place that `path` names, seen from here.
    pub(crate) fn join(&self, path: &str) -> Place {
        let mut names = if path.starts_with('/') {
            Vec::new()
        } else {
            self.0.clone()
        };
        for name in path.split('/') {
            match name {
                "" | "." => {}
                ".." => drop(names.pop()),
                name => names.push(name.to_owned()),
            }
        }
        Place(names)
    }

    fn relative(&self) -> PathBuf {
        if self.0.is_empty() {
            ".".into()
        } else {
            self.0.iter().collect()
        }
    }

    fn name(&self) -> Option<&str> {
        self.0.last().map(String::as_str)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0.join("/"))
    }
}

impl Tree {
    pub(crate) fn open(root: &Path) -> Result<Self, Mistake> {
        let root = Dir::open_ambient_dir(root, ambient_authority())
            .map_err(|error| format!("cannot serve {}: {error}", root.display()))?;
        Ok(Tree { root })
    }

    pub(crate) fn is_directory(&self, place: &Place) -> bool {
        self.root.is_dir(place.relative())
    }

    /// A file's size and when it was changed.
    pub(crate) fn file(&self, place: &Place) -> io::Result<(u64, Timestamp)> {
        let metadata = self.root.metadata(place.relative())?;
        if metadata.is_file() {
            Ok((metadata.len(), modified(&metadata)?))
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }

    /// A file, from `offset` to its end.
    pub(crate) fn read(&self, place: &Place, offset: u64) -> io::Result<impl Read + use<>> {
        // To open a pipe would wait for a writer, and block the reactor.
        self.file(place)?;
        let mut file = self.root.open(place.relative())?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(file)
    }

    pub(crate) fn store(&self, place: &Place) -> io::Result<Upload> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = place.name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
        if name.starts_with(DRAFT) || self.is_directory(place) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let directory = self.root.open_dir(place.join("..").relative())?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let draft = format!("{DRAFT}{}-{count}", process::id());
        let file = directory.open_with(&draft, OpenOptions::new().write(true).create_new(true))?;
        Ok(Upload {
            file,
            directory,
            draft,
            name,
        })
    }

    /// One entry, as RFC 3659 writes it.
    pub(crate) fn facts(&self, place: &Place) -> io::Result<String> {
        let metadata = self.root.metadata(place.relative())?;
        let mut line = String::new();
        Format::Facts.write(&mut line, &place.to_string(), &metadata)?;
        Ok(line)
    }

    /// The entries of a directory, each on a line as `format` writes it; of a file, the one.
    pub(crate) fn list(&self, place: &Place, format: Format) -> io::Result<String> {
        let mut lines = String::new();
        if !self.is_directory(place) {
            let metadata = self.root.metadata(place.relative())?;
            format.write(&mut lines, place.name().unwrap_or("/"), &metadata)?;
            return Ok(lines);
        }
        let directory = self.root.open_dir(place.relative())?;
        let mut entries: Vec<_> = directory
            .entries()?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| !name.starts_with(DRAFT) && !name.contains(char::is_control))
            .collect();
        entries.sort();
        for name in entries {
            // What is gone again, or is a link that leads out of the tree, is not there.
            if let Ok(metadata) = directory.metadata(&name) {
                format.write(&mut lines, &name, &metadata)?;
            }
        }
        Ok(lines)
    }
}

/// How a listing is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// NLST.
    Names,
    /// LIST: as `ls -l` does.
    People,
    /// MLSD and MLST (RFC 3659).
    Facts,
}

impl Format {
    fn write(self, lines: &mut String, name: &str, metadata: &Metadata) -> io::Result<()> {
        let (size, modified) = (metadata.len(), modified(metadata)?);
        let is_directory = metadata.is_dir();
        let written = match self {
            Format::Names => write!(lines, "{name}\r\n"),
            Format::People => {
                let mode = if is_directory {
                    "drwxr-xr-x"
                } else {
                    "-rw-r--r--"
                };
                // Of what is older than half a year, the time of day is nothing to people.
                let age = Timestamp::now().duration_since(modified).as_hours();
                let format = if (0..24 * 183).contains(&age) {
                    "%b %e %H:%M"
                } else {
                    "%b %e  %Y"
                };
                let date = modified.strftime(format);
                write!(lines, "{mode} 1 ftp ftp {size:>12} {date} {name}\r\n")
            }
            Format::Facts => {
                let kind = if is_directory { "dir" } else { "file" };
                let date = digits(modified);
                write!(lines, "type={kind};size={size};modify={date}; {name}\r\n")
            }
        };
        written.map_err(io::Error::other)
    }
}

/// A time as RFC 3659 writes it.
pub(crate) fn digits(time: Timestamp) -> impl fmt::Display {
    time.strftime("%Y%m%d%H%M%S")
}

fn modified(metadata: &Metadata) -> io::Result<Timestamp> {
    Timestamp::try_from(metadata.modified()?.into_std()).map_err(io::Error::other)
}

impl Upload {
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    pub(crate) fn complete(self) -> io::Result<()> {
        self.directory
            .rename(&self.draft, &self.directory, &self.name)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // The file has got its name, and is no longer there.
        let _ = self.directory.remove_file(&self.draft);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_above_the_root() {
        let here = Place::default().join("a/b");
        for (path, place) in [
            ("", "/a/b"),
            ("c", "/a/b/c"),
            ("/c/", "/c"),
            ("..", "/a"),
            ("../../../../etc/passwd", "/etc/passwd"),
            ("/../x/./y//..", "/x"),
        ] {
            assert_eq!(here.join(path).to_string(), place, "{path}");
        }
    }
}
