use std::cell::Cell;
use std::io::{ErrorKind, stdout};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use retwist::{
    DescriptorStream, ProcessExit, ProcessProtocol, ProcessTransport, Producer, ProducerKind,
    Program, Protocol, Reactor, ReactorHandle, ReactorSettings, Reason, Signal, TransportRef,
    WindowSize, error_chain,
};

use super::support::Mistake;
use super::{signals, stdin};

/// The longest piece of a line that is shown as one.
const LONGEST: usize = 64 * 1024;

/// Runs the program to its end, and returns what to exit with.
pub(super) fn run(program: Program, on_terminal: bool) -> Result<u8, Mistake> {
    let reactor = Reactor::with_settings(ReactorSettings {
        // They are for the program.
        signals: false,
        // All that it has said is shown, however slowly it is read.
        shutdown_timeout: Duration::MAX,
        ..ReactorSettings::default()
    })?;
    // Ctrl-C reaches this program alone, which passes it on.
    let program = if on_terminal {
        program.terminal(window().unwrap_or_default())
    } else {
        program.new_process_group()
    };
    let output = stdout().as_fd().try_clone_to_owned()?;
    let listener = Rc::new(Cell::new(None));
    let (code, lost) = (Rc::new(Cell::new(1)), Rc::new(Cell::new(false)));
    let output = reactor.open_descriptors(
        DescriptorStream::writing(output).name("standard output"),
        Output {
            process: listener.clone(),
            lost: lost.clone(),
        },
    )?;
    let show = Show {
        output: output.clone(),
        parts: [(1, '|'), (2, '!')].map(|(descriptor, mark)| Part {
            descriptor,
            mark,
            line: Vec::new(),
        }),
        reactor: reactor.handle(),
        code: code.clone(),
    };
    let process = reactor.spawn_process(program, show)?;
    listener.set(Some(process.clone()));
    output.register_producer(Rc::new(Says(process.clone())), ProducerKind::Push)?;
    stdin::pass(&reactor, &process, on_terminal)?;
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let process = process.clone();
        signals::on(&reactor, signal, move || {
            if process.signal(signal).is_err() {
                // It has exited, and others have its pipes: the program no longer waits for them.
                process.lose_connection();
            }
        })?;
    }
    if on_terminal {
        let process = process.clone();
        signals::on(&reactor, Signal::WINCH, move || {
            if let Some(window) = window() {
                let _ = process.set_window(window);
            }
        })?;
    }
    reactor.run()?;
    match code.get() {
        // What it has said did not arrive.
        0 if lost.get() => Ok(1),
        code => Ok(code),
    }
}

/// The size of the terminal that the output goes to.
fn window() -> Option<WindowSize> {
    let size = rustix::termios::tcgetwinsize(stdout()).ok()?;
    Some(WindowSize::new(size.ws_row, size.ws_col))
}

/// Shows what the program says.
struct Show {
    output: TransportRef,
    parts: [Part; 2],
    reactor: ReactorHandle,
    code: Rc<Cell<u8>>,
}

/// The line that a descriptor of the program is writing.
struct Part {
    descriptor: i32,
    mark: char,
    line: Vec<u8>,
}

impl Part {
    fn end_line(&mut self, output: &TransportRef) {
        let time = Timestamp::now().strftime("%H:%M:%S%.3f");
        let start = format!("{time} {} ", self.mark);
        // A terminal ends its lines with both.
        let line = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        output.write_sequence(&[start.as_bytes(), line, b"\n"]);
        self.line.clear();
    }
}

impl ProcessProtocol for Show {
    fn child_data_received(&mut self, _: &ProcessTransport, descriptor: i32, data: &[u8]) {
        let mut parts = self.parts.iter_mut();
        let Some(part) = parts.find(|part| part.descriptor == descriptor) else {
            return;
        };
        for piece in data.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            part.line.extend_from_slice(text);
            if ends || part.line.len() > LONGEST {
                part.end_line(&self.output);
            }
        }
    }

    /// What it has written without the end of a line.
    fn child_connection_lost(&mut self, _: &ProcessTransport, descriptor: i32, _: &Reason) {
        for part in &mut self.parts {
            if part.descriptor == descriptor && !part.line.is_empty() {
                part.end_line(&self.output);
            }
        }
    }

    fn process_ended(&mut self, exit: &ProcessExit) {
        let code = exit.shell_code().unwrap_or(1);
        self.code.set(u8::try_from(code).unwrap_or(1));
        self.output.unregister_producer();
        self.output.lose_connection();
        self.reactor.stop();
    }
}

/// The program, as what writes to the output: it waits while that is not read.
struct Says(ProcessTransport);

impl Producer for Says {
    fn pause_producing(&self) {
        self.0.pause_producing();
    }

    fn resume_producing(&self) {
        self.0.resume_producing();
    }

    fn stop_producing(&self) {}
}

/// Standard output. When it takes no more, the program may as well hear that: it gets SIGPIPE.
struct Output {
    process: Rc<Cell<Option<ProcessTransport>>>,
    lost: Rc<Cell<bool>>,
}

impl Protocol for Output {
    fn connection_lost(&mut self, reason: &Reason) {
        if was_refused(reason) {
            log::error!("standard output: {}", error_chain(reason));
            self.lost.set(true);
        }
        if let Some(process) = self.process.take() {
            process.close_stdout();
            process.close_stderr();
        }
    }
}

/// Whether the system would not take what was written. A reader that has gone has seen enough.
fn was_refused(reason: &Reason) -> bool {
    matches!(reason, Reason::Lost(error) if error.kind() != ErrorKind::BrokenPipe)
}
