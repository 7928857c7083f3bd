//! Ports of each kind, and a new version that has others.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;

use crate::installed::Installed;
use crate::load::{Load, Plain, Unix};
use crate::served;
use crate::service::{self, PATIENCE, Service, said};

fn restarted(service: &mut Service) {
    let before = service.pid();
    service.restart();
    service::wait_for_end(before);
}

/// Whether a program holds the lock of the socket at this path.
fn is_locked(path: &Path) -> bool {
    let lock = path.with_file_name(format!("{}.lock", path.file_name().unwrap().display()));
    let file = File::open(lock).unwrap();
    flock(&file, FlockOperation::NonBlockingLockExclusive).is_err()
}

#[test]
fn a_port_under_a_lock_keeps_it() {
    let path = service::scratch("locked").join("socket");
    let endpoint = format!("unix:{}:lockfile=yes", path.display());
    let mut service = Service::start("echo", &[&endpoint]);
    for _ in 0..2 {
        assert!(is_locked(&path));
        restarted(&mut service);
    }
    assert!(is_locked(&path));
    let mut load = Load::of(Unix(path.clone()));
    load.fill(10);
    load.end().assert_whole();
    service.stop();
    assert!(!is_locked(&path) && !path.exists());
}

/// Ends the clients, also when the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn datagrams_of_unix_sockets_and_large_bytes_are_taken_over() {
    let folder = service::scratch("datagrams-clients");
    let path = folder.join("socket");
    let installed = served::datagrams("datagrams", &path);
    let mut service = Service::start_at(installed.path(), &[]);
    service.logs(said("handed over: None"));
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let over = Over(&is_over);
        for client in 0..3 {
            let socket = UnixDatagram::bind(folder.join(format!("client-{client}"))).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket.connect(&path).unwrap();
            let is_over = &is_over;
            scope.spawn(move || {
                // Each waits for its answer: one that is lost stops it.
                for number in 0_u64.. {
                    socket.send(&number.to_be_bytes()).unwrap();
                    let mut heard = [0; 8];
                    let answered = socket.recv(&mut heard);
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    answered.unwrap();
                    assert_eq!(u64::from_be_bytes(heard), number);
                }
            });
        }
        for _ in 0..2 {
            let before = service.pid();
            service.signal(Signal::USR2);
            let large = format!("handed over: Some({})", served::LARGE);
            service.logs(said(&large));
            service.logs(said("\"not asked for\", and this one does not ask for it"));
            service.logs(said("the new program is ready"));
            let successor = service.successor();
            service.logs(said("has taken over"));
            service.takes_over(successor);
            service::wait_for_end(before);
            assert!(is_locked(&path));
        }
        drop(over);
    });
    service.stop();
    assert!(!is_locked(&path) && !path.exists());
}

/// A socket that listens, for a program that is started with it, and its number here.
fn inheritable() -> (TcpListener, SocketAddr, i32) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    rustix::io::fcntl_setfd(&listener, rustix::io::FdFlags::empty()).unwrap();
    let address = listener.local_addr().unwrap();
    let number = listener.as_raw_fd();
    (listener, address, number)
}

fn asks(address: SocketAddr) {
    let mut load = Load::of(Plain(address));
    load.fill(10);
    load.end().assert_whole();
}

#[test]
fn sockets_that_the_program_knows_by_their_numbers_keep_them() {
    for number in [3, 4, 9] {
        let (listener, address, here) = inheritable();
        // A shell starts the first one with it.
        let moved = if here == number {
            String::new()
        } else {
            format!("[ -n \"$LISTEN_FDS\" ] || exec {number}<&{here} {here}<&-; ")
        };
        let script = format!("{moved}ECHO fd:{number}:domain=INET \"$@\"");
        serves_on(&format!("number-{number}"), &script, listener, address);
    }
}

#[test]
fn sockets_of_a_service_manager_are_passed_on() {
    let (listener, address, here) = inheritable();
    let moved = if here == 3 {
        String::new()
    } else {
        format!("exec 3<&{here} {here}<&-; ")
    };
    let script = format!(
        "if [ -z \"$LISTEN_FDS\" ]; then {moved}export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web; fi\nECHO systemd:name=web \"$@\""
    );
    serves_on("manager", &script, listener, address);
}

/// The program that this script starts is restarted twice, and serves at this address all the time.
fn serves_on(name: &str, script: &str, listener: TcpListener, address: SocketAddr) {
    let installed = Installed::program(name, service::example("echo"), script);
    let mut service = Service::start_at(installed.path(), &["tcp:0:interface=127.0.0.1"]);
    drop(listener);
    for _ in 0..2 {
        restarted(&mut service);
        asks(address);
    }
    service.stop();
}

/// Its number is not one that clients may know: each program has its own.
#[test]
fn a_port_of_datagrams_without_a_number_is_opened_anew() {
    let mut service = Service::start("udp_echo", &["udp:0:interface=127.0.0.1"]);
    let address = service.address();
    restarted(&mut service);
    service.listens();
    assert_ne!(service.address(), address);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.send_to(b"here", service.address()).unwrap();
    assert_eq!(client.recv(&mut [0; 16]).unwrap(), 4);
    service.stop();
}

#[test]
fn ports_that_the_new_version_does_not_have_are_closed_while_the_old_one_drains() {
    let path = service::scratch("fewer-unix").join("socket");
    let installed = Installed::new("fewer");
    let unix = format!("unix:{}", path.display());
    let arguments = ["tcp:0:interface=127.0.0.1", &unix];
    let mut service = Service::start_at(installed.path(), &arguments);
    let address = service.address();
    let mut load = Load::of(Plain(address));
    load.fill(5);
    // It has another address, and neither of these.
    installed.install(Some("ECHO tcp:0:interface=127.0.0.2 --drain 60"));
    let before = service.pid();
    service.signal(Signal::USR2);
    let closed = [
        format!("listened on {address}, and this one does not"),
        format!("listened on {}, and this one does not", path.display()),
    ];
    for closed in closed {
        service.logs(said(&closed));
    }
    service.logs(said("the new program is ready"));
    let successor = service.successor();
    service.logs(said("this one drains"));
    service.takes_over(successor);
    // The old one serves still those that it had. It is the only one that knew the ports.
    service.until(|| TcpStream::connect(address).is_err());
    service.until(|| !path.exists());
    assert!(UnixStream::connect(&path).is_err());
    load.let_go();
    load.end().assert_whole();
    service::wait_for_end(before);
    // The second port of the old one, and that of the new one.
    service.listens();
    service.listens();
    asks(service.address());
    service.stop();
}

#[test]
fn ports_that_only_the_new_version_has_are_opened() {
    let path = service::scratch("more-unix").join("socket");
    let installed = Installed::new("more");
    let mut service = Service::start_at(installed.path(), &["tcp:0:interface=127.0.0.1"]);
    let script = format!(
        "ECHO \"$@\" unix:{} tcp:0:interface=127.0.0.2",
        path.display()
    );
    installed.install(Some(&script));
    let mut load = Load::of(Plain(service.address()));
    load.begin(5);
    restarted(&mut service);
    load.end().assert_whole();
    let mut load = Load::of(Unix(path));
    load.fill(10);
    load.end().assert_whole();
    service.stop();
}

/// The address is in use, and not the same: the new one cannot have it as long as the old one lives.
#[test]
fn an_address_that_the_old_version_has_in_part_is_said_to_be_in_use() {
    let installed = Installed::new("overlap");
    let service = Service::start_at(installed.path(), &["tcp:0:interface=127.0.0.1"]);
    let address = service.address();
    installed.install(Some(&format!("ECHO tcp:{} --drain 60", address.port())));
    service.signal(Signal::USR2);
    service.logs(said("in use"));
    service.logs(said("the restart has failed"));
    asks(address);
    service.stop();
}
