//! What the servers on tokio share: a task a connection, on the current thread.

use std::future::Future;

use retwist_benches::args::{Args, Result};
use retwist_benches::listener;
use tokio::net::{TcpListener, TcpStream};

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
