//! Lines that are forgotten, and counted, by tokio-util's codec.

use std::hint::black_box;

use futures_util::StreamExt;
use retwist_benches::args::{Args, Result};
use tokio::io::AsyncWriteExt;
use tokio_util::codec::{FramedRead, LinesCodec};

use crate::tokio_echo;

pub(crate) fn serve(args: &Args) -> Result<()> {
    tokio_echo::each(args, |socket| async move {
        let mut lines = FramedRead::with_capacity(socket, LinesCodec::new(), 64 * 1024);
        let mut count = 0_u64;
        while let Some(Ok(line)) = lines.next().await {
            black_box(line);
            count += 1;
        }
        let told = format!("{count}\n");
        // The client sees what is missing.
        let _ = lines.get_mut().write_all(told.as_bytes()).await;
    })
}
