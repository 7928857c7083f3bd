//! tokio as its tutorial has it: a task a connection, a buffer a task, on the current thread.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::args::{Args, Result};

pub(super) fn serve(args: &Args) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(super::bind(args.port)?)?;
        super::listening(listener.local_addr()?);
        let (size, sink) = (buffer_size(args), args.sink);
        loop {
            let (mut socket, _) = listener.accept().await?;
            tokio::spawn(async move {
                let mut buffer = vec![0; size];
                loop {
                    match socket.read(&mut buffer).await {
                        Ok(0) | Err(_) => return,
                        Ok(_) if sink => {}
                        Ok(count) => {
                            if socket.write_all(&buffer[..count]).await.is_err() {
                                return;
                            }
                        }
                    }
                }
            });
        }
    })
}

/// 16 KiB for conversations, 64 KiB where the load is bulk.
pub(super) fn buffer_size(args: &Args) -> usize {
    args.size.max(16 * 1024)
}
