use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::time::Duration;

use retwist::endpoint::server_from_string;
use retwist::{Balance, ListenError, Protocol, Replacing, TransportRef, WhenStuck, WorkersError};

use crate::program::{Gate, Running, answers, connect, connect_to, serve, several};

#[test]
fn each_worker_gets_as_many_connections_as_the_others() {
    let gate = Gate::new();
    let running = Running::start(
        || several(4).balance(Balance::ByConnections),
        move |worker| serve(worker, &gate),
    );
    let mut counts = [0; 4];
    let mut clients: Vec<_> = (0..40)
        .map(|_| {
            let (stream, worker) = connect(running.address).unwrap();
            counts[usize::from(worker)] += 1;
            stream
        })
        .collect();
    assert_eq!(counts, [10; 4]);
    assert!(clients.iter_mut().all(answers));
    clients[7].write_all(b"s").unwrap();
    running.end().unwrap();
}

#[test]
fn a_worker_that_hangs_gets_none_until_it_turns_again() {
    let gate = Gate::new();
    let same = gate.clone();
    let running = Running::start(
        || {
            several(2)
                .balance(Balance::ByConnections)
                .watchdog(Duration::from_secs(2), WhenStuck::Report)
        },
        move |worker| serve(worker, &same),
    );
    let mut hung = connect_to(running.address, 1);
    hung.write_all(b"h").unwrap();
    running.until_it_says("worker 1 does not turn");
    let others: Vec<_> = (0..20).map(|_| connect(running.address).unwrap()).collect();
    assert!(others.iter().all(|(_, worker)| *worker == 0));
    gate.open();
    running.until_it_says("worker 1 turns again");
    assert!(answers(&mut hung));
    // It has one, and the other one has twenty or more.
    let next: Vec<_> = (0..10).map(|_| connect(running.address).unwrap()).collect();
    assert!(next.iter().all(|(_, worker)| *worker == 1));
    running.stop();
}

#[test]
fn a_worker_that_is_replaced_listens_on_the_shared_socket() {
    let gate = Gate::new();
    let running = Running::start(
        || {
            several(2)
                .balance(Balance::ByConnections)
                .replacing(Replacing::default())
        },
        move |worker| serve(worker, &gate),
    );
    let mut stays = connect_to(running.address, 0);
    connect_to(running.address, 1).write_all(b"p").unwrap();
    running.until_it_says("worker 1 is replaced, and serves");
    assert!(answers(&mut connect_to(running.address, 1)));
    assert!(answers(&mut stays));
    running.stop();
}

#[test]
fn a_port_that_is_in_use_is_found() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for balance in [Balance::Auto, Balance::BySystem, Balance::ByConnections] {
        let outcome = several(2).balance(balance).run(|worker| {
            worker.listen_tcp(address, |_| None::<retwist::ProtocolRef>)?;
            Ok(())
        });
        let Err(WorkersError::SetUp(cause)) = outcome else {
            panic!("{balance:?}: {outcome:?}");
        };
        let cause = cause.downcast_ref::<ListenError>();
        assert!(
            matches!(cause, Some(ListenError::AddressInUse(..))),
            "{cause:?}"
        );
    }
}

/// Says which worker it is of.
struct Named(u8);

impl Protocol for Named {
    fn connection_made(&mut self, transport: &TransportRef) {
        transport.write(&[self.0]);
    }
}

#[test]
fn unix_sockets_are_shared_out_by_connections_unless_the_system_is_to() {
    let path = std::env::temp_dir().join(format!("retwist-shares-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let endpoint = server_from_string(&format!("unix:{}", path.display())).unwrap();
    let (gate, (sender, ready)) = (Gate::new(), mpsc::channel());
    let running = Running::start(
        || several(3),
        move |worker| {
            serve(worker, &gate)?;
            let number = worker.number() as u8;
            endpoint.listen(worker, move |_| Named(number))?;
            let sender = sender.clone();
            worker.call_when_running(move || sender.send(()).unwrap());
            Ok(())
        },
    );
    (0..3).for_each(|_| ready.recv().unwrap());
    let mut counts = [0; 3];
    let clients: Vec<_> = (0..12)
        .map(|_| {
            let mut client = UnixStream::connect(&path).unwrap();
            let mut worker = [0];
            client.read_exact(&mut worker).unwrap();
            counts[usize::from(worker[0])] += 1;
            client
        })
        .collect();
    assert_eq!(counts, [4; 3]);
    drop(clients);
    running.stop();
    assert!(!path.exists());
}
