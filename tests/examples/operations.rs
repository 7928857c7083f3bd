//! What those who run a server look at it with: the console, the metrics, the page and `top`, of an example
//! with real clients.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;

use crate::browser::Browser;
use crate::files::Files;
use crate::program::{PATIENCE, Program, has, run};

const LOCAL: &str = "tcp:0:interface=127.0.0.1";

/// An echo with all that it can be looked at with.
pub(crate) struct Watched {
    program: Program,
    echo: SocketAddr,
    socket: String,
    metrics: String,
    page: String,
    _files: Files,
}

impl Watched {
    pub(crate) fn start(name: &str) -> Watched {
        let files = Files::new(name);
        let socket = files.path("admin.sock");
        let admin = format!("unix:{socket}");
        let options = [
            "--admin",
            &admin,
            "--metrics",
            LOCAL,
            "--page",
            LOCAL,
            LOCAL,
        ];
        let program = Program::start("echo", &options);
        // Each of the four says where it is, in any order.
        let lines: Vec<_> = (0..4).map(|_| program.line()).collect();
        let place = |what: &str| {
            let mut found = lines.iter().filter_map(|line| line.strip_prefix(what));
            found
                .next()
                .unwrap_or_else(|| panic!("{what:?} is not in {lines:?}"))
                .to_owned()
        };
        assert_eq!(place("console on "), socket);
        Watched {
            echo: place("listening on ").parse().unwrap(),
            socket,
            metrics: place("metrics on "),
            page: place("page on "),
            program,
            _files: files,
        }
    }

    pub(crate) fn client(&self) -> TcpStream {
        let mut client = TcpStream::connect(self.echo).unwrap();
        client.write_all(b"hello").unwrap();
        client.read_exact(&mut [0; 5]).unwrap();
        client
    }

    /// The path of its console.
    pub(crate) fn socket(&self) -> &str {
        &self.socket
    }

    pub(crate) fn stop(self) {
        self.program.stop();
    }

    /// What the console answers to these commands, up to its end.
    fn ask(&self, commands: &str) -> String {
        let mut console = UnixStream::connect(&self.socket).unwrap();
        console.set_read_timeout(Some(PATIENCE)).unwrap();
        console
            .write_all(format!("{commands}\nquit\n").as_bytes())
            .unwrap();
        let mut answer = String::new();
        console.read_to_string(&mut answer).unwrap();
        answer
    }
}

/// Talks to a server without end, until this is dropped.
struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Load {
    fn on(address: SocketAddr, connections: usize) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let talk = |_| {
            let stop = stop.clone();
            thread::spawn(move || {
                let mut client = TcpStream::connect(address).unwrap();
                let mut answer = [0; 1000];
                while !stop.load(Ordering::Relaxed) {
                    client.write_all(&[7; 1000]).unwrap();
                    client.read_exact(&mut answer).unwrap();
                }
            })
        };
        let threads = (0..connections).map(talk).collect();
        Load { stop, threads }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }
}

#[test]
fn a_console_on_a_socket_of_the_owner() {
    let watched = Watched::start("console");
    let mode = std::fs::metadata(&watched.socket)
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut client = watched.client();
    let list = watched.ask("json connections");
    let mut found = list
        .lines()
        .filter(|line| line.contains("127.0.0.1"))
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let one = found.next().unwrap();
    assert_eq!(one["received"], 5);
    assert_eq!(one["peer"], client.local_addr().unwrap().to_string());
    let id = &one["id"];
    assert!(
        watched
            .ask(&format!("connection {id}"))
            .contains("received        5 bytes")
    );
    assert_eq!(
        watched.ask(&format!("abort {id}")),
        format!("connection {id} is aborted\n\n")
    );
    let ended = client.read(&mut [0]);
    assert!(ended.is_err() || ended.unwrap() == 0);
    assert!(
        watched
            .ask("loglevel debug")
            .contains("the log level is debug")
    );
    assert!(watched.ask("stop").contains("the program ends"));
    assert_eq!(watched.program.exit_code(), Some(0));
    assert!(!std::path::Path::new(&watched.socket).exists());
}

#[test]
fn a_console_drains_the_program_and_looks_on() {
    let watched = Watched::start("drain");
    let mut client = watched.client();
    let mut console = UnixStream::connect(&watched.socket).unwrap();
    console.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answers = BufReader::new(console.try_clone().unwrap()).lines();
    let mut ask = |command: &str| -> String {
        console.write_all(command.as_bytes()).unwrap();
        let answer = answers.by_ref().map(Result::unwrap);
        answer.take_while(|line| !line.is_empty()).collect()
    };
    let answer = ask("drain 3600\n");
    assert_eq!(answer, "the program drains for at most 3600 s, and ends");
    // Nothing new is accepted as soon as the ports are closed.
    while !ask("ports\n").contains("stopped") && TcpStream::connect(watched.echo).is_ok() {}
    client.write_all(b"hello").unwrap();
    client.read_exact(&mut [0; 5]).unwrap();
    assert!(ask("connections\n").contains(&client.local_addr().unwrap().to_string()));
    drop(client);
    // It is the last, and does not hold up the end.
    assert!(answers.next().is_none());
    assert_eq!(watched.program.exit_code(), Some(0));
}

#[test]
fn socat_asks_it() {
    if !has("socat") {
        return;
    }
    let watched = Watched::start("socat");
    let mut socat = Command::new("socat")
        .args(["-t", "60", "-", &format!("UNIX-CONNECT:{}", watched.socket)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    socat
        .stdin
        .take()
        .unwrap()
        .write_all(b"ports\nhelp\n")
        .unwrap();
    let output = socat.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(&watched.echo.to_string()), "{text}");
    assert!(text.contains("abort ID"), "{text}");
    watched.program.stop();
}

#[test]
fn a_socket_that_was_left_is_taken_over_and_one_that_lives_is_not() {
    let files = Files::new("taken");
    let socket = files.path("admin.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let admin = format!("unix:{socket}");
    let first = Program::start("echo", &["--admin", &admin, LOCAL]);
    let lines = [first.line(), first.line()];
    assert!(lines.contains(&format!("console on {socket}")), "{lines:?}");
    let second = run("echo", &["--admin", &admin, LOCAL]);
    assert_eq!(second.status.code(), Some(2));
    let why = String::from_utf8(second.stderr).unwrap();
    assert!(why.contains(&socket) && why.lines().count() == 1, "{why}");
    assert!(
        UnixStream::connect(&socket).is_ok(),
        "the first one goes on"
    );
    first.stop();
}

#[test]
fn what_is_wrong_with_the_options_is_said() {
    for (arguments, wanted) in [
        (&["--admin", "tcp:9000"][..], "--admin takes unix:PATH"),
        (&["--admin"], "missing argument for option '--admin'"),
        (&["--metrics", "nonsense:1"], "nonsense"),
        (&["--page=tcp:x"], "tcp:x"),
    ] {
        let output = run("echo", arguments);
        let why = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {why}");
        assert!(
            why.contains(wanted) && why.lines().count() == 1,
            "{arguments:?}: {why}"
        );
    }
}

#[test]
fn prometheus_reads_the_metrics() {
    if !has("curl") {
        return;
    }
    let watched = Watched::start("metrics");
    let client = watched.client();
    let output = Command::new("curl")
        .args(["-sS", "--max-time", "120", &watched.metrics])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.lines()
            .any(|line| line.starts_with("retwist_connections{state=\"open\"} ")),
        "{text}"
    );
    let accepted = format!("retwist_port_accepted_total{{port=\"{}\"}} 1", watched.echo);
    assert!(text.lines().any(|line| line == accepted), "{text}");
    if has("promtool") {
        let mut check = Command::new("promtool");
        check
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut check = check.spawn().unwrap();
        check
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let output = check.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    drop(client);
    watched.program.stop();
}

#[test]
fn consoles_that_flood_and_do_not_read_hold_up_no_other() {
    let watched = Watched::start("flood");
    let floods: Vec<_> = (0..15)
        .map(|_| {
            let console = UnixStream::connect(&watched.socket).unwrap();
            console.set_nonblocking(true).unwrap();
            // As much as it takes, and nothing of the answers is read.
            while (&console)
                .write(&b"stats\nconnections\n".repeat(1000))
                .is_ok()
            {}
            console
        })
        .collect();
    for _ in 0..100 {
        drop(watched.client());
    }
    assert!(watched.ask("timers").contains("pending"));
    assert!(watched.program.peak_memory() < 100 * 1024 * 1024);
    drop(floods);
    watched.program.stop();
}

#[test]
fn top_in_a_pipe_prints_one_picture() {
    let watched = Watched::start("top");
    let load = Load::on(watched.echo, 2);
    let output = run("top", &[&format!("unix:{}", watched.socket)]);
    drop(load);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(
        text.contains("throughput") && text.contains(&watched.echo.to_string()),
        "{text}"
    );
    let gone = run("top", &["unix:/nonexistent/admin.sock"]);
    assert_eq!(gone.status.code(), Some(1));
    watched.program.stop();
}

#[test]
fn a_page_under_load_in_a_browser() {
    if !has("chromium") {
        return;
    }
    let watched = Watched::start("page");
    let load = Load::on(watched.echo, 8);
    let mut browser = Browser::start();
    let mut page = browser.open(&watched.page);
    browser.wait_for_text(&mut page, "#notice", "live");
    browser.wait_for_text(&mut page, "#ports", &watched.echo.to_string());
    browser.wait_for_text(&mut page, "#connections", "127.0.0.1:");
    browser.wait_for_text(&mut page, "#throughput-now", "B/s");
    let drawn = "[...document.querySelectorAll('#throughput-chart polyline')].every((line) => line.points.numberOfItems > 3)";
    let until = format!(
        "new Promise((done) => {{ const look = () => {drawn} ? done(true) : setTimeout(look, 100); look(); }})"
    );
    assert_eq!(browser.evaluate(&mut page, &until), true);
    if let Ok(folder) = std::env::var("RETWIST_SCREENSHOTS") {
        for scheme in ["light", "dark"] {
            browser.prefer(&mut page, scheme);
            browser.screenshot(&mut page, format!("{folder}/page-{scheme}.png").as_ref());
        }
    }
    // The server goes, and the page says so.
    drop(load);
    watched.program.signal("TERM");
    browser.wait_for_text(&mut page, "#notice", "disconnected");
    assert_eq!(watched.program.exit_code(), Some(0));
}

#[test]
fn two_hundred_pages_are_fed() {
    use async_tungstenite::tungstenite::{self, Message};

    let watched = Watched::start("pages");
    let url = format!("{}live", watched.page.replace("http", "ws"));
    let address: SocketAddr = watched.page["http://".len()..]
        .trim_end_matches('/')
        .parse()
        .unwrap();
    let mut pages: Vec<_> = (0..200)
        .map(|_| {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            tungstenite::client(&url, crate::steady::Steady(stream))
                .unwrap()
                .0
        })
        .collect();
    for _ in 0..3 {
        for page in &mut pages {
            let Message::Text(text) = page.read().unwrap() else {
                panic!("a page is fed with text");
            };
            let sample: Value = serde_json::from_str(&text).unwrap();
            assert!(sample["stats"]["connections"].as_u64() > Some(0));
        }
    }
    drop(watched.client());
    assert!(watched.program.peak_memory() < 200 * 1024 * 1024);
    drop(pages);
    watched.program.stop();
}
