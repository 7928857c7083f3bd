use std::io;
use std::pin::pin;
use std::rc::Rc;

use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use async_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use retwist_deferred::{AsyncTransport, sleep};

use super::live::{Live, PERIOD};

/// A page has nothing to say but that it goes.
const LONGEST: usize = 1024;

/// Feeds one page until it goes. A page that is slow misses samples, and none waits for it.
pub(super) async fn visit(connection: AsyncTransport, live: Rc<Live>) -> io::Result<()> {
    let bounds = WebSocketConfig::default()
        .max_message_size(Some(LONGEST))
        .max_frame_size(Some(LONGEST))
        .read_buffer_size(LONGEST)
        .write_buffer_size(0);
    let mut socket = WebSocketStream::from_raw_socket(connection, Role::Server, Some(bounds)).await;
    loop {
        if is_draining(&socket) {
            return goodbye(socket, CloseCode::Away).await;
        }
        let sample = Message::Text(live.sample());
        socket.send(sample).await.map_err(io_error)?;
        let mut next = pin!(sleep(&live.clock(), PERIOD));
        loop {
            match select(&mut next, socket.next()).await {
                Either::Left(_) => break,
                // It is answered when the next one is awaited.
                Either::Right((Some(Ok(Message::Ping(_) | Message::Pong(_))), _)) => {}
                Either::Right((Some(Err(error)), _)) => return ended(error),
                Either::Right(_) => return goodbye(socket, CloseCode::Normal).await,
            }
        }
    }
}

type Socket = WebSocketStream<AsyncTransport>;

/// Whether the program drains: a page that stays open is not to hold it up.
fn is_draining(socket: &Socket) -> bool {
    let transport = socket.get_ref().transport();
    transport.is_some_and(|transport| transport.is_draining())
}

async fn goodbye(mut socket: Socket, code: CloseCode) -> io::Result<()> {
    let frame = CloseFrame {
        code,
        reason: Utf8Bytes::default(),
    };
    // If even that cannot be said, the connection has ended.
    let _ = socket.close(Some(frame)).await;
    Ok(())
}

fn ended(error: Error) -> io::Result<()> {
    match error {
        Error::ConnectionClosed => Ok(()),
        error => Err(io_error(error)),
    }
}

fn io_error(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        error => io::Error::other(error),
    }
}
