//! A transport as `AsyncRead + AsyncWrite`, over memory: cut to any size, slow on either side,
//! handed over and back.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use futures_util::io::{AsyncReadExt, AsyncWriteExt};
use retwist_deferred::{AsyncTransport, Deferred, Executor, Failure, sleep};
use retwist_reactor::testing::{ManualClock, Pair, RecordingTransport, Side};
use retwist_reactor::{
    Channel, Clock, Layer, Protocol, ProtocolHandle, ProtocolRef, Reason, Seat, StreamSettings,
    TransportRef,
};

const CUTS: [usize; 7] = [1, 2, 3, 7, 64, 1000, usize::MAX];

/// Remembers all that it hears.
#[derive(Default)]
struct Ear {
    heard: Vec<u8>,
    calls: Vec<String>,
    transport: Option<TransportRef>,
}

impl Protocol for Ear {
    fn connection_made(&mut self, transport: &TransportRef) {
        self.calls.push("made".into());
        self.transport = Some(transport.clone());
    }

    fn transport_switched(&mut self, transport: &TransportRef) {
        self.calls.push("switched".into());
        self.transport = Some(transport.clone());
    }

    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        self.heard.extend_from_slice(data);
    }

    fn read_connection_lost(&mut self, _: &TransportRef) {
        self.calls.push("end".into());
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.calls.push(reason.to_string());
    }
}

struct World {
    clock: Rc<ManualClock>,
    executor: Executor,
}

impl World {
    fn new() -> Self {
        let clock = Rc::new(ManualClock::new());
        let executor = Executor::on_clock(&clock);
        World { clock, executor }
    }

    /// Two of them, joined.
    fn pair(&self) -> (Pair, AsyncTransport, AsyncTransport) {
        let (client, mut from_client) = AsyncTransport::protocol();
        let (server, mut from_server) = AsyncTransport::protocol();
        let pair = Pair::on(&self.clock, client, server);
        pair.run();
        let open =
            |deferred: &mut Deferred<AsyncTransport, Reason>| deferred.take().unwrap().unwrap();
        (pair, open(&mut from_client), open(&mut from_server))
    }

    /// One, whose other end is an [`Ear`].
    fn against_ear(&self) -> (Pair, ProtocolHandle<Ear>, AsyncTransport) {
        let (client, mut opening) = AsyncTransport::protocol();
        let ear = ProtocolHandle::new(Ear::default());
        let pair = Pair::on(&self.clock, client, &ear);
        pair.run();
        (pair, ear, opening.take().unwrap().unwrap())
    }

    fn run<T: 'static>(
        &self,
        future: impl Future<Output = io::Result<T>> + 'static,
    ) -> Deferred<T, io::Error> {
        let task = self.executor.spawn(future);
        self.clock.run();
        task
    }
}

fn done<T>(task: &mut Deferred<T, io::Error>) -> T {
    task.take()
        .expect("it has finished")
        .expect("it has succeeded")
}

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|index| (index % 251) as u8).collect()
}

#[test]
fn bytes_go_both_ways_however_they_are_cut() {
    for cut in CUTS {
        let world = World::new();
        let (pair, client, mut server) = world.pair();
        let _pair = pair.cut(cut);
        let sent = bytes(3000);
        let echo = world.run(async move {
            let mut buffer = [0; 100];
            loop {
                match server.read(&mut buffer).await? {
                    0 => return server.close().await,
                    count => server.write_all(&buffer[..count]).await?,
                }
            }
        });
        let expected = sent.clone();
        let mut task = world.run(async move {
            let (mut reader, mut writer) = client.split();
            writer.write_all(&sent).await?;
            writer.close().await?;
            let mut all = Vec::new();
            reader.read_to_end(&mut all).await?;
            Ok(all)
        });
        assert_eq!(done(&mut task), expected, "at {cut}");
        assert!(echo.is_called());
        world.clock.advance(Duration::from_secs(60));
        assert_eq!(world.clock.pending_calls(), 0);
    }
}

#[test]
fn a_slow_reader_holds_the_sender_back() {
    let world = World::new();
    let (pair, mut client, mut server) = world.pair();
    let total = 4 * 1024 * 1024;
    let mut sending = world.run(async move {
        client.write_all(&bytes(total)).await?;
        client.close().await
    });
    assert!(!sending.is_called());
    // Read ahead, in the wire, and waiting to be sent: each has its bound.
    let sender = pair.client().buffered();
    assert!(sender > 0 && sender <= 192 * 1024, "{sender}");

    let mut reading = world.run(async move {
        let mut all = Vec::new();
        server.read_to_end(&mut all).await?;
        Ok(all)
    });
    done(&mut sending);
    assert!(done(&mut reading) == bytes(total));
}

#[test]
fn writes_wait_above_the_high_water_mark() {
    let world = World::new();
    let (client, mut opening) = AsyncTransport::protocol();
    let settings = StreamSettings {
        high_water: 1000,
        ..StreamSettings::default()
    };
    let ear = ProtocolHandle::new(Ear::default());
    let pair =
        Pair::with_settings(&world.clock, client, settings.clone(), &ear, settings).window(10);
    pair.run();
    let mut connection = opening.take().unwrap().unwrap();
    pair.server().pause_producing();
    let mut writing = world.run(async move {
        for _ in 0..10 {
            connection.write_all(&[b'x'; 600]).await?;
        }
        Ok(connection)
    });
    assert!(!writing.is_called());
    assert!(
        pair.client().buffered() <= 1200,
        "{}",
        pair.client().buffered()
    );
    pair.server().resume_producing();
    pair.run();
    let _connection = done(&mut writing);
    assert_eq!(ear.try_call(|ear| ear.heard.len()), Some(6000));
}

#[test]
fn each_half_closes_alone() {
    let world = World::new();
    let (_pair, ear, mut connection) = world.against_ear();
    let mut task = world.run(async move {
        connection.write_all(b"question").await?;
        connection.close().await?;
        let refused = connection.write(b"more").await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::BrokenPipe);
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await?;
        Ok(answer)
    });
    assert!(!task.is_called());
    ear.call(|ear| {
        assert_eq!(
            (&*ear.heard, &*ear.calls),
            (&b"question"[..], &["made".to_owned(), "end".to_owned()][..])
        );
        let transport = ear.transport.as_ref().unwrap();
        transport.write(b"answer");
        transport.lose_connection();
    });
    world.clock.run();
    assert_eq!(done(&mut task), b"answer");
}

#[test]
fn dropped_it_closes_in_order() {
    let world = World::new();
    let (_pair, ear, mut connection) = world.against_ear();
    done(&mut world.run(async move { connection.write_all(&bytes(200_000)).await }));
    world.clock.advance(Duration::from_secs(5));
    ear.call(|ear| {
        assert!(ear.heard == bytes(200_000));
        ear.transport.as_ref().unwrap().lose_connection();
    });
    world.clock.advance(Duration::from_secs(5));
    let calls = ear.try_call(|ear| ear.calls.clone()).unwrap();
    assert_eq!(calls, ["made", "end", "connection closed cleanly"]);
    assert_eq!(world.clock.pending_calls(), 0);
}

#[test]
fn errors_carry_the_reason() {
    let world = World::new();
    let (pair, mut client, _server) = world.pair();
    let pair = pair.reset_after(Side::Server, 0);
    let mut reading = world.run(async move {
        let error = client.read(&mut [0]).await.unwrap_err();
        let again = client.write(b"x").await.unwrap_err();
        let closing = client.close().await.unwrap_err();
        assert!(matches!(client.reason(), Some(Reason::Lost(_))));
        Ok((error, again, closing))
    });
    pair.server().write(b"x");
    pair.run();
    let (error, again, closing) = done(&mut reading);
    for error in [error, again, closing] {
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        let reason = error.get_ref().unwrap().downcast_ref::<Reason>().unwrap();
        assert!(matches!(reason, Reason::Lost(_)));
    }
}

#[test]
fn aborted_from_this_side() {
    let world = World::new();
    let (_pair, ear, mut connection) = world.against_ear();
    let mut task = world.run(async move {
        connection.abort();
        let error = connection.read(&mut [0]).await.unwrap_err();
        Ok(error.to_string())
    });
    assert_eq!(done(&mut task), Reason::Aborted.to_string());
    assert_eq!(ear.try_call(|ear| ear.calls.len()), Some(2));
}

#[test]
fn a_panic_in_a_task_costs_its_connection() {
    let world = World::new();
    let (_pair, ear, mut connection) = world.against_ear();
    let mut task = world.executor.spawn(async move {
        connection.write_all(b"half of what was to ").await?;
        if !connection.peer().to_string().is_empty() {
            panic!("oops");
        }
        connection.close().await
    });
    world.clock.run();
    assert!(matches!(task.take(), Some(Err(Failure::Panicked(_)))));
    let calls = ear.try_call(|ear| ear.calls.clone()).unwrap();
    assert!(
        !calls.contains(&"end".to_owned()),
        "no clean end: {calls:?}"
    );
    assert_eq!(calls.len(), 2, "{calls:?}");
}

#[test]
fn a_connection_that_never_opens_is_an_error() {
    let (protocol, mut opening) = AsyncTransport::protocol();
    drop(protocol);
    assert_eq!(
        opening.take().unwrap().unwrap_err().to_string(),
        Failure::<Reason>::BrokenPromise.to_string()
    );

    let world = World::new();
    let (client, opening) = AsyncTransport::protocol();
    opening.cancel();
    let ear = ProtocolHandle::new(Ear::default());
    let pair = Pair::on(&world.clock, client, &ear);
    pair.run();
    assert_eq!(
        ear.try_call(|ear| ear.calls.clone()).unwrap(),
        ["made", "end"],
        "its Deferred was dropped: it is closed"
    );
}

/// Reads one line by callback, and hands the rest of the conversation to a task.
struct Greeter {
    line: Vec<u8>,
    executor: retwist_deferred::Spawner,
    back: ProtocolHandle<Ear>,
}

impl Protocol for Greeter {
    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        let Some(end) = data.iter().position(|byte| *byte == b'\n') else {
            return self.line.extend_from_slice(data);
        };
        self.line.extend_from_slice(&data[..end]);
        transport.unread(&data[end + 1..]);
        let mut connection = AsyncTransport::adopt(transport).unwrap();
        let back = self.back.clone();
        drop(self.executor.spawn(async move {
            let mut four = [0; 4];
            connection.read_exact(&mut four).await?;
            connection.write_all(&four).await?;
            assert!(connection.switch_protocol(&back));
            Ok::<_, io::Error>(())
        }));
    }
}

#[test]
fn callbacks_hand_over_to_a_task_and_take_back_with_every_byte() {
    for cut in CUTS {
        let world = World::new();
        let back = ProtocolHandle::new(Ear::default());
        let greeter = Greeter {
            line: Vec::new(),
            executor: world.executor.spawner(),
            back: back.clone(),
        };
        let ear = ProtocolHandle::new(Ear::default());
        let pair = Pair::on(&world.clock, &ear, greeter).cut(cut);
        pair.client().write(b"hello\nfourand the rest");
        pair.run();
        assert_eq!(
            ear.try_call(|ear| ear.heard.clone()).unwrap(),
            b"four",
            "at {cut}"
        );
        back.call(|back| {
            assert_eq!(back.heard, b"and the rest");
            assert_eq!(back.calls, ["made"]);
            back.transport.as_ref().unwrap().write(b"!");
            assert!(!back.transport.as_ref().unwrap().has_producer());
        });
        pair.run();
        assert_eq!(ear.try_call(|ear| ear.heard.clone()).unwrap(), b"four!");
    }
}

#[test]
fn handed_on_in_the_turn_in_which_it_was_adopted() {
    let recording = RecordingTransport::connect(Ear::default());
    let next = ProtocolHandle::new(Ear::default());
    let connection = AsyncTransport::adopt(&recording.transport()).unwrap();
    assert!(connection.switch_protocol(&next));
    recording.receive(b"bytes");
    assert_eq!(next.try_call(|next| next.heard.clone()).unwrap(), b"bytes");
    assert!(!recording.is_closing());
}

#[test]
fn what_has_ended_cannot_be_adopted() {
    let recording = RecordingTransport::connect(Ear::default());
    let transport = recording.transport();
    let connection = AsyncTransport::adopt(&transport).unwrap();
    assert!(
        AsyncTransport::adopt(&transport).is_none(),
        "the handle is revoked"
    );
    recording.clock().run();
    recording.lose(Reason::Done);
    assert!(!connection.switch_protocol(Ear::default()));
    assert!(AsyncTransport::adopt(&recording.transport()).is_none());
}

/// Passes everything on with each byte changed.
struct Masked {
    seat: Seat,
}

impl Masked {
    fn new(above: ProtocolRef) -> Rc<Self> {
        Rc::new_cyclic(|me| Masked {
            seat: Seat::new(me, above),
        })
    }
}

impl Channel for Masked {
    fn seat(&self) -> &Seat {
        &self.seat
    }

    fn write(&self, data: &[u8]) {
        let masked: Vec<u8> = data.iter().map(|byte| byte ^ 0x20).collect();
        self.seat.with_lower(|lower| lower.write(&masked));
    }
}

impl Layer for Masked {
    fn data_received(&self, data: &mut [u8]) {
        data.iter_mut().for_each(|byte| *byte ^= 0x20);
        self.seat.deliver(data);
    }
}

#[test]
fn a_layer_is_put_under_it_with_what_was_read_ahead() {
    for cut in CUTS {
        let world = World::new();
        let (pair, ear, mut connection) = world.against_ear();
        let pair = pair.cut(cut);
        let clock = Clock::clone(&world.clock);
        let mut task = world.run(async move {
            let mut line = [0; 6];
            connection.read_exact(&mut line).await?;
            // All that follows has been read ahead by now.
            sleep(&clock, Duration::from_secs(1)).await;
            connection.with_transport(|transport| {
                let layer = Masked::new(transport.protocol().unwrap());
                transport.switch_protocol(layer.as_protocol());
            });
            let mut secret = [0; 6];
            connection.read_exact(&mut secret).await?;
            connection.write_all(b"ANSWER").await?;
            assert_eq!(&secret, b"SECRET");
            Ok(connection)
        });
        pair.server().write(b"switchsecret");
        pair.advance(Duration::from_secs(2));
        let _connection = done(&mut task);
        assert_eq!(
            ear.try_call(|ear| ear.heard.clone()).unwrap(),
            b"answer",
            "at {cut}"
        );
    }
}

#[test]
fn with_transport_that_changes_nothing_loses_nothing() {
    let world = World::new();
    let (pair, _ear, mut connection) = world.against_ear();
    pair.server().write(b"before");
    pair.run();
    let heard = Rc::new(RefCell::new(0));
    connection.with_transport(|transport| *heard.borrow_mut() = transport.buffered());
    let mut task = world.run(async move {
        let mut bytes = [0; 6];
        connection.read_exact(&mut bytes).await?;
        connection.write_all(b"x").await?;
        Ok(bytes)
    });
    assert_eq!(&done(&mut task), b"before");
}

#[test]
fn taken_over_by_another_protocol_it_says_so() {
    let world = World::new();
    let (pair, _ear, mut connection) = world.against_ear();
    let next = ProtocolHandle::new(Ear::default());
    let taken = connection.with_transport(|transport| transport.switch_protocol((&next).into()));
    drop(taken);
    pair.run();
    let mut task = world.run(async move {
        let error = connection.read(&mut [0]).await.unwrap_err();
        Ok(error.to_string())
    });
    assert!(done(&mut task).contains("taken the connection over"));
    assert!(pair.client().is_connected(), "it is the other one's now");
}
