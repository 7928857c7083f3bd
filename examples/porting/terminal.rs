//! Gives each client a program on a terminal of its own: the port of `terminal.py`.

#[cfg(unix)]
mod unix {
    use retwist::endpoint::server_from_string;
    use retwist::{
        ProcessExit, ProcessProtocol, ProcessTransport, Program, Protocol, Reactor, ReactorHandle,
        Reason, TransportRef, WindowSize,
    };

    struct Output {
        client: TransportRef,
    }

    impl ProcessProtocol for Output {
        fn out_received(&mut self, _: &ProcessTransport, data: &[u8]) {
            self.client.write(data);
        }

        fn process_ended(&mut self, _: &ProcessExit) {
            self.client.lose_connection();
        }
    }

    struct Client {
        reactor: ReactorHandle,
        command: Program,
        process: Option<ProcessTransport>,
    }

    impl Protocol for Client {
        fn connection_made(&mut self, transport: &TransportRef) {
            let output = Output {
                client: transport.clone(),
            };
            // Unlike in Twisted, the program runs, or the error is here.
            match self.reactor.spawn_process(self.command.clone(), output) {
                Ok(process) => self.process = Some(process),
                Err(error) => {
                    eprintln!("{error}");
                    transport.lose_connection();
                }
            }
        }

        fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
            if let Some(process) = &self.process {
                process.write(data);
            }
        }

        fn connection_lost(&mut self, _: &Reason) {
            if let Some(process) = &self.process {
                process.lose_connection();
            }
        }
    }

    pub(super) fn main() -> Result<(), Box<dyn std::error::Error>> {
        let mut arguments = std::env::args().skip(1);
        let endpoint = server_from_string(&arguments.next().ok_or("where to listen?")?)?;
        let path = arguments.next().ok_or("which program?")?;
        let command = Program::new(path)
            .args(arguments)
            .terminal(WindowSize::default());
        let reactor = Reactor::new()?;
        let handle = reactor.handle();
        let port = endpoint.listen(&reactor, move |_| Client {
            reactor: handle.clone(),
            command: command.clone(),
            process: None,
        })?;
        println!("listening on {}", port.address());
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
