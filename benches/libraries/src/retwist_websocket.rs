//! The WebSocket library on a transport, as in the example `websocket`.

use async_tungstenite::accept_async;
use futures_util::StreamExt;
use retwist::Reactor;
use retwist::deferred::{AsyncTransport, Executor};
use retwist_benches::args::{Args, Result};
use retwist_benches::servers;

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
    servers::serve_on(&reactor, args, factory)
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
