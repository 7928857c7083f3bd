//! The same library of WebSockets on tokio, on the current thread.

use futures_util::{SinkExt, StreamExt};
use retwist_benches::args::{Args, Result};
use tokio::net::TcpStream;
use tokio_tungstenite::accept_async;

use crate::on_tokio;

pub(crate) fn serve(args: &Args) -> Result<()> {
    on_tokio::each(args, echo)
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
