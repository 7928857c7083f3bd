//! Lines that are read and forgotten: this project's receiver, and tokio-util's codec.

use std::hint::black_box;

use futures_util::StreamExt;
use retwist_protocols::{Framed, LineReceiver, LineTransport};
use retwist_reactor::Address;
use tokio::net::TcpListener;
use tokio_util::codec::{FramedRead, LinesCodec};

use crate::args::{Args, Result};

struct Forget;

impl LineReceiver for Forget {
    fn line_received(&mut self, _: &LineTransport, line: &[u8]) {
        black_box(line);
    }
}

pub(super) fn serve(args: &Args) -> Result<()> {
    super::retwist::run(args, |_: &Address| Framed::lines(Forget))
}

pub(super) fn serve_codec(args: &Args) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(super::bind(args.port)?)?;
        super::listening(listener.local_addr()?);
        loop {
            let (socket, _) = listener.accept().await?;
            tokio::spawn(async move {
                let mut lines = FramedRead::with_capacity(socket, LinesCodec::new(), 64 * 1024);
                while let Some(Ok(line)) = lines.next().await {
                    black_box(line);
                }
            });
        }
    })
}
