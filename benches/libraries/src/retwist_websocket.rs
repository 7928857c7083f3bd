//! The WebSocket library on a transport, as in the example `websocket`.

use async_tungstenite::accept_async;
use futures_util::StreamExt;
use retwist::deferred::{AsyncTransport, Executor};
use retwist::{Reactor, TcpListen};
use retwist_benches::args::{Args, Result};
use retwist_benches::listener;

pub(crate) fn serve(args: &Args) -> Result<()> {
    let reactor = Reactor::new()?;
    let executor = Executor::new(&reactor);
    let tasks = executor.spawner();
    let factory = retwist::factory(move |_| {
        let (protocol, opening) = AsyncTransport::protocol();
        drop(tasks.spawn(async move {
            if let Ok(connection) = opening.await {
                echo(connection).await;
            }
        }));
        protocol
    });
    let how = TcpListen::port(args.port).interface([127, 0, 0, 1]);
    let port = reactor.listen_tcp_factory(how, factory)?;
    if let Some(address) = port.address().socket() {
        listener::listening(address);
    }
    reactor.run()?;
    Ok(())
}

async fn echo(connection: AsyncTransport) {
    let Ok(mut socket) = accept_async(connection).await else {
        return;
    };
    while let Some(Ok(message)) = socket.next().await {
        if message.is_close() || socket.send(message).await.is_err() {
            return;
        }
    }
}
