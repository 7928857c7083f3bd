//! The contract that every example keeps.

use std::net::{TcpListener, TcpStream};

use crate::program::{Program, connect, run};

/// All that take a place to listen as their first argument.
const EXAMPLES: [&str; 13] = [
    "chat",
    "discard",
    "echo",
    "forward",
    "frames",
    "ftp",
    "http",
    "imap",
    "pop3",
    "smtp",
    "socks",
    "tls_echo",
    "websocket",
];

/// What an example cannot do without: these show mail to users, and there are none by default.
fn required(name: &str) -> Vec<String> {
    if !["imap", "pop3"].contains(&name) {
        return Vec::new();
    }
    let mail = std::env::temp_dir().join("retwist-command-line-mail");
    let mail = mail.to_str().expect("a path in UTF-8");
    ["--user", "alice", "--password", "x", "--mail-dir", mail]
        .map(String::from)
        .to_vec()
}

#[test]
fn help_is_on_standard_output() {
    for name in EXAMPLES {
        for option in ["--help", "-h"] {
            let output = run(name, &["tcp:0", option]);
            let text = String::from_utf8(output.stdout).unwrap();
            assert_eq!(output.status.code(), Some(0), "{name}");
            assert!(text.contains(&format!("\nUsage: {name} ")), "{text}");
            // What an endpoint may be, and how it is written.
            for part in [
                "\ntcp:HOST:PORT ",
                "\ntls:PORT:privateKey=FILE ",
                r"written \:",
            ] {
                assert!(text.contains(part), "{text}");
            }
            // What it would refuse is not offered.
            assert!(!text.contains("udp:"), "{text}");
            assert!(output.stderr.is_empty(), "{name}");
        }
    }
}

#[test]
fn wrong_arguments_are_one_sentence_and_exit_2() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!(
        "tcp:{}:interface=127.0.0.1",
        taken.local_addr().unwrap().port()
    );
    let mistakes: [(&[&str], &str); 8] = [
        (&["--nonsense"], "invalid option '--nonsense'"),
        (
            &["nonsense"],
            r#"endpoint "nonsense", character 1: there is no kind of endpoint"#,
        ),
        (&["tcp:99999"], "character 5: \"99999\" is not a port"),
        (&[""], "there is no kind of endpoint"),
        (&["process:"], "the other side of a connection"),
        (&["tcp:0:interface=localhos"], "is not an IP address"),
        (
            &["tcp:0:interface=192.0.2.1"],
            "this machine does not have that address",
        ),
        (&[&taken], "another program listens there"),
    ];
    let of_their_own: [(&str, &[&str], &str); 39] = [
        ("echo", &["tcp:0", "tcp:x"], "character 5"),
        ("echo", &["--trust", "127.0.0.0/33"], "127.0.0.0/33"),
        (
            "echo",
            &["--trust"],
            "missing argument for option '--trust'",
        ),
        (
            "forward",
            &["tcp:0", "tap:tcp:example.org:0"],
            "character 21",
        ),
        (
            "forward",
            &["tcp:0", "tcp:a..b:1"],
            "is not the name or address of a host",
        ),
        (
            "forward",
            &["tcp:0", "tcp:127.0.0.1:1", "tcp:0"],
            "unexpected argument",
        ),
        (
            "forward",
            &["--proxy-protocol", "tell"],
            "there is no way \"tell\"",
        ),
        (
            "frames",
            &["--framing", "int24"],
            "there is no framing \"int24\"",
        ),
        (
            "frames",
            &["--max", "much"],
            "frames: --max: cannot parse argument \"much\": invalid digit found in string\n",
        ),
        (
            "smtp",
            &["--max-size", "-1"],
            "--max-size: cannot parse argument \"-1\"",
        ),
        (
            "echo",
            &["--trust", "any"],
            "--trust is for --proxy-protocol",
        ),
        (
            "forward",
            &["--proxy-protocol", "send", "--trust", "any"],
            "--trust is for --proxy-protocol receive",
        ),
        ("ftp", &["--root", "/no/where"], "cannot serve /no/where"),
        ("ftp", &["--user", "alice"], "go together"),
        ("imap", &["--user", "alice"], "go together"),
        ("imap", &["--mail-dir", "/tmp"], "give --user NAME"),
        ("pop3", &["--password", "x"], "go together"),
        ("pop3", &["--mail-dir", "/tmp"], "give --user NAME"),
        ("smtp", &["--cert", "/no/file"], "cannot read /no/file"),
        ("smtp", &["--mail-dir", "/dev/null"], "cannot use /dev/null"),
        ("socks", &["--user", "alice"], "go together"),
        (
            "starttls",
            &["--serve", "tcp:0", "--connect", "tcp:localhost:1"],
            "one side each",
        ),
        (
            "starttls",
            &["--key", "key.pem", "--serve", "tcp:0"],
            "--key needs --cert",
        ),
        // An option that would have no effect is a mistake: its user relies on it.
        ("starttls", &["--ca-out", "ca.pem"], "are for --serve"),
        (
            "starttls",
            &["--connect", "tcp:localhost:1", "--cert", "cert.pem"],
            "are for --serve",
        ),
        ("starttls", &["--ca", "ca.pem"], "are for --connect"),
        (
            "starttls",
            &["--serve", "tcp:0", "--name", "x"],
            "are for --connect",
        ),
        (
            "starttls",
            &["--serve", "tcp:0", "hello"],
            "the server says nothing",
        ),
        ("tls_echo", &["--alpn", "a,,b"], "1 to 255 bytes"),
        ("tls_echo", &["--ca", "ca.pem"], "are for --connect"),
        ("tls_echo", &["--file", "x"], "are for --connect"),
        (
            "tls_echo",
            &["--client-ca", "ca.pem"],
            "--client-ca needs --client-cert",
        ),
        (
            "tls_echo",
            &["--connect", "tcp:localhost:1", "--ca-out", "ca.pem"],
            "are for a server",
        ),
        (
            "tls_echo",
            &["--connect", "tcp:localhost:1", "--client-cert", "none"],
            "are for a server",
        ),
        (
            "tls_echo",
            &["--connect", "tcp:localhost:1", "--client-ca", "ca.pem"],
            "are for a server",
        ),
        (
            "tls_echo",
            &["--connect", "tcp:localhost:1", "--file", "x", "hello"],
            "not both",
        ),
        (
            "tls_echo",
            &["--client-cert", "maybe"],
            "none, optional or required",
        ),
        (
            "tls_echo",
            &["--client-cert", "required"],
            "--client-ca is missing",
        ),
        (
            "tls_echo",
            &["--name"],
            "missing argument for option '--name'",
        ),
    ];
    let shared = EXAMPLES.iter().flat_map(|name| {
        let all = move |arguments: &[&str]| {
            let given = arguments.iter().map(|&argument| argument.to_owned());
            given.chain(required(name)).collect::<Vec<_>>()
        };
        mistakes.map(|(arguments, says)| (*name, all(arguments), says))
    });
    let of_their_own = of_their_own.map(|(name, arguments, says)| {
        let given = arguments.iter().map(|&argument| argument.to_owned());
        (name, given.collect(), says)
    });
    for (name, arguments, says) in shared.chain(of_their_own) {
        let given: Vec<_> = arguments.iter().map(String::as_str).collect();
        let output = run(name, &given);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            output.status.code(),
            Some(2),
            "{name} {arguments:?}: {text}"
        );
        assert!(
            text.starts_with(&format!("{name}: ")) && text.contains(says),
            "{text}"
        );
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(output.stdout.is_empty(), "{name} {arguments:?}");
    }
}

#[test]
fn every_port_says_where_it_listens() {
    let arguments = [
        "tcp:0:interface=127.0.0.1",
        r"tcp6:0:interface=\:\:1",
        "tcp:0",
    ];
    let program = Program::start("echo", &arguments);
    for expected in ["127.0.0.1", "::1", "0.0.0.0"] {
        let address = program.listening();
        assert_eq!(address.ip().to_string(), expected);
        connect(address);
    }
}

#[test]
fn both_signals_end_it_in_order() {
    for name in EXAMPLES {
        for signal in ["INT", "TERM"] {
            let required = required(name);
            let mut arguments = vec!["tcp:0:interface=127.0.0.1"];
            arguments.extend(required.iter().map(String::as_str));
            let (program, address) = Program::serve(name, &arguments);
            // One that has nothing to connect it to resets it at once, perhaps before it is established here.
            let idle = TcpStream::connect(address);
            program.signal(signal);
            assert_eq!(program.exit_code(), Some(0), "{name} {signal}");
            drop(idle);
        }
    }
}
