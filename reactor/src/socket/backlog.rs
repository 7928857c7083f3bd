use std::io;

use socket2::Socket;

/// Has a socket listen, with a queue of this length. That the system shortens it is said, once for each
/// length: it does so without a word, and clients then wait for seconds in a burst of connects.
pub(crate) fn listen(socket: &Socket, backlog: i32) -> io::Result<()> {
    socket.listen(backlog)?;
    #[cfg(target_os = "linux")]
    limit::compare(backlog);
    Ok(())
}

#[cfg(target_os = "linux")]
mod limit {
    use std::fs;
    use std::sync::atomic::{AtomicI32, Ordering};

    /// The limit of the network namespace, which a container has for itself.
    const FILE: &str = "/proc/sys/net/core/somaxconn";

    /// The longest that was said to be too long.
    static SAID: AtomicI32 = AtomicI32::new(0);

    pub(super) fn compare(backlog: i32) {
        let told = fs::read_to_string(FILE).ok();
        // Without /proc, there is nothing to compare with.
        let Some(most) = told.and_then(|text| text.trim().parse::<i32>().ok()) else {
            return;
        };
        if backlog > most && SAID.fetch_max(backlog, Ordering::Relaxed) < backlog {
            log::warn!(
                "a port asks for a queue of {backlog} connections, and the system gives it {most}: raise \
                 net.core.somaxconn (sysctl -w net.core.somaxconn={backlog}), or ask for less (backlog)"
            );
        }
    }
}
