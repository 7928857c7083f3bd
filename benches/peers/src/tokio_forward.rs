//! tokio's own way to forward, with buffers of 64 KiB as everyone has here, or with its default of
//! 8 KiB.

use retwist_benches::args::{Args, Result};
use retwist_benches::{certificate, listener};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional, copy_bidirectional_with_sizes};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::tokio_echo;

#[derive(Clone, Copy)]
pub(crate) enum Buffers {
    Large,
    Default,
}

const LARGE: usize = 64 * 1024;

pub(crate) fn serve(args: &Args, buffers: Buffers) -> Result<()> {
    let to = args.to;
    tokio_echo::each(args, move |inbound| forward(inbound, to, buffers))
}

/// TLS on the side of the clients.
pub(crate) fn serve_tls(args: &Args, buffers: Buffers) -> Result<()> {
    let acceptor = TlsAcceptor::from(certificate::server_config(args)?);
    let to = args.to;
    tokio_echo::each(args, move |socket| {
        let accepted = acceptor.accept(socket);
        async move {
            if let Ok(inbound) = accepted.await {
                forward(inbound, to, buffers).await;
            }
        }
    })
}

async fn forward(mut inbound: impl AsyncRead + AsyncWrite + Unpin, to: u16, buffers: Buffers) {
    let Ok(mut outbound) = TcpStream::connect(listener::local(to)).await else {
        return;
    };
    // How it ends is seen by both sides.
    let _ = outbound.set_nodelay(true);
    let _ = match buffers {
        Buffers::Large => {
            copy_bidirectional_with_sizes(&mut inbound, &mut outbound, LARGE, LARGE).await
        }
        Buffers::Default => copy_bidirectional(&mut inbound, &mut outbound).await,
    };
}
