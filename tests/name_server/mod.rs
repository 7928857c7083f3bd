//! Name servers from outside the project on this machine, for the tests of DNS: NSD, which has
//! zones, Unbound, which asks it, and Twisted's own.
#![allow(dead_code, reason = "no test needs all of it")]

use std::fmt::Write;
use std::fs;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(120);

/// A name server that runs. It is killed when this is dropped.
pub(crate) struct NameServer {
    child: Child,
    folder: PathBuf,
    pub(crate) address: SocketAddr,
}

impl NameServer {
    /// NSD with the zones of this folder, and with answers that are too long for a datagram.
    pub(crate) fn nsd() -> Self {
        NameServer::start("nsd", |folder, port| {
            let here = here();
            let mut example = fs::read_to_string(here.join("example.zone")).expect("a zone");
            for number in 0..200 {
                let _ = writeln!(example, "many A 10.0.{}.{number}", number % 3);
            }
            for number in 0..20 {
                let text = "x".repeat(240);
                let _ = writeln!(example, "long TXT \"{number}\" \"{text}\"");
            }
            fs::write(folder.join("example.zone"), example).expect("a zone is written");
            for zone in ["reverse.zone", "other.zone"] {
                fs::copy(here.join(zone), folder.join(zone)).expect("a zone is copied");
            }
            let zone = |name: &str, file: &str| {
                format!("zone:\n  name: \"{name}\"\n  zonefile: \"{file}\"\n")
            };
            let zones = [
                zone("example", "example.zone"),
                zone("2.0.192.in-addr.arpa", "reverse.zone"),
                zone("other", "other.zone"),
            ];
            let shown = folder.display();
            let text = format!(
                "server:\n  ip-address: 127.0.0.1@{port}\n  username: \"\"\n  zonesdir: \"{shown}\"\n  \
                 database: \"\"\n  pidfile: \"{shown}/pid\"\n  xfrdfile: \"{shown}/xfrd\"\n  \
                 zonelistfile: \"{shown}/zones\"\n  xfrdir: \"{shown}\"\n  server-count: 1\n  rrl-ratelimit: 0\n\
                 remote-control:\n  control-enable: no\n{}",
                zones.concat()
            );
            with_file("nsd", folder, &text)
        })
    }

    /// Unbound, which asks this server for its zones.
    pub(crate) fn unbound(of: &NameServer) -> Self {
        let zones = ["example", "other", "2.0.192.in-addr.arpa"];
        let stub = |name: &str| {
            let server = of.address;
            format!(
                "stub-zone:\n  name: \"{name}\"\n  stub-addr: {}@{}\n",
                server.ip(),
                server.port()
            )
        };
        let stubs = zones.map(stub).concat();
        NameServer::start("unbound", |folder, port| {
            let shown = folder.display();
            let text = format!(
                "server:\n  interface: 127.0.0.1\n  port: {port}\n  username: \"\"\n  chroot: \"\"\n  \
                 directory: \"{shown}\"\n  pidfile: \"{shown}/pid\"\n  use-syslog: no\n  \
                 do-daemonize: no\n  module-config: \"iterator\"\n  do-not-query-localhost: no\n  \
                 local-zone: \"2.0.192.in-addr.arpa.\" nodefault\n  num-threads: 1\n\
                 remote-control:\n  control-enable: no\n{stubs}"
            );
            with_file("unbound", folder, &text)
        })
    }

    /// Twisted's own. `None` if Twisted is not installed; in CI it has to be.
    pub(crate) fn twisted() -> Option<Self> {
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/twisted/bin/python");
        if !python.exists() {
            assert!(std::env::var_os("CI").is_none(), "Twisted is not installed");
            eprintln!("Twisted is not installed, so its name server is not asked");
            return None;
        }
        Some(NameServer::start("twisted", |_, port| {
            let mut command = Command::new(&python);
            command
                .arg(here().join("twisted_server.py"))
                .arg(port.to_string());
            command
        }))
    }

    /// Starts a program, which may keep its files in a folder, on a port that is free.
    fn start(program: &str, command: impl Fn(&Path, u16) -> Command) -> Self {
        static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("retwist-{program}-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let began = Instant::now();
        // Another program may take the port in the meantime: then the server ends, and the next port is tried.
        loop {
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).expect("a folder is made");
            let port = free_port();
            let log = fs::File::create(folder.join("log")).expect("a log");
            let child = command(&folder, port)
                .env("PATH", search_path())
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log)
                .spawn()
                .expect("the name server starts");
            let mut server = NameServer {
                child,
                folder: folder.clone(),
                address: ([127, 0, 0, 1], port).into(),
            };
            if server.is_ready(began) {
                return server;
            }
            let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
            assert!(
                began.elapsed() < PATIENCE,
                "{program} does not start: {log}"
            );
        }
    }

    /// Asks until it answers. False if it has ended.
    fn is_ready(&mut self, began: Instant) -> bool {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let pause = Some(Duration::from_millis(100));
        socket.set_read_timeout(pause).expect("a time limit");
        socket.connect(self.address).expect("an address");
        // SOA of `example`.
        let query =
            b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x00\x00\x06\x00\x01";
        while began.elapsed() < PATIENCE {
            if self.child.try_wait().expect("it is our child").is_some() {
                return false;
            }
            let _ = socket.send(query);
            let mut answer = [0; 512];
            match socket.recv(&mut answer) {
                Ok(count) if count > 12 && answer[3] & 0x0f == 0 => return true,
                // Nothing listens there yet, which is heard at once.
                Err(_) | Ok(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
        false
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        // SIGTERM, so that it ends its own children.
        let kill = format!("kill -TERM {}", self.child.id());
        let _ = Command::new("sh").args(["-c", &kill]).status();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Where the zones are.
fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("name_server")
}

/// A name server in the foreground, with this configuration.
fn with_file(program: &str, folder: &Path, text: &str) -> Command {
    let file = folder.join("conf");
    fs::write(&file, text).expect("the configuration is written");
    let mut command = Command::new(program);
    command.arg("-d").arg("-c").arg(&file);
    command
}

/// A port that is free for UDP and for TCP.
fn free_port() -> u16 {
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let port = udp.local_addr().expect("its address").port();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Where some systems keep servers, out of the way of most users.
fn search_path() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/sbin")
}

/// Whether all of these programs are there. In CI they have to be.
pub(crate) fn has(programs: &[&str]) -> bool {
    programs.iter().all(|program| {
        let found = Command::new("sh")
            .args(["-c", &format!("command -v {program}")])
            .env("PATH", search_path())
            .stdout(Stdio::null())
            .status();
        let found = found.is_ok_and(|status| status.success());
        assert!(
            found || std::env::var_os("CI").is_none(),
            "{program} is not installed: tests/interop/install.sh installs it"
        );
        if !found {
            eprintln!("{program} is not installed, so this test is skipped: tests/interop/install.sh installs it");
        }
        found
    })
}

/// What `dig +short` says, line by line.
pub(crate) fn dig(server: SocketAddr, arguments: &[&str]) -> Vec<String> {
    let output = Command::new("dig")
        .arg(format!("@{}", server.ip()))
        .args(["-p", &server.port().to_string(), "+short"])
        .args(arguments)
        .output()
        .expect("dig runs");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("a text");
    text.lines().map(str::to_owned).collect()
}
