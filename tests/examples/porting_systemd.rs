//! The greeter of the porting guide, as its units say, in each of the languages.

use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use crate::porting::both;
use crate::program::{Program, connect_soon, has};

/// What a unit file says of this.
fn said(unit: &str, name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/porting");
    let text = std::fs::read_to_string(folder.join(unit)).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.strip_prefix('='))
        .unwrap()
        .to_owned()
}

#[test]
fn a_greeter_on_the_socket_of_its_unit() {
    if !has("systemd-socket-activate") {
        return;
    }
    let started = said("greeter.service", "ExecStart");
    let (_, endpoint) = started.split_once(' ').unwrap();
    let name = said("greeter.socket", "FileDescriptorName");
    assert!(said("greeter.socket", "ListenStream").starts_with("127.0.0.1:"));
    for greeter in both("greeter", &[endpoint]) {
        // Another port than that of the unit, since tests run side by side.
        let address = {
            let socket = TcpListener::bind("127.0.0.1:0").unwrap();
            socket.local_addr().unwrap()
        };
        let mut activate = Command::new("systemd-socket-activate");
        activate.arg(format!("--listen={address}"));
        activate.arg(format!("--fdname={name}"));
        // It passes on few variables.
        activate.arg(greeter.get_program()).args(greeter.get_args());
        let greeter = Program::run(activate);
        for _ in 0..2 {
            let mut greeting = String::new();
            let mut visitor = connect_soon(address);
            visitor.read_to_string(&mut greeting).unwrap();
            let port = address.port();
            assert_eq!(greeting, format!("you have reached port {port}\r\n"));
        }
        assert_eq!(greeter.listening(), address);
        greeter.stop();
    }
}
