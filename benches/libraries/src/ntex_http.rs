//! ntex with one worker.

use ntex::util::Bytes;
use ntex::web::{self, App, HttpResponse, HttpServer};
use retwist_benches::args::{Args, Result};
use retwist_benches::listener;

use crate::DAY;

pub(crate) fn serve(args: &Args) -> Result<()> {
    let socket = listener::bind(args.port)?;
    let address = socket.local_addr()?;
    ntex::rt::System::new("ntex", ntex::rt::DefaultRuntime).block_on(async move {
        let server = HttpServer::new(async || {
            App::new()
                .route("/", web::get().to(day))
                .route("/echo", web::post().to(echo))
        })
        .workers(1)
        .listen(socket)?
        .run();
        listener::listening(address);
        server.await
    })?;
    Ok(())
}

async fn day() -> HttpResponse {
    HttpResponse::Ok().body(DAY)
}

async fn echo(body: Bytes) -> HttpResponse {
    HttpResponse::Ok().body(body)
}
