//! tokio's own way to forward, with buffers as large as everyone's here.

use retwist_benches::args::{Args, Result};
use retwist_benches::listener;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::TcpStream;

use crate::tokio_echo;

const BUFFER: usize = 64 * 1024;

pub(crate) fn serve(args: &Args) -> Result<()> {
    let to = listener::local(args.to);
    tokio_echo::each(args, move |mut inbound| async move {
        let Ok(mut outbound) = TcpStream::connect(to).await else {
            return;
        };
        // How it ends is seen by both sides.
        let _ = outbound.set_nodelay(true);
        let _ = copy_bidirectional_with_sizes(&mut inbound, &mut outbound, BUFFER, BUFFER).await;
    })
}
