//! The same library of WebSockets on tokio, on the current thread.

use futures_util::{SinkExt, StreamExt};
use retwist_benches::args::{Args, Result};
use retwist_benches::listener;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::accept_async;

pub(crate) fn serve(args: &Args) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener::bind(args.port)?)?;
        listener::listening(listener.local_addr()?);
        loop {
            let (socket, _) = listener.accept().await?;
            tokio::spawn(echo(socket));
        }
    })
}

async fn echo(connection: TcpStream) {
    let Ok(mut socket) = accept_async(connection).await else {
        return;
    };
    while let Some(Ok(message)) = socket.next().await {
        if message.is_close() || socket.send(message).await.is_err() {
            return;
        }
    }
}
