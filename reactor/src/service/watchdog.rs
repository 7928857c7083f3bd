use std::rc::{Rc, Weak};
use std::time::Duration;

use super::{Notices, ServiceManagerError};

/// How often the watchdog is fed: twice in the time that it waits. `None`: there is none.
pub(super) fn interval() -> Result<Option<Duration>, ServiceManagerError> {
    let variable = |name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    read(
        variable("WATCHDOG_USEC"),
        variable("WATCHDOG_PID"),
        std::process::id(),
    )
}

fn read(
    time: Option<String>,
    pid: Option<String>,
    own_pid: u32,
) -> Result<Option<Duration>, ServiceManagerError> {
    let Some(time) = time else {
        return Ok(None);
    };
    if let Some(pid) = pid {
        let meant: Result<u32, _> = pid.parse();
        match meant {
            Ok(meant) if meant == own_pid => {}
            // It is that of another process.
            Ok(_) => return Ok(None),
            Err(_) => return Err(ServiceManagerError::Malformed("WATCHDOG_PID", pid)),
        }
    }
    match time.parse() {
        Ok(time @ 2..) => Ok(Some(Duration::from_micros(time) / 2)),
        _ => Err(ServiceManagerError::Malformed("WATCHDOG_USEC", time)),
    }
}

/// Feeds the watchdog now, and again and again as long as the loop turns.
pub(super) fn feed(notices: &Rc<Notices>, interval: Duration) {
    notices.tell("WATCHDOG=1");
    later(Rc::downgrade(notices), notices, interval);
}

fn later(weak: Weak<Notices>, notices: &Notices, interval: Duration) {
    notices.clock().call_later(interval, move || {
        if let Some(notices) = weak.upgrade() {
            feed(&notices, interval);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variables_are_read() {
        let read = |time: &str, pid: &str| {
            let given = |text: &str| (text != "-").then(|| text.to_owned());
            read(given(time), given(pid), 77).map_err(|error| error.to_string())
        };
        let second = Ok(Some(Duration::from_secs(1)));
        assert_eq!(read("2000000", "77"), second);
        assert_eq!(read("2000000", "-"), second);
        assert_eq!(read("2000000", "78"), Ok(None));
        assert_eq!(read("-", "77"), Ok(None));
        for (time, pid, said) in [
            ("soon", "77", "WATCHDOG_USEC is \"soon\""),
            ("0", "77", "WATCHDOG_USEC is \"0\""),
            ("1", "-", "WATCHDOG_USEC is \"1\""),
            ("2000000", "me", "WATCHDOG_PID is \"me\""),
        ] {
            let error = read(time, pid).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
