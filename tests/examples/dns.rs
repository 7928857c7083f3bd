//! The example `dns`, beside `dig` at the same servers.

use std::fs::File;
use std::net::UdpSocket;

use crate::name_server::{NameServer, dig, has};
use crate::porting::both;
use crate::program::{Program, example, run};

fn at(server: &NameServer) -> String {
    format!("@{}", server.address)
}

/// What the example prints, line by line.
fn lines(arguments: &[&str]) -> Vec<String> {
    let output = run("dns", arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    assert_eq!(said, "", "{arguments:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// A server may have records in another order each time, and aliases come first.
fn in_order(mut lines: Vec<String>) -> Vec<String> {
    let is_alias = |line: &&String| line.ends_with('.') && !line.contains(' ');
    let aliases = lines.iter().take_while(is_alias).count();
    lines[aliases..].sort();
    lines
}

const QUESTIONS: [&[&str]; 26] = [
    &["host.example"],
    &["host.example", "A"],
    &["HOST.example.", "aaaa"],
    &["www.example"],
    &["www.example", "AAAA"],
    &["www.example", "CNAME"],
    &["example", "MX"],
    &["example", "NS"],
    &["example", "SOA"],
    &["example", "TXT"],
    &["text.example", "TXT"],
    &["long.example", "TXT"],
    &["many.example", "A"],
    &["_imap._tcp.example", "SRV"],
    &["_pop3._tcp.example", "SRV"],
    &["silent.example", "MX"],
    &["any.wild.example"],
    &[r"odd\.name.example"],
    &["odd.example", "CNAME"],
    &[r"blank\032in.example"],
    &["unknown.example", "TYPE65280"],
    &["1.2.0.192.in-addr.arpa", "PTR"],
    &["-x", "192.0.2.1"],
    &["-x", "192.0.2.7"],
    &["--tcp", "host.example"],
    &["--tcp", "many.example"],
];

#[test]
fn it_prints_what_dig_prints() {
    if !has(&["dig", "nsd", "unbound"]) {
        return;
    }
    let nsd = NameServer::nsd();
    let unbound = NameServer::unbound(&nsd);
    for server in [&nsd, &unbound] {
        for question in QUESTIONS {
            let here = at(server);
            let mut ours = question.to_vec();
            ours.push(&here);
            let theirs: Vec<_> = question
                .iter()
                .map(|argument| {
                    if *argument == "--tcp" {
                        "+tcp"
                    } else {
                        argument
                    }
                })
                .collect();
            let ours = in_order(lines(&ours));
            assert!(!ours.is_empty(), "{question:?}");
            assert_eq!(ours, in_order(dig(server.address, &theirs)), "{question:?}");
        }
    }
    // A server that asks no other does not follow an alias out of its zone. The example does; dig does not.
    let followed = ["host.other.", "198.51.100.1"];
    assert_eq!(lines(&["away.example", &at(&unbound)]), followed);
    assert_eq!(dig(unbound.address, &["away.example"]), followed);
    assert_eq!(lines(&["away.example", &at(&nsd)]), followed);
}

#[test]
fn an_answer_that_cannot_be_printed_is_a_failure() {
    if !has(&["nsd"]) {
        return;
    }
    let nsd = NameServer::nsd();
    let mut command = example("dns");
    command.args(["host.example", &at(&nsd)]);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = command.stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("standard output"), "{said}");
}

#[test]
fn if_there_is_no_answer_it_says_why() {
    if !has(&["nsd"]) {
        return;
    }
    let nsd = NameServer::nsd();
    let nothing = UdpSocket::bind("127.0.0.1:0").unwrap();
    let silent = format!("@{}", nothing.local_addr().unwrap());
    let closed = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let closed = format!("@{closed}");
    let nsd = at(&nsd);
    for (arguments, said) in [
        (
            &["missing.example", &nsd][..],
            "missing.example does not exist",
        ),
        (&["gone.example", &nsd], "missing.example does not exist"),
        (&["loop.example", &nsd], "too many times, or in a circle"),
        (
            &["host.example", "MX", &nsd],
            "host.example has no record of type MX",
        ),
        (&["elsewhere.org", &nsd], "answers REFUSED"),
        (&["deep.sub.example", &nsd], "knows only its own zones"),
        (
            &["two..dots", &nsd],
            "\"two..dots\" cannot be a name in DNS",
        ),
        (&["host.example", &closed], "nothing listens there"),
        (
            &["host.example", &silent, "--timeout", "0.1"],
            "does not answer within 0.1 s",
        ),
        (
            &["host.example", &closed, "--tcp"],
            "cannot be connected over TCP",
        ),
    ] {
        let output = run("dns", arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {text}");
        assert!(
            text.starts_with("dns: ") && text.contains(said),
            "{arguments:?}: {text}"
        );
        assert_eq!(text.lines().count(), 1);
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn help_and_mistakes() {
    let output = run("dns", &["--help"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(text.contains("\nUsage: dns NAME "), "{text}");
    for (arguments, said) in [
        (&[][..], "a name is missing"),
        (&["--nonsense"], "invalid option '--nonsense'"),
        (&["example", "NONSENSE"], "is not a type of record"),
        (&["example", "A", "more"], "unexpected argument \"more\""),
        (&["example", "@nowhere"], "is not the address of a server"),
        (
            &["example", "--timeout", "x"],
            "--timeout: cannot parse argument \"x\"",
        ),
        (&["example", "--timeout", "0"], "above 0"),
        (&["-x", "example"], "-x: cannot parse argument \"example\""),
        (&["-x", "192.0.2.1", "A"], "takes no name and no type"),
    ] {
        let output = run("dns", arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(
            text.starts_with("dns: ") && text.contains(said),
            "{arguments:?}: {text}"
        );
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(output.stdout.is_empty());
    }
}

/// The program of the porting guide, in each of the languages.
#[test]
fn a_directory() {
    if !has(&["nsd"]) {
        return;
    }
    let nsd = NameServer::nsd();
    let port = nsd.address.port().to_string();
    for (domain, expected) in [
        (
            "example",
            &[
                "mail: 10 mail.example",
                "mail: 20 mail2.example",
                "imap: 1 40 mail2.example:143",
                "imap: 1 60 mail.example:143",
                "text: v=spf1 -all",
                "web: 192.0.2.1",
                "web: 192.0.2.2",
                "host: 192.0.2.1",
            ][..],
        ),
        (
            "other",
            &[
                "imap: no such name",
                "web: no such name",
                "host: 198.51.100.1",
            ],
        ),
        (
            "missing.example",
            &["mail", "imap", "text", "web", "host"]
                .map(|what| &*format!("{what}: no such name").leak()),
        ),
    ] {
        for directory in both("directory", &["127.0.0.1", &port, domain]) {
            let directory = Program::run(directory);
            let mut lines = directory.rest();
            // One of two addresses, whichever the server has first.
            if let Some(last) = lines.last_mut().filter(|last| *last == "host: 192.0.2.2") {
                *last = "host: 192.0.2.1".to_owned();
            }
            assert_eq!(lines, expected);
            assert_eq!(directory.exit_code(), Some(0));
        }
    }
}
