use std::io::Write;
use std::net::Shutdown;

use crate::files::Files;
use crate::program::{Program, connect, example, has, pattern, read_all};

#[test]
fn every_example_can_speak_tls() {
    if !has("openssl") {
        return;
    }
    let files = Files::new("tls-endpoints");
    let (key, certificate) = (files.path("key.pem"), files.path("certificate.pem"));
    let listen = format!("tls:0:interface=127.0.0.1:privateKey={key}:certKey={certificate}");
    let (echo, target) = Program::serve("echo", &[&listen]);
    let port = target.port();
    let data = pattern(1024 * 1024);
    for (server, comes) in [
        (
            format!("tls:localhost:{port}:trustRoots={certificate}"),
            true,
        ),
        (
            format!("tls:127.0.0.1:{port}:trustRoots={certificate}"),
            true,
        ),
        (
            format!("tls:127.0.0.1:{port}:trustRoots={certificate}:name=localhost"),
            true,
        ),
        (
            format!("tls:127.0.0.1:{port}:trustRoots={certificate}:name=example.org"),
            false,
        ),
        (format!("tcp:127.0.0.1:{port}"), false),
    ] {
        let (forward, address) = Program::serve("forward", &["tcp:0:interface=127.0.0.1", &server]);
        let mut stream = connect(address);
        let sender = {
            let (mut stream, data) = (stream.try_clone().unwrap(), data.clone());
            std::thread::spawn(move || {
                let sent = stream.write_all(&data);
                let ended = stream.shutdown(Shutdown::Write);
                assert!(!comes || sent.is_ok() && ended.is_ok());
            })
        };
        if comes {
            assert!(read_all(&mut stream) == data, "{server}")
        } else {
            let mut back = Vec::new();
            let _ = std::io::Read::read_to_end(&mut stream, &mut back);
            // At most an alert.
            assert!(back.len() < 100, "{server}");
        }
        sender.join().unwrap();
        drop(stream);
        forward.stop();
    }
    echo.stop();
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let output = example("echo")
        .arg("tls:0:privateKey=/nowhere/key.pem")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let says = String::from_utf8(output.stderr).unwrap();
    assert!(
        says.contains("character 18: ") && says.contains("/nowhere/key.pem"),
        "{says}"
    );
    assert_eq!(says.lines().count(), 1, "{says}");
}
