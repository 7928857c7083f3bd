//! The image in `deploy/container`, as far as that goes without a container: its program is the first process
//! of a namespace, with the command of the image.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;

use crate::program::{connect, example, has};
use crate::started::Started;

/// What an instruction of the file says, each time.
fn instructions(name: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/container/Containerfile");
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    let wanted = lines.filter(|(instruction, _)| *instruction == name);
    wanted.map(|(_, rest)| rest.to_owned()).collect()
}

/// Words as JSON: the form in which no shell stands between.
fn words(name: &str) -> Vec<String> {
    let [said] = &instructions(name)[..] else {
        panic!("one {name}");
    };
    serde_json::from_str(said).expect("a list of words")
}

/// The program as the first process of a namespace of its own.
fn first_process(name: &str) -> Option<Started> {
    if !has("unshare") {
        return None;
    }
    assert_eq!(words("ENTRYPOINT"), ["/echo"]);
    let mut command = Command::new("unshare");
    // A user who is not root may do so in a namespace of users.
    command.args([
        "--map-root-user",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
    ]);
    command.arg(example("echo").get_program());
    for word in words("CMD") {
        command.arg(match word.as_str() {
            "tcp:8007" => "tcp:0:interface=127.0.0.1".to_owned(),
            // It says where it is in any order, and the place is no address.
            "tcp:9102" => format!("unix:@retwist-container-{name}-{}", std::process::id()),
            // The notice.
            "5" => "0".to_owned(),
            _ => word,
        });
    }
    command.env("RUST_LOG", "info");
    let mut echo = Started::new(command);
    // The health and the port say where they are, in any order; if the system allows no namespaces, neither.
    echo.logs_or_ends("descriptors are allowed")?;
    let children = format!("/proc/{0}/task/{0}/children", echo.pid());
    let inner = fs::read_to_string(children).unwrap();
    let inner = inner.trim().parse().unwrap();
    let status = fs::read_to_string(format!("/proc/{inner}/status")).unwrap();
    let namespaces = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    assert_eq!(namespaces.unwrap().split_whitespace().last(), Some("1"));
    echo.follow(inner);
    Some(echo)
}

fn address(echo: &Started) -> std::net::SocketAddr {
    let lines = [echo.line(), echo.line()];
    let mut places = lines
        .iter()
        .filter_map(|line| line.strip_prefix("listening on "));
    places.find_map(|place| place.parse().ok()).unwrap()
}

#[test]
#[cfg(feature = "operations")]
fn the_signal_of_the_image_drains_the_first_process() {
    let [signal] = &instructions("STOPSIGNAL")[..] else {
        panic!("one signal");
    };
    let Some(echo) = first_process("drained") else {
        return;
    };
    let mut client = connect(address(&echo));
    client.write_all(b"before").unwrap();
    client.read_exact(&mut [0; 6]).unwrap();
    echo.signal(signal.trim_start_matches("SIG"));
    echo.logs("draining: a signal came");
    client.write_all(b"meanwhile").unwrap();
    client.read_exact(&mut [0; 9]).unwrap();
    drop(client);
    echo.logs("drained");
    assert_eq!(echo.end(), Some(0));
}

#[test]
#[cfg(feature = "operations")]
fn the_first_process_is_not_replaced() {
    let Some(echo) = first_process("kept") else {
        return;
    };
    let at = address(&echo);
    echo.signal("USR2");
    echo.logs("no restart: this is the first process");
    let mut client = connect(at);
    client.write_all(b"still here").unwrap();
    client.read_exact(&mut [0; 10]).unwrap();
    drop(client);
    echo.signal("INT");
    assert_eq!(echo.end(), Some(0));
}

#[test]
fn the_image_has_no_shell_no_root_and_low_ports() {
    assert_eq!(instructions("USER"), ["65534:65534"]);
    let [build, image] = &instructions("FROM")[..] else {
        panic!("a stage that builds, and the image");
    };
    assert!(build.contains("alpine") && image == "scratch");
    for port in instructions("EXPOSE")[0].split_whitespace() {
        assert!(port.parse::<u16>().unwrap() > 1023);
        let endpoint = format!("tcp:{port}");
        assert!(words("CMD").contains(&endpoint), "{endpoint}");
    }
}
