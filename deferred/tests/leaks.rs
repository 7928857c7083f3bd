//! Every operation, cancelled after every number of passes of the loop: no timer is left, no task,
//! no descriptor. Alone in its program, since descriptors are counted.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::io::{AsyncReadExt, AsyncWriteExt};
use retwist_deferred::{
    Deferred, Executor, Resolver, Spawner, SystemResolver, ThreadPool, connect, connect_protocol,
    listen, sleep, timeout,
};
use retwist_reactor::{
    Clock, Protocol, Reactor, ReactorHandle, ReactorSettings, TcpListen, TransportRef,
};

const PATIENCE: Duration = Duration::from_secs(20);

struct World {
    reactor: Reactor,
    executor: Executor,
    pool: ThreadPool,
    address: SocketAddr,
}

/// What is cancelled.
type Operation = fn(&World) -> Deferred<(), Box<dyn std::error::Error>>;

impl World {
    /// With a server that sends back what it gets.
    fn new() -> Self {
        let reactor = Reactor::with_settings(ReactorSettings {
            signals: false,
            ..ReactorSettings::default()
        })
        .unwrap();
        let executor = Executor::new(&reactor);
        let any = TcpListen::address("127.0.0.1:0".parse().unwrap());
        let mut incoming = listen(&*reactor, any).unwrap();
        let address = incoming.port().address().socket().unwrap();
        let spawner = executor.spawner();
        drop(executor.spawn(async move {
            while let Some(mut connection) = incoming.accept().await {
                drop(spawner.spawn(async move {
                    let mut buffer = [0; 64];
                    while let Ok(length @ 1..) = connection.read(&mut buffer).await {
                        connection.write_all(&buffer[..length]).await?;
                    }
                    Ok::<_, io::Error>(())
                }));
            }
        }));
        World {
            pool: ThreadPool::new(&reactor),
            reactor,
            executor,
            address,
        }
    }

    fn pass(&self) {
        self.reactor.iterate(Duration::from_millis(1)).unwrap();
    }

    /// Passes until everything is as it was before.
    fn settle(&self, descriptors: usize, tasks: usize) {
        let deadline = Instant::now() + PATIENCE;
        let now = || {
            (
                open_descriptors(),
                self.executor.running_tasks(),
                self.reactor.clock().pending_calls(),
            )
        };
        while now() != (descriptors, tasks, 0) {
            assert!(
                Instant::now() < deadline,
                "left: {:?}, not {:?}",
                now(),
                (descriptors, tasks, 0)
            );
            self.reactor.iterate(Duration::from_millis(1)).unwrap();
        }
    }
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn spawn<F>(
    world: &World,
    work: impl FnOnce(ReactorHandle, SocketAddr) -> F,
) -> Deferred<(), Box<dyn std::error::Error>>
where
    F: Future<Output = Result<(), Box<dyn std::error::Error>>> + 'static,
{
    let spawner: &Spawner = &world.executor;
    spawner.spawn(work(world.reactor.handle(), world.address))
}

fn conversation(world: &World) -> Deferred<(), Box<dyn std::error::Error>> {
    spawn(world, |reactor, address| async move {
        let mut connection = connect(&reactor, address).await?;
        for _ in 0..3 {
            connection.write_all(b"hello").await?;
            connection.read_exact(&mut [0; 5]).await?;
        }
        connection.close().await?;
        assert_eq!(connection.read(&mut [0]).await?, 0);
        Ok(())
    })
}

fn under_a_timeout(world: &World) -> Deferred<(), Box<dyn std::error::Error>> {
    spawn(world, |reactor, address| async move {
        let clock: Clock = reactor.clock().clone();
        sleep(&clock, Duration::from_millis(1)).await;
        let connection = timeout(&clock, PATIENCE, connect(&reactor, address)).await??;
        sleep(&clock, Duration::from_millis(1)).await;
        drop(connection);
        Ok(())
    })
}

fn listening(world: &World) -> Deferred<(), Box<dyn std::error::Error>> {
    spawn(world, |reactor, _| async move {
        let any = TcpListen::address("127.0.0.1:0".parse()?);
        let mut incoming = listen(&reactor, any)?;
        let address = incoming.port().address().socket().ok_or("no port")?;
        let mut client = connect(&reactor, address).await?;
        let server = incoming.accept().await.ok_or("no connection")?;
        client.write_all(b"x").await?;
        drop((incoming, server));
        Ok(())
    })
}

fn typed(world: &World) -> Deferred<(), Box<dyn std::error::Error>> {
    struct Closing;
    impl Protocol for Closing {
        fn connection_made(&mut self, transport: &TransportRef) {
            transport.lose_connection();
        }
        fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
    }
    let connecting = connect_protocol(&*world.reactor, world.address, Closing);
    connecting
        .map(drop)
        .map_err(Into::into)
        .timeout(PATIENCE, world.reactor.clock())
}

fn name(world: &World) -> Deferred<(), Box<dyn std::error::Error>> {
    let resolver = SystemResolver::new(&world.pool, world.reactor.clock());
    resolver
        .resolve("localhost", 7)
        .map(drop)
        .map_err(Into::into)
}

fn thread(world: &World) -> Deferred<(), Box<dyn std::error::Error>> {
    let job = world
        .pool
        .defer_to_thread(|| std::fs::File::open("/dev/null"));
    job.map(drop).map_err(Into::into)
}

#[test]
fn cancelled_after_any_number_of_passes_nothing_is_left() {
    let world = World::new();
    let operations: [(&str, Operation); 6] = [
        ("conversation", conversation),
        ("timeout", under_a_timeout),
        ("listen", listening),
        ("typed", typed),
        ("name", name),
        ("thread", thread),
    ];
    world.pass();
    let (descriptors, tasks) = (open_descriptors(), world.executor.running_tasks());
    for (name, operation) in operations {
        for passes in 0.. {
            let mut work = operation(&world);
            for _ in 0..passes {
                world.pass();
            }
            let finished = work.is_called();
            work.cancel();
            assert!(work.take().is_some(), "{name} has an outcome at once");
            world.settle(descriptors, tasks);
            if finished {
                println!("{name}: at {passes} points");
                break;
            }
        }
    }
}
