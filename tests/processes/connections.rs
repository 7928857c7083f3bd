//! A child as the peer of an ordinary protocol.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use retwist::{
    Address, ChildProcess, ConnectError, Connector, Factory, IntoProtocol, ProcessExit, Program,
    Protocol, Reactor, Reason, Signal, SpawnError, TransportRef, WindowSize,
};

use crate::world::{is_child, reactor, sh, until};

/// What a connection has heard, and what is done as it begins.
#[derive(Clone, Default)]
struct Talk {
    made: Rc<RefCell<Option<TransportRef>>>,
    heard: Rc<RefCell<Vec<u8>>>,
    input_ended: Rc<Cell<bool>>,
    lost: Rc<RefCell<Option<Reason>>>,
    failed: Rc<RefCell<Option<ConnectError>>>,
    owner_lost: Rc<RefCell<Option<Reason>>>,
    says: Rc<RefCell<Vec<u8>>>,
    refuses: Rc<Cell<bool>>,
    attempts: Rc<Cell<usize>>,
}

struct Talker(Talk);

impl Protocol for Talker {
    fn connection_made(&mut self, transport: &TransportRef) {
        self.0.made.replace(Some(transport.clone()));
        transport.write(&self.0.says.borrow());
    }

    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        self.0.heard.borrow_mut().extend_from_slice(data);
    }

    fn read_connection_lost(&mut self, transport: &TransportRef) {
        self.0.input_ended.set(true);
        transport.lose_connection();
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.0.lost.replace(Some(reason.clone()));
    }
}

impl Factory for Talk {
    fn build_protocol(self: &Rc<Self>, _: &Address) -> impl IntoProtocol {
        (!self.refuses.get()).then(|| Talker((**self).clone()))
    }

    fn client_connection_failed(self: &Rc<Self>, _: &Connector, error: &ConnectError) {
        self.failed.replace(Some(error.clone()));
    }

    fn client_connection_lost(self: &Rc<Self>, connector: &Connector, reason: &Reason) {
        self.owner_lost.replace(Some(reason.clone()));
        self.attempts.set(self.attempts.get() + 1);
        if self.attempts.get() == 1 && self.says.borrow().starts_with(b"again") {
            connector.connect();
        }
    }
}

impl Talk {
    fn start(&self, reactor: &Reactor, program: Program) -> Connector {
        reactor.connect_process_factory(program, Rc::new(self.clone()))
    }

    /// The transport, once the program runs.
    fn transport(&self, reactor: &Reactor) -> TransportRef {
        until(reactor, || self.made.borrow().is_some());
        self.made.borrow().clone().unwrap()
    }

    fn end(&self, reactor: &Reactor) -> Reason {
        until(reactor, || self.lost.borrow().is_some());
        self.lost.borrow().clone().unwrap()
    }
}

#[track_caller]
fn exit_of(reason: &Reason) -> ProcessExit {
    match reason.downcast_ref::<ProcessExit>() {
        Some(exit) => *exit,
        None => panic!("{reason:?}"),
    }
}

#[test]
fn half_close_is_the_end_of_its_input() {
    let (reactor, talk) = (reactor(), Talk::default());
    talk.says.borrow_mut().extend(b"b\na\n");
    talk.start(&reactor, Program::new("sort"));
    talk.transport(&reactor).lose_write_connection();
    assert!(talk.end(&reactor).is_clean());
    assert_eq!(*talk.heard.borrow(), b"a\nb\n");
    assert!(talk.input_ended.get());
    assert!(
        talk.owner_lost
            .borrow()
            .as_ref()
            .is_some_and(Reason::is_clean)
    );
}

#[test]
fn a_close_is_in_order() {
    let (reactor, talk) = (reactor(), Talk::default());
    let much = vec![b'x'; 3_000_000];
    let path = std::env::temp_dir().join(format!("retwist-kept-{}", std::process::id()));
    talk.says.borrow_mut().extend(&much);
    talk.start(&reactor, sh(&format!("cat > {}", path.display())));
    talk.transport(&reactor).lose_connection();
    assert!(talk.end(&reactor).is_clean());
    assert_eq!(std::fs::read(&path).unwrap().len(), much.len());
    std::fs::remove_file(path).unwrap();
}

#[test]
fn the_exit_is_the_reason() {
    for (script, exit) in [
        ("echo bye; exit 3", ProcessExit::Code(3)),
        (
            "echo bye; kill -9 $$",
            ProcessExit::Signal {
                signal: Signal::KILL,
                core_dumped: false,
            },
        ),
        // Its output has ended long before.
        (
            "echo bye; exec >&-; sleep 0.2; exit 4",
            ProcessExit::Code(4),
        ),
    ] {
        let (reactor, talk) = (reactor(), Talk::default());
        talk.start(&reactor, sh(script));
        let reason = talk.end(&reactor);
        assert_eq!(exit_of(&reason), exit, "{script}");
        assert_eq!(reason.to_string(), exit.to_string());
        assert_eq!(*talk.heard.borrow(), b"bye\n");
        // What a signal cuts off does not look complete at any moment.
        assert_eq!(talk.input_ended.get(), exit.signal().is_none());
        assert_eq!(exit_of(talk.owner_lost.borrow().as_ref().unwrap()), exit);
    }
}

#[test]
fn the_exit_is_the_reason_though_this_side_stays_open() {
    /// Closes nothing by itself.
    struct Idle(Talk);
    impl Protocol for Idle {
        fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
            self.0.heard.borrow_mut().extend_from_slice(data);
        }
        fn read_connection_lost(&mut self, transport: &TransportRef) {
            self.0.input_ended.set(true);
            transport.resume_producing();
        }
        fn connection_lost(&mut self, reason: &Reason) {
            self.0.lost.replace(Some(reason.clone()));
        }
    }
    for (script, code) in [("echo bye; exit 3", 3), ("echo bye", 0)] {
        let (reactor, talk) = (reactor(), Talk::default());
        let idle = Cell::new(Some(Idle(talk.clone())));
        reactor.connect_process(sh(script), move |_| idle.take());
        let reason = talk.end(&reactor);
        assert!(talk.input_ended.get());
        assert_eq!(*talk.heard.borrow(), b"bye\n");
        match code {
            0 => assert!(reason.is_clean(), "{reason:?}"),
            code => assert_eq!(exit_of(&reason), ProcessExit::Code(code)),
        }
    }
}

#[test]
fn it_reads_on_when_its_output_has_ended() {
    #[derive(Clone, Default)]
    struct Patient(Talk);
    impl Protocol for Patient {
        fn connection_made(&mut self, transport: &TransportRef) {
            self.0.made.replace(Some(transport.clone()));
        }
        fn read_connection_lost(&mut self, _: &TransportRef) {
            self.0.input_ended.set(true);
        }
        fn connection_lost(&mut self, reason: &Reason) {
            self.0.lost.replace(Some(reason.clone()));
        }
    }
    let (reactor, talk) = (reactor(), Talk::default());
    let patient = Patient(talk.clone());
    let path = std::env::temp_dir().join(format!("retwist-on-{}", std::process::id()));
    let script = format!("exec >&-; cat > {}", path.display());
    reactor.connect_process(sh(&script), move |_| patient.clone());
    until(&reactor, || talk.input_ended.get());
    let transport = talk.transport(&reactor);
    transport.write(b"and this");
    transport.lose_connection();
    assert!(talk.end(&reactor).is_clean());
    assert_eq!(std::fs::read(&path).unwrap(), b"and this");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn an_abort_ends_it() {
    let (reactor, talk) = (reactor(), Talk::default());
    let program = sh("trap '' TERM; exec sleep 60").kill_after(Duration::from_millis(50));
    talk.start(&reactor, program);
    let transport = talk.transport(&reactor);
    let child = ChildProcess::of(&transport).unwrap();
    let pid = child.pid().unwrap();
    transport.abort_connection();
    assert!(matches!(talk.end(&reactor), Reason::Aborted));
    until(&reactor, || !is_child(pid));
}

#[test]
fn a_child_that_lives_on_is_ended() {
    for script in ["exec sleep 60", "trap '' TERM; exec sleep 60"] {
        let (reactor, talk) = (reactor(), Talk::default());
        let settings = retwist::StreamSettings {
            linger_timeout: Duration::from_millis(20),
            ..retwist::StreamSettings::client()
        };
        let program = sh(&format!("echo ready; {script}"));
        let program = program
            .settings(settings)
            .kill_after(Duration::from_millis(50));
        talk.start(&reactor, program);
        let transport = talk.transport(&reactor);
        until(&reactor, || !talk.heard.borrow().is_empty());
        let child = ChildProcess::of(&transport).unwrap();
        let pid = child.pid().unwrap();
        transport.lose_connection();
        assert!(
            talk.end(&reactor).is_clean(),
            "the child had the time that a close waits"
        );
        until(&reactor, || !is_child(pid));
    }
}

#[test]
fn the_process_of_a_transport() {
    let (reactor, talk) = (reactor(), Talk::default());
    talk.start(&reactor, sh("exec sleep 60"));
    let transport = talk.transport(&reactor);
    let child = ChildProcess::of(&transport).unwrap();
    assert_eq!(
        transport.peer(),
        Address::Process(std::path::Path::new("sh").into(), child.pid())
    );
    assert!(child.set_window(WindowSize::default()).is_err());
    child.signal(Signal::USR1).unwrap();
    let reason = talk.end(&reactor);
    assert_eq!(exit_of(&reason).signal(), Some(Signal::USR1));
    assert_eq!(child.pid(), None);
    assert!(child.signal(Signal::USR1).is_err());
}

#[test]
fn what_cannot_be_started_has_failed() {
    let (reactor, talk) = (reactor(), Talk::default());
    let connector = talk.start(&reactor, Program::new("/no/such/program"));
    assert!(talk.failed.borrow().is_none(), "never from inside the call");
    until(&reactor, || talk.failed.borrow().is_some());
    let failed = talk.failed.borrow();
    let Some(ConnectError::Spawn(error)) = failed.as_ref() else {
        panic!("{failed:?}");
    };
    assert!(matches!(**error, SpawnError::NoSuchProgram(..)));
    assert_eq!(connector.destination().to_string(), "/no/such/program");
    let bad = Program::new("true").descriptor(4, retwist::ChildDescriptor::ChildReads);
    let talk = Talk::default();
    talk.start(&reactor, bad);
    until(&reactor, || talk.failed.borrow().is_some());
    assert!(
        talk.failed
            .borrow()
            .as_ref()
            .unwrap()
            .to_string()
            .contains("spawn_process")
    );
}

#[test]
fn a_factory_may_refuse_and_a_connector_give_up() {
    let (reactor, talk) = (reactor(), Talk::default());
    talk.refuses.set(true);
    talk.start(&reactor, Program::new("sleep").arg("60"));
    until(&reactor, || talk.failed.borrow().is_some());
    assert!(matches!(*talk.failed.borrow(), Some(ConnectError::Refused)));

    let talk = Talk::default();
    let connector = talk.start(&reactor, Program::new("sleep").arg("60"));
    assert!(connector.stop_connecting());
    until(&reactor, || talk.failed.borrow().is_some());
    assert!(matches!(
        *talk.failed.borrow(),
        Some(ConnectError::Cancelled)
    ));
    assert!(talk.made.borrow().is_none());
}

#[test]
fn a_connector_starts_it_again() {
    let (reactor, talk) = (reactor(), Talk::default());
    talk.says.borrow_mut().extend(b"again\n");
    talk.start(&reactor, sh("read line; echo $line; exit 1"));
    until(&reactor, || talk.attempts.get() == 2);
    assert_eq!(*talk.heard.borrow(), b"again\nagain\n");
}

#[test]
fn a_terminal_is_a_connection_too() {
    let (reactor, talk) = (reactor(), Talk::default());
    talk.says.borrow_mut().extend(b"word\n");
    let program = sh("read line; stty size; exit 6").terminal(WindowSize::new(11, 22));
    talk.start(&reactor, program);
    let transport = talk.transport(&reactor);
    ChildProcess::of(&transport)
        .unwrap()
        .set_window(WindowSize::new(33, 44))
        .unwrap();
    assert_eq!(exit_of(&talk.end(&reactor)), ProcessExit::Code(6));
    let heard = String::from_utf8(talk.heard.take()).unwrap();
    assert!(
        heard.starts_with("word\r\n") && heard.ends_with("\r\n"),
        "{heard:?}"
    );
}

#[test]
fn the_reactor_ends_with_it() {
    let (reactor, talk) = (reactor(), Talk::default());
    talk.start(&reactor, Program::new("sleep").arg("60"));
    let transport = talk.transport(&reactor);
    let pid = ChildProcess::of(&transport).unwrap().pid().unwrap();
    drop(reactor);
    assert!(matches!(*talk.lost.borrow(), Some(Reason::ReactorStopped)));
    assert!(!is_child(pid));
}

#[test]
fn the_endpoint_is_a_child() {
    use retwist::deferred::DialerExt;
    use retwist::endpoint::{Network, client_from_string};

    let reactor = Rc::new(reactor());
    let talk = Talk::default();
    talk.says.borrow_mut().extend(b"x\n");
    let network = Network::new(&reactor);
    let endpoint = client_from_string("process:tr x y").unwrap();
    let _connecting = endpoint.on(&network).connect_to(Talker(talk.clone()));
    talk.transport(&reactor).lose_write_connection();
    assert!(talk.end(&reactor).is_clean());
    assert_eq!(*talk.heard.borrow(), b"y\n");
}
