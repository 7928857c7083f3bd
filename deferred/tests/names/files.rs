//! `resolv.conf`, and files that change.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use retwist_deferred::names::{DnsResolver, DnsSettings, RecordType};

use crate::world::{ONE, SECOND, TWO, World, a, address, now, settings};

/// A file that is removed when this is dropped.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Self {
        let name = format!("retwist-names-{}-{name}", std::process::id());
        Temporary(std::env::temp_dir().join(name))
    }

    fn write(&self, text: &str) {
        // As an administrator's tool does it: another file takes the place of the old one.
        let other = self.0.with_extension("new");
        fs::write(&other, text).unwrap();
        fs::rename(&other, &self.0).unwrap();
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn read(text: &str) -> DnsSettings {
    DnsSettings::default().with_resolv_conf(text)
}

#[test]
fn all_that_it_may_say() {
    let settings = read(
        "\
# comment
; comment
domain first.example
nameserver 192.0.2.1
nameserver 2001:db8::1
nameserver fe80::1%7
nameserver 192.0.2.4
search a.example b.example. c.example
sortlist 130.155.160.0/255.255.240.0
options ndots:3 timeout:2 attempts:4 rotate use-vc edns0 nonsense:x
options timeout:x
nonsense
",
    );
    let servers: Vec<_> = settings.servers.iter().map(ToString::to_string).collect();
    assert_eq!(
        servers,
        ["192.0.2.1:53", "[2001:db8::1]:53", "[fe80::1%7]:53"]
    );
    assert_eq!(settings.search, ["a.example", "b.example", "c.example"]);
    assert_eq!((settings.ndots, settings.attempts), (3, 4));
    assert_eq!(settings.timeout, Duration::from_secs(2));
    assert!(settings.rotate && settings.use_tcp);
}

#[test]
fn what_it_does_not_say_and_what_it_overdoes() {
    assert_eq!(read(""), DnsSettings::default());
    assert_eq!(
        read("nameserver\nnameserver x\noptions\n"),
        DnsSettings::default()
    );
    assert_eq!(read("search .\n"), DnsSettings::default());
    assert_eq!(
        read("search a\ndomain b.example more\n").search,
        ["b.example"]
    );
    let much = read("options ndots:99 timeout:99999 attempts:99999999999999999999 attempts:77\n");
    assert_eq!(
        (much.ndots, much.attempts, much.timeout),
        (15, 5, Duration::from_secs(30))
    );
    let little = read("options ndots:0 timeout:0 attempts:0\n");
    assert_eq!(
        (little.ndots, little.attempts, little.timeout),
        (0, 1, SECOND)
    );
    let ours = DnsSettings {
        cache_entries: 7,
        rotate: true,
        ..settings(&[ONE, TWO])
    };
    let over = ours.with_resolv_conf("nameserver 192.0.2.9\n");
    assert_eq!((over.cache_entries, over.rotate), (7, false));
    assert_eq!(over.servers, [address("192.0.2.9:53")]);
}

#[test]
fn a_file_that_changes_is_read_again() {
    let (conf, hosts) = (Temporary::new("resolv.conf"), Temporary::new("hosts"));
    conf.write("nameserver 192.0.2.53\n");
    let mut world = World::new();
    world.names = DnsResolver::new(world.reactor.clone(), DnsSettings::default())
        .resolv_conf(&conf.0)
        .hosts_file(&hosts.0);
    let first = world.serve_zone(ONE, vec![a("one.example", "192.0.2.1")]);
    let second = world.serve_zone(TWO, vec![a("two.example", "192.0.2.2")]);
    let addresses = |host: &str| {
        let found = world.names.addresses(host);
        world.run();
        now(found).map(|found| found.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(world.found("one.example", RecordType::A), ["192.0.2.1"]);
    assert!(
        addresses("known.example").is_err(),
        "there is no hosts file yet"
    );
    let before = first.borrow().len();

    conf.write("nameserver 192.0.2.54\n");
    hosts.write("192.0.2.7 known.example\n");
    assert!(
        addresses("known.example").is_err(),
        "it is looked at once a second"
    );
    world.advance(SECOND);
    assert_eq!(world.names.settings().servers, [address(TWO)]);
    assert_eq!(world.found("two.example", RecordType::A), ["192.0.2.2"]);
    assert_eq!((first.borrow().len(), second.borrow().len()), (before, 1));
    assert_eq!(addresses("known.example").unwrap(), ["192.0.2.7"]);
    assert_eq!(second.borrow().len(), 1);

    // Of the same length.
    hosts.write("192.0.2.8 known.example\n");
    world.advance(SECOND);
    assert_eq!(addresses("known.example").unwrap(), ["192.0.2.8"]);
    fs::remove_file(&hosts.0).unwrap();
    world.advance(SECOND);
    assert!(addresses("known.example").is_err());
    assert_eq!(
        world.reactor.clock().pending_calls(),
        0,
        "nothing looks at files by itself"
    );
}

#[cfg(unix)]
#[test]
fn the_files_of_this_system() {
    let reactor = std::rc::Rc::new(retwist_reactor::testing::MemoryReactor::new());
    let names = DnsResolver::system(reactor.clone());
    assert!(!names.settings().servers.is_empty());
    let localhost = now(names.addresses("localhost")).unwrap();
    assert!(localhost.iter().all(std::net::IpAddr::is_loopback) && !localhost.is_empty());
}

/// The loopback interface has a number, whatever it is, and there is no interface of the other name.
#[cfg(target_os = "linux")]
#[test]
fn a_scope_by_its_name() {
    let settings = read("nameserver fe80::1%lo\nnameserver fe80::1%nosuchinterface\n");
    let std::net::SocketAddr::V6(server) = settings.servers[0] else {
        panic!("{:?}", settings.servers);
    };
    assert!(server.scope_id() > 0 && settings.servers.len() == 1);
}
