//! tokio as its tutorial has it: a task a connection, a buffer a task, on the current thread.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::args::{Args, Result};

pub(super) fn serve(args: &Args) -> Result<()> {
    run(args, None)
}

pub(super) fn serve_tls(args: &Args) -> Result<()> {
    let config = crate::certificate::server_config(args)?;
    run(args, Some(TlsAcceptor::from(config)))
}

fn run(args: &Args, tls: Option<TlsAcceptor>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(super::bind(args.port)?)?;
        super::listening(listener.local_addr()?);
        let (size, sink) = (args.size.max(16 * 1024), args.sink);
        loop {
            let (socket, _) = listener.accept().await?;
            let tls = tls.clone();
            tokio::spawn(async move {
                match tls {
                    None => echo(socket, size, sink).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(socket).await {
                            echo(stream, size, sink).await;
                        }
                    }
                }
            });
        }
    })
}

/// With a buffer of 16 KiB, or of a message if that is larger.
async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin, size: usize, sink: bool) {
    let mut buffer = vec![0; size];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) if sink => {}
            Ok(count) => {
                let written = stream.write_all(&buffer[..count]).await;
                if written.is_err() || stream.flush().await.is_err() {
                    return;
                }
            }
        }
    }
}
