//! The units in `deploy/systemd`: what systemd makes of them without running, and the program as they start it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::{env, fs, thread};

use crate::program::{PATIENCE, connect, connect_soon, example, has, read_all};
use crate::started::Started;

const SERVICE: &str = "retwist-echo.service";
const SOCKET: &str = "retwist-echo.socket";
const INSTALLED: &str = "/usr/local/bin/retwist-echo";

fn unit(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/systemd");
    fs::read_to_string(folder.join(name)).unwrap()
}

/// All values of a setting; a line that ends with `\` goes on.
fn settings(name: &str, setting: &str) -> Vec<String> {
    let text = unit(name).replace("\\\n", " ");
    let lines = text.lines().filter_map(|line| line.split_once('='));
    let wanted = lines.filter(|(name, _)| *name == setting);
    wanted.map(|(_, value)| value.to_owned()).collect()
}

/// The units in a folder of this test, with the program where `cargo` has built it.
struct Units {
    folder: PathBuf,
}

impl Units {
    fn new(name: &str) -> Self {
        let folder = format!("retwist-units-{name}-{}", std::process::id());
        let folder = env::temp_dir().join(folder);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        let program = example("echo").get_program().to_owned();
        let text = unit(SERVICE).replace(INSTALLED, program.to_str().unwrap());
        fs::write(folder.join(SERVICE), text).unwrap();
        fs::write(folder.join(SOCKET), unit(SOCKET)).unwrap();
        Units { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Units {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn systemd_finds_nothing_wrong_with_them() {
    if !has("systemd-analyze") {
        return;
    }
    let units = Units::new("verify");
    let mut command = Command::new("systemd-analyze");
    command.args(["verify", "--man=no"]);
    command.args([units.path(SERVICE), units.path(SOCKET)]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert_eq!(said, "");
    // What is wrong would be found.
    let broken = unit(SERVICE).replace("Type=notify", "Type=notified");
    fs::write(units.path(SERVICE), broken).unwrap();
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("notified"), "{said}");
}

#[test]
fn the_service_may_do_little() {
    if !has("systemd-analyze") {
        return;
    }
    let units = Units::new("security");
    let mut command = Command::new("systemd-analyze");
    // In tenths, of 0 to 10.
    command.args(["security", "--offline=true", "--no-pager", "--threshold=20"]);
    let output = command.arg(units.path(SERVICE)).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// What the manager hears on its socket. It reads all the time, as systemd does: the system keeps ten notices, and
/// those of a watchdog fill that in a second.
struct Manager {
    path: PathBuf,
    notices: Receiver<String>,
}

impl Manager {
    fn new(folder: &Path) -> Self {
        let path = folder.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let (sender, notices) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count) = socket.recv(&mut buffer) {
                let notice = String::from_utf8_lossy(&buffer[..count]).into_owned();
                if sender.send(notice).is_err() {
                    break;
                }
            }
        });
        Manager { path, notices }
    }

    /// Waits for a notice that begins like this, and returns it. Those before it are dropped.
    fn hears(&self, begins: &str) -> String {
        loop {
            let notice = self.notices.recv_timeout(PATIENCE).expect(begins);
            if notice.starts_with(begins) {
                return notice;
            }
        }
    }
}

/// Starts the program as the units do: with the socket of the one, and the command of the other.
fn started(
    units: &Units,
    manager: &Manager,
    drain_notice: &str,
) -> (Started, std::net::SocketAddr) {
    let address = {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap()
    };
    let mut command = Command::new("env");
    command
        .arg("--default-signal=INT,TERM,USR2")
        .arg("systemd-socket-activate");
    command.arg(format!("--listen={address}"));
    command.arg(format!("-ENOTIFY_SOCKET={}", manager.path.display()));
    // Half of it is how often it is fed.
    command.args(["-EWATCHDOG_USEC=200000", "-ERUST_LOG=info"]);
    let [start] = &settings(SERVICE, "ExecStart")[..] else {
        panic!("one command");
    };
    let mut words = start.split_whitespace();
    assert_eq!(words.next(), Some(INSTALLED));
    command.arg(example("echo").get_program());
    for word in words {
        command.arg(match word {
            // A folder that systemd makes, and a port that is free.
            "unix:/run/retwist-echo/admin.sock" => {
                format!("unix:{}", units.path("admin.sock").display())
            }
            "tcp:9102" => "tcp:0:interface=127.0.0.1".to_owned(),
            "5" => drain_notice.to_owned(),
            other => other.to_owned(),
        });
    }
    assert_eq!(settings(SERVICE, "RuntimeDirectory"), ["retwist-echo"]);
    assert_eq!(settings(SERVICE, "Type"), ["notify"]);
    (Started::new(command), address)
}

fn echoes(address: std::net::SocketAddr) {
    let mut client = connect(address);
    client.write_all(b"hello").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&mut client), b"hello");
}

#[test]
#[cfg(feature = "operations")]
fn the_program_keeps_what_its_unit_promises() {
    if !has("systemd-socket-activate") {
        return;
    }
    let units = Units::new("start");
    let manager = Manager::new(&units.folder);
    let (mut echo, address) = started(&units, &manager, "1");
    // The first client starts it.
    drop(connect_soon(address));
    manager.hears("READY=1");
    // WatchdogSec=
    assert_eq!(settings(SERVICE, "WatchdogSec").len(), 1);
    manager.hears("WATCHDOG=1");
    manager.hears("WATCHDOG=1");
    echoes(address);
    // ExecReload=: another process becomes the main one.
    assert_eq!(
        settings(SERVICE, "ExecReload"),
        ["/bin/kill -USR2 $MAINPID"]
    );
    assert_eq!(settings(SERVICE, "NotifyAccess"), ["all"]);
    echo.restart();
    let main = manager.hears("MAINPID=");
    assert_eq!(main, format!("MAINPID={}", echo.pid()));
    manager.hears("WATCHDOG=1");
    echoes(address);
    // A stop: the connection that is open comes to its end first.
    let mut client = connect(address);
    client.write_all(b"before").unwrap();
    client.read_exact(&mut [0; 6]).unwrap();
    echo.signal("TERM");
    echo.logs("the drain is told to those who ask");
    client.write_all(b"meanwhile").unwrap();
    client.read_exact(&mut [0; 9]).unwrap();
    drop(client);
    manager.hears("STOPPING=1");
}

/// The system calls that sets of systemd name.
fn sets() -> BTreeMap<String, BTreeSet<String>> {
    let mut command = Command::new("systemd-analyze");
    let output = command
        .args(["syscall-filter", "--no-pager"])
        .output()
        .unwrap();
    let mut sets = BTreeMap::<_, BTreeSet<_>>::new();
    let mut set = String::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        if line.starts_with('@') {
            line.clone_into(&mut set);
        } else if !line.trim().is_empty() && !line.trim().starts_with('#') {
            sets.entry(set.clone())
                .or_default()
                .insert(line.trim().to_owned());
        }
    }
    sets
}

fn members(set: &str, sets: &BTreeMap<String, BTreeSet<String>>, found: &mut BTreeSet<String>) {
    for member in sets.get(set).unwrap_or_else(|| panic!("there is no {set}")) {
        if member.starts_with('@') {
            members(member, sets, found);
        } else {
            found.insert(member.clone());
        }
    }
}

/// What `SystemCallFilter=` leaves.
fn allowed() -> BTreeSet<String> {
    let sets = sets();
    let mut allowed = BTreeSet::new();
    for filter in settings(SERVICE, "SystemCallFilter") {
        let mut named = BTreeSet::new();
        for set in filter.trim_start_matches('~').split_whitespace() {
            members(set, &sets, &mut named);
        }
        if filter.starts_with('~') {
            allowed.retain(|call| !named.contains(call));
        } else {
            allowed.extend(named);
        }
    }
    allowed
}

#[test]
#[cfg(feature = "operations")]
fn the_program_makes_no_system_call_that_its_unit_refuses() {
    if !has("strace") || !has("systemd-analyze") {
        return;
    }
    let units = Units::new("calls");
    let calls = units.path("calls");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o"]).arg(&calls);
    command.arg(example("echo").get_program());
    let admin = format!("unix:{}", units.path("admin.sock").display());
    let local = "tcp:0:interface=127.0.0.1";
    command.args([local, "--admin", &admin, "--health", local, "--drain", "30"]);
    command.env("RUST_LOG", "info");
    let mut echo = Started::new(command);
    // Each of the three says where it is, in any order.
    let lines = [echo.line(), echo.line(), echo.line()];
    let place = lines
        .iter()
        .find_map(|line| line.strip_prefix("listening on "));
    let address = place.unwrap().parse().unwrap();
    echoes(address);
    let inner = fs::read_to_string(format!("/proc/{0}/task/{0}/children", echo.pid())).unwrap();
    echo.follow(inner.trim().parse().unwrap());
    echo.restart();
    echoes(address);
    echo.stop();
    let told = fs::read_to_string(&calls).unwrap();
    let made: BTreeSet<_> = told
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(_, call)| Some(call.trim_start().split_once('(')?.0.to_owned()))
        .filter(|name| {
            name.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
        .collect();
    assert!(
        made.contains("accept4") && made.contains("execve"),
        "{made:?}"
    );
    let allowed = allowed();
    let refused: Vec<_> = made.difference(&allowed).collect();
    assert_eq!(refused, Vec::<&String>::new());
}
