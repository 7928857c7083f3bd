use async_tungstenite::tungstenite;
use retwist::deferred::{AsyncTransport, Spawner};
use retwist::protocols::{LineReceiver, LineTransport, TimeoutLayer};
use tungstenite::error::ProtocolError;
use tungstenite::handshake::machine::TryParse;
use tungstenite::handshake::server::{Request, create_response, write_response};
use tungstenite::http::header::{CONTENT_TYPE, HOST, HeaderMap, ORIGIN, UPGRADE};

use crate::guest;
use crate::room::Room;

/// How long the head of a request may be, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;

/// Answers one request (RFC 9112), and lets in who asks for a WebSocket (RFC 6455, section 4).
pub(crate) struct Door {
    room: Room,
    tasks: Spawner,
    head: Vec<u8>,
}

/// An answer that is the last.
struct Answer {
    status: &'static str,
    kind: &'static str,
    body: &'static str,
}

impl Answer {
    fn refusal(status: &'static str) -> Self {
        Answer {
            status,
            kind: "text/plain",
            body: "",
        }
    }

    fn found(kind: &'static str, body: &'static str) -> Self {
        Answer {
            status: "200 OK",
            kind,
            body,
        }
    }

    fn send(&self, transport: &LineTransport) {
        let Answer { status, kind, body } = self;
        let length = body.len();
        transport.write(
            format!(
                "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\
                 {CONTENT_TYPE}: {kind}; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n\
                 Content-Security-Policy: default-src 'self'; img-src data:\r\n\r\n{body}"
            )
            .as_bytes(),
        );
        transport.lose_connection();
    }
}

impl Door {
    pub(crate) fn new(room: Room, tasks: Spawner) -> Self {
        Door {
            room,
            tasks,
            head: Vec::new(),
        }
    }

    fn answer(&self, transport: &LineTransport) -> Option<Answer> {
        let request = match Request::try_parse(&self.head) {
            Ok(Some((_, request))) => request,
            Ok(None) => return Some(Answer::refusal("400 Bad Request")),
            Err(tungstenite::Error::Protocol(ProtocolError::WrongHttpMethod)) => {
                return Some(Answer::refusal("405 Method Not Allowed"));
            }
            Err(_) => return Some(Answer::refusal("400 Bad Request")),
        };
        match request.uri().path() {
            "/" => Some(Answer::found("text/html", include_str!("page.html"))),
            "/chat.css" => Some(Answer::found("text/css", include_str!("chat.css"))),
            "/chat.js" => Some(Answer::found("text/javascript", include_str!("chat.js"))),
            "/chat" => self.let_in(transport, &request).err(),
            _ => Some(Answer::refusal("404 Not Found")),
        }
    }

    fn let_in(&self, transport: &LineTransport, request: &Request) -> Result<(), Answer> {
        if !request.headers().contains_key(UPGRADE) {
            return Err(Answer::refusal("426 Upgrade Required"));
        }
        if !is_same_origin(request.headers()) {
            return Err(Answer::refusal("403 Forbidden"));
        }
        let mut answer = Vec::new();
        create_response(request)
            .and_then(|response| write_response(&mut answer, &response))
            .map_err(|_| Answer::refusal("400 Bad Request"))?;
        transport.write(&answer);
        if let Some(timeout) = TimeoutLayer::of(transport) {
            timeout.set_total(None);
        }
        // What came behind the request goes along. There is no connection only if it has ended.
        if let Some(connection) = AsyncTransport::adopt(transport) {
            let peer = connection.peer();
            let visit = guest::visit(connection, self.room.clone());
            self.tasks.spawn(visit).done(move |ended| match ended {
                Ok(()) => log::info!("{peer}: has gone"),
                Err(failure) => log::info!("{peer}: {}", retwist::error_chain(&failure)),
            });
        }
        Ok(())
    }
}

/// A page from another site must not act for the user who looks at it.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match (text(ORIGIN), text(HOST)) {
        // No browser: those say where they come from.
        (None, _) => !headers.contains_key(ORIGIN),
        (Some(origin), Some(host)) => origin
            .split_once("://")
            .is_some_and(|(_, from)| from == host),
        (Some(_), None) => false,
    }
}

impl LineReceiver for Door {
    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        self.head.extend_from_slice(line);
        self.head.extend_from_slice(b"\r\n");
        if self.head.len() > LONGEST_HEAD {
            Answer::refusal("431 Request Header Fields Too Large").send(transport);
        } else if line.is_empty()
            && let Some(answer) = self.answer(transport)
        {
            answer.send(transport);
        }
    }
}
