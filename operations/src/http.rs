//! As much HTTP as the endpoints here need: one request, one answer, and the end (RFC 9112).

use std::fmt::Write;
use std::rc::Rc;
use std::time::Duration;

use retwist_protocols::{FactoryPolicy, Limits, Timeout};
use retwist_reactor::{Address, FactoryRef, Protocol, TransportRef, factory};

/// How long the head of a request may be, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;

/// How many fields the head of a request may have.
const FIELDS: usize = 100;

/// How long a request and its answer may take.
const TIME: Duration = Duration::from_secs(30);

/// How many connections an endpoint has at a time; those above it are closed at once.
pub(crate) const MOST: usize = 300;

/// A request, as far as anything is asked of it.
pub(crate) struct Request<'a> {
    pub(crate) path: &'a str,
    fields: &'a [httparse::Header<'a>],
    /// What came behind the request.
    #[cfg(feature = "page")]
    pub(crate) rest: &'a [u8],
}

impl Request<'_> {
    /// The value of a field.
    #[cfg(feature = "page")]
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        let field = fields.find(|field| field.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(field.value).ok()
    }

    /// Whether a field is there, whatever its value.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.fields
            .iter()
            .any(|field| field.name.eq_ignore_ascii_case(name))
    }
}

/// An answer that is the last on its connection.
pub(crate) struct Answer {
    status: &'static str,
    kind: &'static str,
    body: Vec<u8>,
}

impl Answer {
    pub(crate) fn refusal(status: &'static str) -> Self {
        Answer::new(status, "text/plain; charset=utf-8", format!("{status}\n"))
    }

    /// Of a service that wants nothing new.
    pub(crate) fn unavailable(body: impl Into<Vec<u8>>) -> Self {
        let status = "503 Service Unavailable";
        Answer::new(status, "text/plain; charset=utf-8", body)
    }

    pub(crate) fn found(kind: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Answer::new("200 OK", kind, body)
    }

    fn new(status: &'static str, kind: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Answer {
            status,
            kind,
            body: body.into(),
        }
    }

    fn send(&self, transport: &TransportRef, with_body: bool) {
        let mut head = String::new();
        let (status, kind, length) = (self.status, self.kind, self.body.len());
        // A string takes all that is written to it.
        let _ = write!(
            head,
            "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\nContent-Type: {kind}\r\n\
             Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n\
             Content-Security-Policy: default-src 'self'; img-src data:\r\n\r\n"
        );
        let body = if with_body { &self.body[..] } else { &[] };
        transport.write_sequence(&[head.as_bytes(), body]);
        transport.lose_connection();
    }
}

/// What an endpoint has: it answers a request by its path, or takes over the connection, and then returns
/// nothing.
pub(crate) trait Site {
    fn answer(&self, request: &Request<'_>, transport: &TransportRef) -> Option<Answer>;
}

/// What makes the protocol of each connection to a site.
pub(crate) fn site(site: Rc<dyn Site>) -> FactoryRef {
    let doors = factory(move |_: &Address| Door {
        site: site.clone(),
        head: Vec::new(),
    });
    let patient = Timeout::new().total(TIME).factory(doors);
    FactoryRef::from(Limits::new().total(MOST).factory(patient))
}

/// Reads one request.
struct Door {
    site: Rc<dyn Site>,
    head: Vec<u8>,
}

impl Protocol for Door {
    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        let before = self.head.len();
        self.head.extend_from_slice(data);
        // The end of the head may have begun before.
        let from = before.saturating_sub(3);
        let end = self.head[from..]
            .windows(4)
            .position(|bytes| bytes == b"\r\n\r\n");
        match end.map(|end| from + end + 4) {
            Some(end) if end <= LONGEST_HEAD => self.serve(transport, end),
            None if self.head.len() <= LONGEST_HEAD => {}
            _ => Answer::refusal("431 Request Header Fields Too Large").send(transport, true),
        }
    }
}

impl Door {
    fn serve(&self, transport: &TransportRef, end: usize) {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS];
        let mut parsed = httparse::Request::new(&mut fields);
        let outcome = parsed.parse(&self.head[..end]);
        let (Ok(httparse::Status::Complete(_)), Some(method), Some(target)) =
            (outcome, parsed.method, parsed.path)
        else {
            return Answer::refusal("400 Bad Request").send(transport, true);
        };
        let with_body = match method {
            "GET" => true,
            "HEAD" => false,
            _ => return Answer::refusal("405 Method Not Allowed").send(transport, true),
        };
        let request = Request {
            path: target.split('?').next().unwrap_or_default(),
            fields: parsed.headers,
            #[cfg(feature = "page")]
            rest: &self.head[end..],
        };
        // HTTP/1.0 has no such field, and is what simple health checks speak.
        let is_whole = parsed.version == Some(0) || request.has("host");
        let answer = if is_whole {
            self.site.answer(&request, transport)
        } else {
            Some(Answer::refusal("400 Bad Request"))
        };
        if let Some(answer) = answer {
            answer.send(transport, with_body);
        }
    }
}
