use std::io::{Read, Write};
use std::net::TcpStream;

use retwist::{OtherWorkers, PassError, Protocol, TcpListen, TransportRef, WhenStuck};

use crate::program::{Gate, Running, answers, connect, connect_to, serve, several};

/// Says which worker it is of, and passes the connection on when it is told to: to the least busy, or to
/// the one with this number.
struct Porter {
    worker: u8,
    others: OtherWorkers,
}

impl Protocol for Porter {
    fn connection_made(&mut self, transport: &TransportRef) {
        transport.write(&[self.worker]);
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        let target = match data[0] {
            b'?' => self.others.least_busy(),
            number => self.others.worker(number.into()),
        };
        match target {
            Some(target) => match transport.pass_to(&target, &data[1..]) {
                Ok(()) => {}
                Err(PassError::TargetGone) => transport.write(b"gone"),
                Err(error) => panic!("{error}"),
            },
            None => transport.write(b"none"),
        }
    }
}

/// Answers with its own number before each piece.
struct Receiver(u8);

impl Protocol for Receiver {
    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        transport.write_sequence(&[&[self.0], data]);
    }
}

fn exchange(stream: &mut TcpStream, data: &[u8], length: usize) -> Vec<u8> {
    let mut heard = vec![0; length];
    stream.write_all(data).unwrap();
    stream.read_exact(&mut heard).unwrap();
    heard
}

fn running(count: usize, gate: &Gate) -> Running {
    let gate = gate.clone();
    let period = std::time::Duration::from_secs(2);
    Running::start(
        move || several(count).watchdog(period, WhenStuck::Report),
        move |worker| {
            serve(worker, &gate)?;
            let number = worker.number() as u8;
            worker.accept_passed(move |_| Receiver(number))?;
            let others = worker.others();
            let local = TcpListen::port(0).interface([127, 0, 0, 2]);
            worker.listen_tcp(local, move |_| Porter {
                worker: number,
                others: others.clone(),
            })?;
            Ok(())
        },
    )
}

#[test]
fn a_worker_passes_connections_to_another_one() {
    let running = running(3, &Gate::new());
    let porters = running.next_address();
    for _ in 0..20 {
        let (mut stream, worker) = connect(porters).unwrap();
        let other = (worker + 1) % 3;
        let heard = exchange(&mut stream, &[other, b'h', b'i'], 3);
        assert_eq!(heard, [other, b'h', b'i']);
        assert_eq!(
            exchange(&mut stream, b"more", 5),
            [other, b'm', b'o', b'r', b'e']
        );
        // It is no other than itself.
        let (mut stream, worker) = connect(porters).unwrap();
        assert_eq!(exchange(&mut stream, &[worker, b'x'], 4), b"none");
    }
    running.stop();
}

#[test]
fn the_least_busy_one_is_another_one_that_turns() {
    let gate = Gate::new();
    let running = running(3, &gate);
    let porters = running.next_address();
    let heard = exchange(&mut connect_to(porters, 0), b"?a", 2);
    assert!(heard == [1, b'a'] || heard == [2, b'a'], "{heard:?}");

    let mut hung = connect_to(running.address, 2);
    hung.write_all(b"h").unwrap();
    running.until_it_says("worker 2 does not turn");
    let mut next = connect_to_with(porters, 0, 2);
    assert_eq!(exchange(&mut next, b"?b", 2), [1, b'b']);
    gate.open();
    running.until_it_says("worker 2 turns again");
    assert!(answers(&mut hung));
    running.stop();
}

/// A connection with this worker, while another one hangs, which answers nothing.
fn connect_to_with(address: std::net::SocketAddr, wanted: u8, hangs: u8) -> TcpStream {
    let found = (0..1_000).find_map(|_| {
        let mut stream = TcpStream::connect(address).unwrap();
        let timeout = std::time::Duration::from_millis(300);
        stream.set_read_timeout(Some(timeout)).unwrap();
        let mut worker = [hangs];
        let _ = stream.read_exact(&mut worker);
        stream.set_read_timeout(None).unwrap();
        (worker[0] == wanted).then_some(stream)
    });
    found.expect("this worker serves")
}
