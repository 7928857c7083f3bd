use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use retwist_operations::{Access, Console};
use retwist_reactor::testing::MemoryReactor;
use serde_json::Value;

use crate::world::{WHILE, World};

fn open_to_all(reactor: &Rc<MemoryReactor>) -> Console {
    Console::on(reactor.clone()).access(Access::Anyone)
}

fn world() -> World {
    World::new(|reactor| open_to_all(reactor).factory())
}

#[test]
fn each_command_is_answered_as_text_and_as_json() {
    let world = world();
    let echo = world.echo();
    echo.client().write(b"hello");
    echo.run();
    let id = echo.server().connection_id().unwrap();
    let console = world.connect();
    for (command, wanted) in [
        ("help".to_owned(), "connections [COUNT]   all connections"),
        ("stats".to_owned(), "connections  2 (2 open)"),
        ("ports".to_owned(), "127.0.0.1:7"),
        ("connections".to_owned(), "client -> 127.0.0.1:7"),
        (format!("connection {id}"), "received        5 bytes"),
        ("timers".to_owned(), "pending  "),
        ("watch on".to_owned(), "the work of the loop is measured"),
        ("watch".to_owned(), "is measured"),
        ("watch off".to_owned(), "is not measured"),
        ("loglevel".to_owned(), "the log level is "),
    ] {
        let text = console.ask(format!("{command}\n"));
        assert!(text.contains(wanted), "{command}: {text}");
        assert!(
            text.ends_with("\n\n") && !text.ends_with("\n\n\n"),
            "{command}: {text:?}"
        );
        let lines = console.ask(format!("json {command}\r\n"));
        assert!(lines.ends_with("\n\n"), "{command}: {lines:?}");
        for line in lines.trim_end().lines() {
            let value: Value = serde_json::from_str(line).unwrap();
            assert!(value.is_object() && value.get("error").is_none(), "{line}");
        }
    }
    let listed = console.ask("json connections\n");
    let listed: Vec<Value> = listed
        .trim_end()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let echoed = listed.iter().find(|one| one["id"] == id.number()).unwrap();
    assert_eq!(
        (&echoed["received"], &echoed["state"]),
        (&5.into(), &"open".into())
    );
    assert_eq!(
        console
            .ask("json connections 1\n")
            .trim_end()
            .lines()
            .count(),
        1
    );
}

#[test]
fn a_connection_is_ended_by_its_number() {
    let world = world();
    let [closed, aborted] = [(); 2].map(|()| world.echo());
    closed.run();
    let console = world.connect();
    for (command, pair, ending) in [
        ("close", &closed, "closing"),
        ("abort", &aborted, "aborted"),
    ] {
        let id = pair.server().connection_id().unwrap();
        let answer = console.ask(format!("{command} {id}\n"));
        assert_eq!(answer, format!("connection {id} is {ending}\n\n"));
        assert!(!pair.client().is_connected());
        let answer = console.ask(format!("{command} {id}\n"));
        assert_eq!(answer, format!("error: there is no connection {id}\n\n"));
    }
}

#[test]
fn what_is_not_understood_is_said() {
    let world = world();
    let console = world.connect();
    for (line, answer) in [
        (
            "frobnicate",
            "error: there is no command \"frobnicate\"; help lists them\n\n",
        ),
        (
            "json frobnicate",
            "{\"error\":\"there is no command \\\"frobnicate\\\"; help lists them\"}\n\n",
        ),
        ("abort", "error: usage: abort ID\n\n"),
        ("abort seven", "error: usage: abort ID\n\n"),
        ("abort -1", "error: usage: abort ID\n\n"),
        (
            "abort 99999999999999999999999",
            "error: usage: abort ID\n\n",
        ),
        ("abort 1 2", "error: usage: abort ID\n\n"),
        ("stats now", "error: usage: stats\n\n"),
        ("loglevel loud", "error: usage: loglevel [LEVEL]\n\n"),
        ("watch maybe", "error: usage: watch [on|off]\n\n"),
        ("", ""),
        ("   \t ", ""),
        (
            "json",
            "error: there is no command \"json\"; help lists them\n\n",
        ),
    ] {
        assert_eq!(console.ask(format!("{line}\n")), answer, "{line:?}");
    }
    assert_eq!(console.ask(b"\xff\xfe\n"), "error: a command is text\n\n");
    assert!(!console.has_ended());
    console.ask("quit\n");
    assert!(console.has_ended());
}

#[test]
fn commands_are_the_same_however_they_are_cut() {
    let all = "stats\r\njson ports\nhelp\nwatch\n";
    let world = world();
    let whole = |cut: usize| {
        let console = world.connect();
        for piece in all.as_bytes().chunks(cut) {
            console.pair.client().write(piece);
            console.pair.run();
        }
        console.pair.client().lose_write_connection();
        for _ in 0..10 {
            console.pair.advance(WHILE);
        }
        assert!(console.has_ended(), "it ends with its last answer");
        // What goes on changes by itself.
        let text = console.take();
        text.lines()
            .filter(|line| !line.contains(char::is_numeric) && !line.starts_with("lag "))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let expected = whole(usize::MAX);
    assert!(
        expected.iter().any(|line| line.contains("not measured")),
        "{expected:?}"
    );
    for cut in [1, 2, 3, 7, 64, 1000] {
        assert_eq!(whole(cut), expected, "cut at {cut}");
    }
}

#[test]
fn a_line_without_an_end_and_one_that_is_too_long() {
    let world = world();
    let unfinished = world.connect();
    unfinished.pair.client().write(b"watch");
    unfinished.pair.client().lose_write_connection();
    unfinished.pair.advance(WHILE);
    assert_eq!(
        unfinished.take(),
        "the work of the loop is not measured\n\n"
    );
    let long = world.connect();
    let answer = long.ask("x".repeat(100_000));
    assert_eq!(answer, "error: a command has at most 1000 bytes\n");
    assert!(long.has_ended());
}

#[test]
fn a_flood_is_worked_off_one_command_at_a_time_and_what_waits_is_bounded() {
    let world = world();
    let asked = Rc::new(Cell::new(0));
    let console = open_to_all(&world.reactor);
    let count = asked.clone();
    console.command("count", "count", "counts", move |_| {
        count.set(count.get() + 1);
        Ok(format!("{}", count.get()))
    });
    let address = ([127, 0, 0, 1], 10);
    world
        .reactor
        .listen_tcp_factory(address, console.factory())
        .unwrap();
    let address = retwist_reactor::Address::Tcp(address.into());
    let flood = world
        .reactor
        .accept(&address, crate::world::Peer::default())
        .unwrap();
    flood.client().write("count\n".repeat(100_000).as_bytes());
    flood.run();
    assert_eq!(asked.get(), 1, "the rest waits until the time is up");
    let waiting = flood.client().buffered();
    assert!(waiting > 400_000, "it waits with the peer: {waiting}");
    flood.advance(WHILE);
    assert!(asked.get() > 10);
}

#[test]
fn a_long_list_goes_as_fast_as_its_reader() {
    let world = world();
    let pairs: Vec<_> = (0..2000).map(|_| world.echo()).collect();
    pairs[0].run();
    let console = world.connect();
    // It takes a little, and then nothing.
    let slow = world.connect();
    slow.pair.client().pause_producing();
    slow.pair.client().write(b"connections\n");
    slow.pair.advance(WHILE);
    let waiting = slow.pair.server().buffered();
    assert!(
        waiting < 64 * 1024,
        "{waiting} bytes wait for a slow console"
    );
    // The others are served meanwhile.
    let list = console.ask("connections\n");
    assert_eq!(list.trim_end().lines().count(), 1 + 2000 + 2);
    slow.pair.client().resume_producing();
    slow.pair.advance(WHILE);
    assert!(slow.take().lines().count() > 2000);
}

#[test]
fn there_are_at_most_sixteen() {
    let world = world();
    let mut consoles: Vec<_> = (0..16).map(|_| world.connect()).collect();
    let late = world.connect();
    late.pair.advance(WHILE);
    assert_eq!(late.take(), "error: there are 16 consoles already\n");
    assert!(late.has_ended());
    consoles.pop();
    let next = world.connect();
    assert!(next.ask("watch\n").contains("not measured"));
}

#[test]
fn only_the_owner_gets_in_by_default() {
    let world = World::new(|reactor| Console::on(reactor.clone()).factory());
    let stranger = world.connect();
    let answer = stranger.ask("stats\n");
    if cfg!(unix) {
        assert_eq!(
            answer,
            "error: this console is for the owner of the process, on a UNIX socket\n"
        );
    }
    assert!(!answer.contains("uptime"));
    assert!(stranger.has_ended());
}

#[test]
fn an_application_adds_commands_and_takes_the_place_of_others() {
    let world = World::new(|reactor| {
        let console = open_to_all(reactor);
        console.command("greet", "greet NAME [TIMES]", "greets", |arguments| {
            let name: String = arguments.required()?;
            let times = arguments.optional()?.unwrap_or(1);
            arguments.end()?;
            if times > 3 {
                return Err("that is too often".to_owned());
            }
            Ok(format!("hello {name}. ")
                .repeat(times)
                .trim_end()
                .to_owned())
        });
        console.command(
            "timers",
            "timers",
            "none of them",
            |_| Ok("mine".to_owned()),
        );
        console.command("unlucky", "unlucky", "panics", |_| panic!("not today"));
        console.factory()
    });
    let console = world.connect();
    assert_eq!(console.ask("greet ann 2\n"), "hello ann. hello ann.\n\n");
    assert_eq!(
        console.ask("json greet ann\n"),
        "{\"ok\":\"hello ann.\"}\n\n"
    );
    assert_eq!(console.ask("greet ann 4\n"), "error: that is too often\n\n");
    assert_eq!(
        console.ask("greet\n"),
        "error: usage: greet NAME [TIMES]\n\n"
    );
    assert_eq!(console.ask("timers\n"), "mine\n\n");
    assert!(console.ask("help\n").contains("greet NAME [TIMES]"));
    console.ask("unlucky\n");
    assert!(console.has_ended(), "a panic ends that console");
    assert!(
        world.connect().ask("timers\n").contains("mine"),
        "and no other"
    );
}

#[test]
fn a_console_looks_on_while_the_program_drains_and_does_not_hold_it_up() {
    let world = world();
    world.reactor.start();
    let echo = world.echo();
    let (console, other) = (world.connect(), world.connect());
    world.reactor.drain(Duration::from_secs(3600));
    assert!(!world.reactor.shut_down(), "there are clients");
    world.reactor.clock().advance(WHILE);
    assert!(console.ask("stats\n").contains("connections  3"));
    echo.client().lose_connection();
    echo.run();
    world.reactor.clock().advance(WHILE);
    for console in [console, other] {
        console.pair.run();
        let heard = console.heard.borrow();
        assert!(heard.lost.as_ref().is_some_and(|lost| lost.is_clean()));
    }
    assert!(world.reactor.shut_down());
}
