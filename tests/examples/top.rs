//! `top` in a terminal: what it draws, and that the terminal is afterwards as it was.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{InputModes, LocalModes, OutputModes, Winsize, tcgetattr, tcsetwinsize};

use crate::operations::Watched;
use crate::program::{PATIENCE, example, send_signal};

const BEGIN: &str = "\x1b[?1049h\x1b[?25l";
const END: &str = "\x1b[?25h\x1b[?1049l";
const FRAME: &str = "\x1b[H";
const FRAME_END: &str = "\x1b[J";

/// A terminal, and a user in front of it.
struct Terminal {
    keyboard: File,
    screen: Receiver<String>,
    shown: String,
    /// The side of the program.
    side: OwnedFd,
}

type Modes = (InputModes, OutputModes, LocalModes);

impl Terminal {
    fn new(columns: u16) -> Self {
        let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&user).unwrap();
        unlockpt(&user).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let side = open(ptsname(&user, Vec::new()).unwrap(), flags, Mode::empty()).unwrap();
        let keyboard = File::from(user);
        let mut eyes = keyboard.try_clone().unwrap();
        let (sender, screen) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = eyes.read(&mut buffer) {
                let _ = sender.send(String::from_utf8_lossy(&buffer[..count]).into_owned());
            }
        });
        let terminal = Terminal {
            keyboard,
            screen,
            shown: String::new(),
            side,
        };
        terminal.resize(columns);
        terminal
    }

    fn resize(&self, columns: u16) {
        let size = Winsize {
            ws_row: 30,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&self.keyboard, size).unwrap();
    }

    fn modes(&self) -> Modes {
        let modes = tcgetattr(&self.side).unwrap();
        (modes.input_modes, modes.output_modes, modes.local_modes)
    }

    fn run_top(&self, console: &str) -> Child {
        let side = || Stdio::from(self.side.try_clone().unwrap());
        let mut top = example("top");
        top.arg(format!("unix:{console}"));
        top.stdin(side()).stdout(side()).stderr(Stdio::piped());
        top.spawn().unwrap()
    }

    fn types(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).unwrap();
    }

    /// Reads up to this text, and returns what was before it.
    #[track_caller]
    fn read_to(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.shown.find(text) {
                let rest = self.shown.split_off(at + text.len());
                let mut before = std::mem::replace(&mut self.shown, rest);
                before.truncate(at);
                return before;
            }
            match self.screen.recv_timeout(PATIENCE) {
                Ok(more) => self.shown.push_str(&more),
                Err(_) => panic!("{text:?} is not shown, but {:?}", self.shown),
            }
        }
    }

    /// The lines of the next picture.
    fn picture(&mut self) -> Vec<String> {
        self.read_to(FRAME);
        let drawn = self.read_to(FRAME_END);
        let lines = drawn.split("\x1b[K\r\n");
        lines.map(str::to_owned).collect()
    }
}

fn longest(picture: &[String]) -> usize {
    let lengths = picture.iter().map(|line| line.chars().count());
    lengths.max().unwrap_or_default()
}

/// It has ended with this code.
fn ended(child: Child, code: i32) -> String {
    let output = child.wait_with_output().unwrap();
    let why = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{why}");
    why
}

#[test]
fn it_draws_fits_its_terminal_and_leaves_it_as_it_was() {
    let watched = Watched::start("top-terminal");
    let _client = watched.client();
    // q, Ctrl-C and Ctrl-D are keys in raw mode.
    for key in [b'q', 3, 4] {
        let mut terminal = Terminal::new(100);
        let before = terminal.modes();
        let top = terminal.run_top(watched.socket());
        terminal.read_to(BEGIN);
        let wide = terminal.picture();
        assert!(
            wide.iter().any(|line| line.contains("throughput")),
            "{wide:?}"
        );
        assert!((41..=100).contains(&longest(&wide)), "{wide:?}");
        assert_ne!(terminal.modes(), before, "it reads keys");
        terminal.types(b"x");
        terminal.resize(40);
        // One was drawn, perhaps, before that.
        terminal.picture();
        let narrow = terminal.picture();
        assert!(longest(&narrow) <= 40, "{narrow:?}");
        terminal.types(&[key]);
        terminal.read_to(END);
        ended(top, 0);
        assert_eq!(terminal.modes(), before, "after {key}");
    }
    watched.stop();
}

#[test]
fn a_signal_and_the_end_of_the_server_leave_the_terminal_as_it_was() {
    let watched = Watched::start("top-ends");
    let mut terminal = Terminal::new(100);
    let before = terminal.modes();
    let top = terminal.run_top(watched.socket());
    terminal.picture();
    send_signal(top.id(), "TERM");
    terminal.read_to(END);
    ended(top, 0);
    assert_eq!(terminal.modes(), before);
    let top = terminal.run_top(watched.socket());
    terminal.picture();
    watched.stop();
    terminal.read_to(END);
    let why = ended(top, 1);
    assert!(why.contains("the console has ended"), "{why}");
    assert_eq!(terminal.modes(), before);
}
