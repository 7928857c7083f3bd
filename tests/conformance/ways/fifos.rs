use std::fs::OpenOptions;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};

use retwist::DescriptorStream;
use retwist_conformance::streams::Pairs;
use rustix::fs::{CWD, FileType, Mode, mknodat};

/// Two FIFOs, one for each direction, which have names as long as it takes to open them.
pub struct Fifos;

impl Pairs for Fifos {
    fn pair() -> io::Result<[DescriptorStream; 2]> {
        let ((here, to_there), (there, to_here)) = (fifo()?, fifo()?);
        // Each side reads from one and writes to the other.
        Ok([
            DescriptorStream::pair(here, to_here),
            DescriptorStream::pair(there, to_there),
        ])
    }
}

/// The end to read from, and the one to write to.
fn fifo() -> io::Result<(OwnedFd, OwnedFd)> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("retwist-fifo-{}-{count}", std::process::id());
    let path = std::env::temp_dir().join(name);
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
    // To open one end alone waits for the other.
    let both = OpenOptions::new().read(true).write(true).open(&path)?;
    let reading = OpenOptions::new().read(true).open(&path)?;
    let writing = OpenOptions::new().write(true).open(&path)?;
    drop(both);
    std::fs::remove_file(&path)?;
    Ok((reading.into(), writing.into()))
}
