//! What a program does about the limits of the system when it starts.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use crate::program::{connect, example, read_all, run};
use crate::started::Started;

const LOCAL: &str = "tcp:0:interface=127.0.0.1";

/// The soft and the hard limit of descriptors of a process.
fn descriptors(pid: u32) -> (String, String) {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let mut words = line.unwrap().split_whitespace().skip(3);
    let mut word = || words.next().unwrap().to_owned();
    (word(), word())
}

#[test]
fn the_soft_limit_of_descriptors_becomes_the_hard_one() {
    let mut command = Command::new("sh");
    let program = example("echo").get_program().to_owned();
    command.args(["-c", "ulimit -Sn 64; exec \"$0\" \"$@\""]);
    command.arg(program).arg(LOCAL).env("RUST_LOG", "info");
    let echo = Started::new(command);
    let address = echo.address();
    let (soft, hard) = descriptors(echo.pid());
    assert_eq!(soft, hard);
    echo.logs(&format!("{hard} descriptors are allowed; 64 were before"));
    // More than there were before.
    let clients: Vec<_> = (0..100)
        .map(|_| {
            let mut client = connect(address);
            client.write_all(b"x").unwrap();
            client.read_exact(&mut [0]).unwrap();
            client
        })
        .collect();
    drop(clients);
    echo.stop();
}

#[test]
fn a_queue_that_the_system_shortens_is_said() {
    let most = fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    let most: u32 = most.trim().parse().unwrap();
    let start = |backlog: u32| {
        let mut command = example("echo");
        command.arg(format!("{LOCAL}:backlog={backlog}"));
        Started::new(command)
    };
    let long = start(most + 1);
    long.address();
    long.logs(&format!(
        "a port asks for a queue of {} connections, and the system gives it {most}: raise net.core.somaxconn",
        most + 1
    ));
    long.stop();
    let short = start(most);
    short.address();
    let said = short.stop();
    assert!(!said.contains("a queue"), "{said}");
}

/// Whether this is root. Where the tests are to be complete, they run as root once: this says if not.
fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("this is not root, so what root gives up is not tested");
    }
    root
}

/// A port that only root may open, and that nothing listens on.
fn low_port() -> u16 {
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let first = 600 + u16::try_from(std::process::id() % 300).unwrap();
    (first..1024).find(free).expect("a free port below 1024")
}

/// A copy of an example where any user may start it.
struct Installed {
    folder: PathBuf,
}

impl Installed {
    fn new(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("retwist-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy(example("echo").get_program(), folder.join("echo")).unwrap();
        Installed { folder }
    }

    fn command(&self, port: u16, user: &str) -> Command {
        let mut command = Command::new(self.folder.join("echo"));
        let endpoint = format!("tcp:{port}:interface=127.0.0.1");
        command.args([&endpoint, "--run-as", user, "--drain", "30"]);
        command.env("RUST_LOG", "info");
        command
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Users, groups and further groups of a process.
fn identity(pid: u32) -> [Vec<u32>; 3] {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    ["Uid:", "Gid:", "Groups:"].map(|name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let numbers = line.unwrap().split_whitespace();
        numbers.map(|number| number.parse().unwrap()).collect()
    })
}

fn echoes(address: SocketAddr) {
    let mut client = connect(address);
    client.write_all(b"hello").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&mut client), b"hello");
}

#[test]
fn a_low_port_outlives_root_and_a_restart() {
    if !is_root() {
        return;
    }
    let installed = Installed::new("low");
    let port = low_port();
    let mut echo = Started::new(installed.command(port, "65534:65534"));
    let address = echo.address();
    assert_eq!(address.port(), port);
    let user = [vec![65534; 4], vec![65534; 4], vec![65534]];
    assert_eq!(identity(echo.pid()), user);
    echo.logs("runs as 65534:65534 (user 65534, group 65534) from now on");
    echoes(address);
    // The new version is that user from the beginning, and has the port all the same.
    echo.begin_restart();
    echo.logs("runs as 65534:65534 (user 65534, group 65534) already");
    echo.complete_restart();
    assert_eq!(echo.address(), address);
    assert_eq!(identity(echo.pid()), user);
    echoes(address);
    echo.stop();
}

/// A key that root alone may read is read before, and a new version cannot: the old one goes on.
#[test]
fn a_key_of_root_is_read_at_the_start_and_not_in_a_restart() {
    if !is_root() {
        return;
    }
    let installed = Installed::new("key");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let both = installed.folder.join("both.pem");
    let text = made.cert.pem() + &made.signing_key.serialize_pem();
    fs::write(&both, text).unwrap();
    let mode = |mode| fs::set_permissions(&both, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o600);
    let mut command = Command::new(installed.folder.join("echo"));
    let tls = format!(
        "tls:{}:interface=127.0.0.1:privateKey={}",
        low_port(),
        both.display()
    );
    command.args([&tls, "--run-as", "65534:65534"]);
    command.env("RUST_LOG", "info");
    let mut echo = Started::new(command);
    let address = echo.address();
    assert_eq!(identity(echo.pid())[0], [65534; 4]);
    echo.begin_restart();
    echo.logs("Permission denied");
    echo.logs("the restart has failed, and this program goes on");
    drop(connect(address));
    // The user of the service may read it.
    mode(0o644);
    echo.restart();
    assert_eq!(echo.address(), address);
    echo.stop();
}

#[test]
fn all_threads_of_workers_give_it_up() {
    if !is_root() {
        return;
    }
    let installed = Installed::new("workers");
    let mut command = installed.command(low_port(), "65534:65534");
    command.args(["--workers", "3"]);
    let echo = Started::new(command);
    let address = echo.address();
    let tasks = fs::read_dir(format!("/proc/{}/task", echo.pid())).unwrap();
    let mut count = 0;
    for task in tasks {
        let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        assert!(
            status.contains("\nUid:\t65534\t65534\t65534\t65534\n"),
            "{status}"
        );
        count += 1;
    }
    assert!(count >= 4, "{count} threads");
    echoes(address);
    echo.stop();
}

#[test]
fn a_user_by_name_is_in_the_groups_of_the_tables() {
    if !is_root() {
        return;
    }
    let installed = Installed::new("name");
    let echo = Started::new(installed.command(low_port(), "daemon"));
    echo.address();
    let [users, groups, _] = identity(echo.pid());
    let id = |option: &str| {
        let output = Command::new("id").args([option, "daemon"]).output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        text.trim().parse::<u32>().unwrap()
    };
    assert_eq!((users, groups), (vec![id("-u"); 4], vec![id("-g"); 4]));
    echo.stop();
}

#[test]
fn what_is_wrong_with_the_user_is_said() {
    let own = rustix::process::geteuid();
    let other = format!("{0}:{0}", own.as_raw() + 1);
    let mut table: Vec<(&str, &str)> = vec![
        (
            "no-such-user",
            "there is no user \"no-such-user\" on this system",
        ),
        (
            "daemon:no-such-group",
            "there is no group \"no-such-group\"",
        ),
        ("root", "is root: name a user who may do less"),
        ("0:0", "is root: name a user who may do less"),
        ("4000000000", "name a group, as in 4000000000:4000000000"),
        ("", "there is no user \"\""),
    ];
    if !own.is_root() {
        table.push((&other, "only root can become"));
    }
    for (user, wanted) in table {
        let output = run("echo", &[LOCAL, "--run-as", user]);
        let why = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{user}: {why}");
        assert!(
            why.contains(wanted) && why.lines().count() == 1,
            "{user}: {why}"
        );
    }
}

/// A program that keeps what root may do, whatever user it becomes, is told, and serves no client.
#[test]
fn root_that_would_come_back_is_found() {
    if !is_root() || !crate::program::has("setpriv") {
        return;
    }
    let installed = Installed::new("back");
    let port = low_port();
    let inner = installed.command(port, "65534:65534");
    let mut command = Command::new("setpriv");
    // The kernel takes no capability away when the user changes.
    command.args(["--securebits", "+no_setuid_fixup"]);
    command.arg(inner.get_program()).args(inner.get_args());
    let output = command.stdin(Stdio::null()).output().unwrap();
    let why = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{why}");
    assert!(why.contains("could become root again"), "{why}");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn the_help_says_what_is_tuned_where() {
    let output = run("echo", &["--help"]);
    let help = String::from_utf8(output.stdout).unwrap();
    for part in [
        "LimitNOFILE=",
        "net.core.somaxconn",
        "--run-as USER[:GROUP]",
        "net.ipv4.ip_unprivileged_port_start",
        "CAP_NET_BIND_SERVICE",
        "limit:total=N:",
        "WatchdogSec=",
        "--drain-notice SECONDS",
    ] {
        assert!(help.contains(part), "{part} is not in\n{help}");
    }
    assert!(Path::new("/proc/sys/net/core/somaxconn").exists());
}
