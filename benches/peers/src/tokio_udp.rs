//! A UDP echo on tokio, as its documentation has it.

use retwist_benches::args::{Args, Result};
use retwist_benches::listener;
use tokio::net::UdpSocket;

pub(crate) fn serve(args: &Args) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let socket = UdpSocket::bind(listener::local(args.port)).await?;
        listener::listening(socket.local_addr()?);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let (count, from) = socket.recv_from(&mut buffer).await?;
            socket.send_to(&buffer[..count], from).await?;
        }
    })
}
