use std::io;
use std::pin::pin;

use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use async_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use retwist::deferred::AsyncTransport;

use crate::room::{Place, Room, ThrownOut, goodbye, refused};

type Socket = WebSocketStream<AsyncTransport>;

/// How long a message may be, in bytes.
const LONGEST: usize = 16 * 1024;

/// All of one guest's visit, from the handshake to the end of the connection.
pub(crate) async fn visit(connection: AsyncTransport, room: Room) -> io::Result<()> {
    let bounds = WebSocketConfig::default()
        .max_message_size(Some(LONGEST))
        .max_frame_size(Some(LONGEST))
        // The room notices a guest that does not take what it is sent; this code does not.
        .read_buffer_size(4096)
        .write_buffer_size(0);
    let mut socket = WebSocketStream::from_raw_socket(connection, Role::Server, Some(bounds)).await;
    let Some((place, thrown_out)) = enter(&mut socket, &room).await? else {
        return Ok(());
    };
    let stays = matches!(
        select(pin!(talk(&mut socket, &place)), thrown_out).await,
        Either::Left(_)
    );
    if !stays {
        log::warn!("{} does not read and is thrown out", place.name());
        socket.get_ref().abort();
    }
    Ok(())
}

/// Asks for a name until it is a good one. Returns `None` if the guest leaves before that, or has to.
async fn enter(socket: &mut Socket, room: &Room) -> io::Result<Option<(Place, ThrownOut)>> {
    loop {
        let heard = match select(room.is_closed(), pin!(hear(socket))).await {
            Either::Left(_) => None,
            Either::Right((heard, _)) => Some(heard?),
        };
        match heard {
            Some(Some(name)) => match room.enter(name.as_str()) {
                Ok(place) => return Ok(Some(place)),
                Err(why) => socket.send(refused(why)).await.map_err(io_error)?,
            },
            Some(None) => return Ok(None),
            None => {
                socket.close(Some(goodbye())).await.map_err(io_error)?;
                while hear(socket).await?.is_some() {}
                return Ok(None);
            }
        }
    }
}

async fn talk(socket: &mut Socket, place: &Place) -> io::Result<()> {
    let mut next = place.next();
    loop {
        // Both go on where they were if the other one is first.
        let news = match select(&mut next, pin!(hear(socket))).await {
            Either::Left((message, _)) => Either::Left(message),
            Either::Right((heard, _)) => Either::Right(heard),
        };
        match news {
            Either::Left(Ok(message)) => {
                let last = message.is_close();
                socket.send(message).await.map_err(io_error)?;
                if last {
                    break;
                }
                next = place.next();
            }
            // The room has gone: no message will come.
            Either::Left(Err(_)) => break,
            Either::Right(heard) => match heard? {
                Some(text) => place.say(text.as_str()),
                None => return Ok(()),
            },
        }
    }
    // The answer to our goodbye, and what was on its way before.
    while hear(socket).await?.is_some() {}
    Ok(())
}

/// The next text. None at the end, which has been told to the guest if it is his fault.
async fn hear(socket: &mut Socket) -> io::Result<Option<Utf8Bytes>> {
    while let Some(message) = socket.next().await {
        let fault = match message {
            Ok(Message::Text(text)) => return Ok(Some(text)),
            Ok(Message::Binary(_)) => CloseCode::Unsupported,
            // Pings are answered below.
            Ok(_) => continue,
            Err(Error::Capacity(_)) => CloseCode::Size,
            Err(Error::Utf8(_)) => CloseCode::Invalid,
            Err(Error::Protocol(_)) => CloseCode::Protocol,
            Err(Error::ConnectionClosed) => return Ok(None),
            Err(error) => return Err(io_error(error)),
        };
        let goodbye = CloseFrame {
            code: fault,
            reason: Utf8Bytes::default(),
        };
        // If even that cannot be said, the connection has ended.
        let _ = socket.close(Some(goodbye)).await;
        return Ok(None);
    }
    Ok(None)
}

fn io_error(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        error => io::Error::other(error),
    }
}
