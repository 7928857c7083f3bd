//! Adds TLS to a server that has none, or takes it off for a client that has none, in the dialect of
//! their protocol.
//!
//! ```text
//! cargo run --release --example starttls_proxy -- add smtp tcp:2525 tcp:127.0.0.1:25 --cert mail.crt --key mail.key
//! cargo run --release --example starttls_proxy -- strip imap tcp:1143:interface=127.0.0.1 tcp:mail.example.org:143
//! cargo run --release --example starttls_proxy -- proxies.toml
//! ```
//!
//! `options.rs` reads the command line and `config.rs` the file; both make a [`Service`]. `service.rs`
//! stacks the layers of its connections. What is said before TLS is in the library: `StartTlsServer`
//! and `StartTlsClient`.

mod config;
mod facts;
mod mysql;
mod options;
mod service;
#[path = "../support/mod.rs"]
mod support;
mod way;

use std::process::ExitCode;

use retwist::{Worker, Workers};

const HELP: &str = "
Adds TLS to a server that has none, or takes it off for a client that has none.

Usage: starttls_proxy add DIALECT LISTEN CONNECT [--cert FILE [--key FILE] | --ca-out FILE] [OPTION...]
       starttls_proxy strip DIALECT LISTEN CONNECT [--trust-roots FILE] [--name HOST] [OPTION...]
       starttls_proxy FILE.toml [--workers N]

DIALECT             smtp, lmtp, imap, pop3, nntp, sieve, ftp (its control connection), irc, xmpp, ldap, postgres,
                    mysql;
                    tls (from the first byte); proxy (a PROXY header, and then TLS);
                    http and socks (TLS inside a tunnel): add is the proxy that clients are set to use, says yes
                    to every destination, and is it itself; strip reaches --target through the proxy at CONNECT
LISTEN              where clients connect to
CONNECT             the server

add: clients have to start TLS before anything else, and only then is the server connected (but for mysql, whose
clients need the greeting of the server itself).
--cert FILE         the certificate to show, and those that certify it, PEM. It is read again when its file has
                    changed, and at SIGHUP, as are all keys and authorities; FILE.toml itself is for a new program
--key FILE          its private key, PEM (default: in the file of the certificate)
--ca-out FILE       without --cert the proxy makes an authority for itself, whose certificate is written here
--client-ca FILE    clients have to show a certificate that these authorities certify, PEM
--route NAME=CONNECT  another server for clients that ask for this name (SNI); can be given several times
--send-proxy        sends the server a PROXY header of version 2, with what is known of the client's TLS

strip: the server has to start TLS, or the client's connection ends. Nothing reaches the server in clear.
--trust-roots FILE  the authorities to trust, PEM (default: those of the system)
--name HOST         the name that the server's certificate has to be for (default: the host of CONNECT)
--target HOST:PORT  what to reach through an HTTP or SOCKS proxy (default: NAME:443)
--client-cert FILE  the certificate to show to the server, with its key in the same file, PEM

both:
--alpn NAMES        application protocols, best first, separated by commas
--server-name NAME  what the proxy calls itself when it greets (default: localhost)
--idle SECONDS      ends a connection on which nothing has moved for this long (default: 1800)
--start SECONDS     how long a peer may take to start TLS (default: 30)
--total N           how many clients at once (default: 1000)
--per-peer N        how many of them from one address (default: 1000)
--workers N         number of reactors, each in a thread of its own, on the same ports; auto: one for each core (default: 1)

The file has a [[service]] for each proxy, with the same words:

    [[service]]
    mode = \"add\"
    dialect = \"imap\"
    listen = \"tcp:143\"
    connect = \"tcp:127.0.0.1:1143\"
    cert = \"mail.crt\"
    key = \"mail.key\"
    routes = { \"old.example.org\" = \"tcp:10.0.0.7:143\" }
    send-proxy = true
";

fn main() -> ExitCode {
    support::serve(HELP, |arguments| {
        let (workers, services) = options::read(arguments)?;
        Ok((Workers::new(workers), move |worker: &Worker| {
            for service in &services {
                service.listen(worker)?;
            }
            Ok(())
        }))
    })
}
