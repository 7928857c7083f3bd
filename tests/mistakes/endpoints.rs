//! Mistakes in the strings that name endpoints.

use retwist::endpoint::{client_from_string, server_from_string};
use retwist::error_chain;

use crate::Mistake;

const LISTENING: [(&str, &str); 12] = [
    ("listen on `8007`", "8007"),
    ("listen on `tcp`", "tcp"),
    ("listen on `tcp:http`", "tcp:http"),
    ("listen on `tcp:70000`", "tcp:70000"),
    ("listen on `tcp:127.0.0.1:8007`", "tcp:127.0.0.1:8007"),
    (
        "listen on `tcp:8007:interface=::1`",
        "tcp:8007:interface=::1",
    ),
    (
        "listen on `tcp:8007:interfaec=127.0.0.1`",
        "tcp:8007:interfaec=127.0.0.1",
    ),
    ("listen on `http:80`", "http:80"),
    ("listen on `process:cat`", "process:cat"),
    ("listen on `tls:443`", "tls:443"),
    ("listen on `limit:tcp:1`", "limit:tcp:1"),
    (
        "listen on `timeout:idle=soon:tcp:1`",
        "timeout:idle=soon:tcp:1",
    ),
];

const CONNECTING: [(&str, &str); 8] = [
    ("connect to `tcp:localhost`", "tcp:localhost"),
    ("connect to `localhost:80`", "localhost:80"),
    ("connect to `tcp:::1:80`", "tcp:::1:80"),
    ("connect to `tcp:[::1]:80`", "tcp:[::1]:80"),
    ("connect to `tcp:exam ple.org:80`", "tcp:exam ple.org:80"),
    (
        "connect to `tcp:localhost:80:timeout=1m`",
        "tcp:localhost:80:timeout=1m",
    ),
    (
        "connect to `socks:host=a:port=1:user=me:tcp:b:1080`",
        "socks:host=a:port=1:user=me:tcp:b:1080",
    ),
    ("connect to `process:sh 'x`", "process:sh 'x"),
];

pub(crate) fn mistakes() -> Vec<Mistake> {
    let listening = LISTENING.map(|(mistake, text)| {
        let error = server_from_string(text).err();
        (
            mistake,
            error.map_or("accepted".into(), |error| error_chain(&error)),
        )
    });
    let connecting = CONNECTING.map(|(mistake, text)| {
        let error = client_from_string(text).err();
        (
            mistake,
            error.map_or("accepted".into(), |error| error_chain(&error)),
        )
    });
    listening.into_iter().chain(connecting).collect()
}
