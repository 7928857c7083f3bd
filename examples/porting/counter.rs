//! Has another program count the words of a text; then asks two programs how they end: the port of
//! `counter.py`.

#[cfg(unix)]
mod unix {
    use std::error::Error;

    use retwist::deferred::{Failure, gather_results, process_exit, process_output};
    use retwist::{
        ProcessExit, ProcessProtocol, ProcessTransport, Program, Reactor, ReactorHandle,
    };

    struct Counter {
        counted: Vec<u8>,
        reactor: ReactorHandle,
    }

    impl ProcessProtocol for Counter {
        fn connection_made(&mut self, process: &ProcessTransport) {
            println!("made");
            process.write(&b"Once, upon a midnight dreary\n".repeat(3));
            process.close_stdin();
        }

        fn out_received(&mut self, _: &ProcessTransport, data: &[u8]) {
            self.counted.extend_from_slice(data);
        }

        fn out_connection_lost(&mut self, _: &ProcessTransport) {
            println!("words: {}", String::from_utf8_lossy(&self.counted).trim());
        }

        fn process_ended(&mut self, exit: &ProcessExit) {
            println!("ended: {}", exit.code().unwrap_or(-1));
            let reactor = self.reactor.clone();
            let values = [0, 1].map(|code| {
                let program = Program::new("/bin/sh")
                    .arg("-c")
                    .arg(format!("exit {code}"));
                process_exit(&reactor, program)
            });
            let quote = Program::new("/bin/echo").arg("a quote");
            let quote = process_output(&reactor, quote, 64 * 1024);
            gather_results(values.into()).done(move |values| {
                if let Ok(values) = values {
                    let codes: Vec<_> = values.iter().filter_map(|exit| exit.code()).collect();
                    println!("true, false: {} {}", codes[0], codes[1]);
                }
                quote.done(move |quote| {
                    match quote {
                        Ok(quote) => println!("quote: {}", String::from_utf8_lossy(&quote).trim()),
                        Err(Failure::Error(error)) => eprintln!("{error}"),
                        Err(_) => {}
                    }
                    reactor.stop();
                });
            });
        }
    }

    pub(super) fn main() -> Result<(), Box<dyn Error>> {
        let reactor = Reactor::new()?;
        let counter = Counter {
            counted: Vec::new(),
            reactor: reactor.handle(),
        };
        reactor.spawn_process(Program::new("wc").arg("-w"), counter)?;
        reactor.run()?;
        Ok(())
    }
}

#[cfg(unix)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    unix::main()
}

#[cfg(not(unix))]
fn main() {}
