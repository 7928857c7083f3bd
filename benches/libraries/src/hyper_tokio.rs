//! hyper on tokio, on the current thread: what the example `http` answers, without its limits.

use std::convert::Infallible;
use std::error::Error;

use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use retwist_benches::args::{Args, Result};

use crate::{DAY, on_tokio};

pub(crate) fn serve(args: &Args) -> Result<()> {
    on_tokio::each(args, |socket| {
        let serving =
            http1::Builder::new().serve_connection(TokioIo::new(socket), service_fn(answer));
        async {
            // How it ends is seen by the client.
            let _ = serving.await;
        }
    })
}

async fn answer(
    request: Request<Incoming>,
) -> std::result::Result<
    Response<impl Body<Data = Bytes, Error = Box<dyn Error + Send + Sync>>>,
    Infallible,
> {
    let text = |text: &'static str| Either::Left(Full::new(Bytes::from_static(text.as_bytes())));
    Ok(match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => Response::new(text(DAY)),
        // Sent back as it comes.
        (&Method::POST, "/echo") => {
            let echoed = request.into_body().map_frame(|frame| frame);
            Response::new(Either::Right(echoed))
        }
        _ => {
            let mut response = Response::new(text(""));
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    })
}
