//! The examples of datagrams.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use crate::program::{PATIENCE, Program, run};

const LOCAL: &str = "udp:0:interface=127.0.0.1";

fn socket(family: &str) -> UdpSocket {
    let socket = UdpSocket::bind((family, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// A datagram and its echo.
fn there_and_back(client: &UdpSocket, server: SocketAddr, data: &[u8]) {
    client.send_to(data, server).unwrap();
    let mut back = vec![0; 70_000];
    let (count, from) = client.recv_from(&mut back).unwrap();
    assert!(
        from == server && back[..count] == *data,
        "{count} bytes from {from}"
    );
}

#[test]
fn datagrams_come_back() {
    let (program, server) = Program::serve("udp_echo", &[LOCAL]);
    assert!(server.ip() == Ipv4Addr::LOCALHOST && server.port() != 0);
    let client = socket("127.0.0.1");
    for length in [5, 0, 1, 1472, 9000, 65_507] {
        there_and_back(&client, server, &vec![b'x'; length]);
    }
    program.stop();
}

#[test]
fn on_several_ports_until_control_c() {
    let six = r"udp:0:interface=\:\:1";
    let program = Program::start("udp_echo", &[LOCAL, six, "udp6:0"]);
    let servers = [
        program.listening(),
        program.listening(),
        program.listening(),
    ];
    there_and_back(&socket("127.0.0.1"), servers[0], b"hello");
    there_and_back(&socket("::1"), servers[1], b"hello");
    assert!(servers[2].ip().is_unspecified() && servers[2].is_ipv6());
    program.signal("INT");
    assert_eq!(program.exit_code(), Some(0));
}

#[test]
fn help_and_mistakes() {
    let taken = socket("127.0.0.1").local_addr().unwrap().port();
    let held = UdpSocket::bind(("127.0.0.1", taken)).unwrap();
    let taken = format!("udp:{taken}:interface=127.0.0.1");
    for name in ["udp_echo", "multicast"] {
        let output = run(name, &["--help"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(
            text.contains(&format!("\nUsage: {name} ")) && !text.contains("tcp:"),
            "{text}"
        );
        assert_eq!(text.contains("\nudp:PORT"), name == "udp_echo", "{text}");
    }
    for (name, arguments, said) in [
        (
            "udp_echo",
            &["--nonsense"][..],
            "invalid option '--nonsense'",
        ),
        ("udp_echo", &["tcp:0"], "did you mean udp:0?"),
        ("udp_echo", &["udp:x"], "character 5"),
        (
            "udp_echo",
            &["udp:0:interface=192.0.2.1"],
            "does not have that address",
        ),
        ("udp_echo", &[&taken], "another program listens there"),
        (
            "multicast",
            &["--group", "192.0.2.1"],
            "192.0.2.1 is not a multicast group",
        ),
        (
            "multicast",
            &["--interface", "lo"],
            "is not an IPv4 address",
        ),
        ("multicast", &["--name", ""], "a name has 1 to 64 letters"),
        (
            "multicast",
            &["--hops", "300"],
            "--hops: cannot parse argument \"300\"",
        ),
        ("multicast", &["--port", "0"], "from 1 to 65535"),
        ("multicast", &["extra"], "unexpected argument"),
    ] {
        let output = run(name, arguments);
        let said_it = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{name} {arguments:?}");
        assert!(
            said_it.contains(said) && said_it.lines().count() == 1,
            "{said_it}"
        );
        assert!(output.stdout.is_empty());
    }
    drop(held);
}

#[test]
fn a_group_that_cannot_be_joined_ends_the_program() {
    let port = socket("0.0.0.0").local_addr().unwrap().port().to_string();
    let elsewhere = ["--interface", "192.0.2.1", "--port", &port];
    let output = run("multicast", &elsewhere);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("cannot join") && said.lines().count() == 1,
        "{said}"
    );
}

#[test]
fn peers_find_each_other() {
    let port = socket("0.0.0.0").local_addr().unwrap().port().to_string();
    let finder = |name| {
        let arguments = [
            "--interface",
            "127.0.0.1",
            "--hops",
            "0",
            "--port",
            &port,
            "--name",
            name,
        ];
        let program = Program::start("multicast", &arguments);
        assert_eq!(program.listening().to_string(), format!("0.0.0.0:{port}"));
        program
    };
    let ann = finder("ann");
    let bob = finder("bob");
    assert_eq!(ann.line(), "found bob at 127.0.0.1");
    assert_eq!(bob.line(), "found ann at 127.0.0.1");
    let cid = finder("cid");
    assert_eq!(ann.line(), "found cid at 127.0.0.1");
    assert_eq!(bob.line(), "found cid at 127.0.0.1");
    let mut found = [cid.line(), cid.line()];
    found.sort();
    assert_eq!(found, ["found ann at 127.0.0.1", "found bob at 127.0.0.1"]);
    // One says goodbye, and another cannot.
    bob.stop();
    assert_eq!(ann.line(), "lost bob");
    assert_eq!(cid.line(), "lost bob");
    cid.signal("KILL");
    assert_eq!(ann.line(), "lost cid");
    // What is not theirs is passed over.
    let stranger = socket("127.0.0.1");
    stranger
        .send_to(b"\xff", ("127.0.0.1", port.parse().unwrap()))
        .unwrap();
    stranger
        .send_to(b"hello 1 \x1b[2J", ("127.0.0.1", port.parse().unwrap()))
        .unwrap();
    ann.stop();
}
