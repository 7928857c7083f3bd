//! tokio as its tutorial has it: a task a connection, a buffer a task, on the current thread.

use std::future::Future;

use retwist_benches::args::{Args, Result};
use retwist_benches::{certificate, listener};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio_rustls::TlsAcceptor;

pub(crate) fn serve(args: &Args) -> Result<()> {
    let size = buffer_size(args);
    each(args, move |socket| echo(socket, size))
}

pub(crate) fn serve_tls(args: &Args) -> Result<()> {
    let acceptor = TlsAcceptor::from(certificate::server_config(args)?);
    let size = buffer_size(args);
    each(args, move |socket| {
        let accepted = acceptor.accept(socket);
        async move {
            if let Ok(stream) = accepted.await {
                echo(stream, size).await;
            }
        }
    })
}

pub(crate) fn serve_unix(args: &Args) -> Result<()> {
    let size = buffer_size(args);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = UnixListener::from_std(listener::bind_unix()?)?;
        loop {
            let (socket, _) = listener.accept().await?;
            tokio::spawn(echo(socket, size));
        }
    })
}

/// Spawns a task for each connection.
pub(crate) fn each<F>(args: &Args, task: impl Fn(TcpStream) -> F) -> Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener::bind(args.port)?)?;
        listener::listening(listener.local_addr()?);
        loop {
            let (socket, _) = listener.accept().await?;
            tokio::spawn(task(socket));
        }
    })
}

/// 16 KiB, or a message if that is larger.
fn buffer_size(args: &Args) -> usize {
    args.size.max(16 * 1024)
}

async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin, size: usize) {
    let mut buffer = vec![0; size];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => {
                let written = stream.write_all(&buffer[..count]).await;
                if written.is_err() || stream.flush().await.is_err() {
                    return;
                }
            }
        }
    }
}
