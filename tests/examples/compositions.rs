//! Layers over endpoints, as a string says it, on both sides of real connections.

use crate::files::Files;
use crate::program::{Program, breaks_off, connect, has, pattern, there_and_back};

const LOCAL: &str = "tcp:0:interface=127.0.0.1";

/// What goes through `forward` to this echo comes back, behind a greeting.
#[track_caller]
fn passes(server: &str, greeting: &str) {
    let (forward, address) = Program::serve("forward", &[LOCAL, server]);
    let data = pattern(300_000);
    let back = there_and_back(&mut connect(address), &data);
    let expected = [greeting.as_bytes(), &data].concat();
    assert!(back == expected, "{server}");
    forward.stop();
}

#[test]
fn the_same_layers_on_both_sides() {
    if !has("openssl") {
        return;
    }
    let files = Files::new("compositions");
    let (key, certificate) = (files.path("key.pem"), files.path("certificate.pem"));
    let serves = format!("tls:privateKey={key}:certKey={certificate}");
    let trusts = format!("tls:trustRoots={certificate}");
    // The echo says whose address it has been told.
    for (server, client, greeting) in [
        ("haproxy:".into(), "haproxy:".into(), "LOCAL\n"),
        (
            "haproxy:trusted=any:".into(),
            "haproxy:version=1:".into(),
            "UNKNOWN\n",
        ),
        (
            "tap:haproxy:".into(),
            r"haproxy:source=192.0.2.1\:1234:destination=198.51.100.9\:443:".into(),
            "SRC 192.0.2.1 1234 DST 198.51.100.9 443\n",
        ),
        (
            format!("{serves}:haproxy:"),
            format!("{trusts}:haproxy:"),
            "LOCAL\n",
        ),
        (
            format!("haproxy:{serves}:"),
            format!("haproxy:{trusts}:"),
            "LOCAL\n",
        ),
        (
            format!("{serves}:{serves}:"),
            format!("{trusts}:{trusts}:"),
            "",
        ),
        (
            format!("tap:limit:total=5:timeout:idle=60:{serves}:throttle:read=100000000:"),
            format!("timeout:total=60:tap:{trusts}:throttle:write=100000000:"),
            "",
        ),
    ] {
        let (echo, address) = Program::serve("echo", &[&format!("{server}{LOCAL}")]);
        passes(
            &format!("{client}tcp:localhost:{}", address.port()),
            greeting,
        );
        echo.stop();
    }
}

#[test]
fn tls_goes_through_a_proxy_to_the_host_behind() {
    if !has("openssl") {
        return;
    }
    let files = Files::new("through-a-proxy");
    let (key, certificate) = (files.path("key.pem"), files.path("certificate.pem"));
    let listen = format!("tls:0:interface=127.0.0.1:privateKey={key}:certKey={certificate}");
    let (echo, target) = Program::serve("echo", &[&listen]);
    let password = ["--user", "me", "--password", "secret"];
    let (proxy, address) = Program::serve("socks", &[&[LOCAL][..], &password].concat());
    let (host, port) = ("localhost", target.port());
    passes(
        &format!(
            "tls:trustRoots={certificate}:socks:host={host}:port={port}:user=me:password=secret:tcp:127.0.0.1:{}",
            address.port()
        ),
        "",
    );
    proxy.stop();
    echo.stop();
}

#[test]
fn what_cannot_be_reached_is_let_go() {
    for server in ["tcp:localhost:1", "tcp:127.0.0.1:1"] {
        let (forward, address) = Program::serve("forward", &[LOCAL, server]);
        assert!(breaks_off(address), "{server}");
        forward.stop();
    }
}
