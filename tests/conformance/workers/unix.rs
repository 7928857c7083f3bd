use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use retwist::endpoint::server_from_string;

use super::{Running, Server, any, serve};

#[test]
fn all_workers_accept_from_one_unix_socket() {
    let name = format!("retwist-workers-{}.socket", std::process::id());
    let path = std::env::temp_dir().join(name);
    let _ = std::fs::remove_file(&path);
    let endpoint = server_from_string(&format!("unix:{}", path.display())).unwrap();
    let refused = Arc::new(AtomicUsize::new(0));
    let twice = refused.clone();
    let running = Running::start(3, move |worker| {
        let (number, reactor) = (worker.number() as u8, worker.handle());
        let build = move |_: &_| Server {
            worker: number,
            reactor: reactor.clone(),
        };
        endpoint.listen(worker, build.clone())?;
        // What this worker has is in use for itself.
        let again = endpoint.listen(worker, build);
        twice.fetch_add(usize::from(again.is_err()), Ordering::SeqCst);
        Ok(serve(worker, any())?)
    });
    // The name is said once for all of them, and the port that each has beside it comes behind.
    assert_eq!(running.told().to_string(), path.display().to_string());
    running.address();
    assert_eq!(refused.load(Ordering::SeqCst), 3);
    let connect = || {
        let mut client = UnixStream::connect(&path).unwrap();
        let mut worker = [0];
        client.read_exact(&mut worker).unwrap();
        assert!(worker[0] < 3);
        client
    };
    let clients: Vec<_> = (0..10).map(|_| connect()).collect();
    (&clients[0]).write_all(b"s").unwrap();
    drop(clients);
    running.end();
    assert!(!path.exists());
}
