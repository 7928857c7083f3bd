use std::rc::Rc;
use std::time::Duration;

use log::LevelFilter;
use retwist_reactor::ConnectionId;
use serde_json::{Value, json};

use super::Shared;
use super::answer::{Answer, Row};
use super::arguments::Arguments;
use crate::{json, text};

/// What a console understands.
pub(super) struct Command {
    usage: String,
    about: String,
    run: Run,
}

type Outcome = Result<Answer, String>;
type Run = Box<dyn Fn(&Shared, &mut Arguments<'_>) -> Outcome>;

impl Command {
    /// One of the application's own.
    pub(super) fn new(
        name: &str,
        usage: &str,
        about: &str,
        run: impl Fn(&mut Arguments<'_>) -> Result<String, String> + 'static,
    ) -> Self {
        // What `help` shows begins with the name.
        let usage = match usage.split_ascii_whitespace().next() {
            Some(first) if first == name => usage.to_owned(),
            _ => format!("{name} {usage}").trim_end().to_owned(),
        };
        Command {
            usage,
            about: about.to_owned(),
            run: Box::new(move |_, arguments| run(arguments).map(Answer::sentence)),
        }
    }

    fn built_in(
        usage: &str,
        about: &str,
        run: impl Fn(&Shared, &mut Arguments<'_>) -> Outcome + 'static,
    ) -> Rc<Self> {
        Rc::new(Command {
            usage: usage.to_owned(),
            about: about.to_owned(),
            run: Box::new(run),
        })
    }

    pub(super) fn name(&self) -> &str {
        self.usage.split(' ').next().unwrap_or_default()
    }

    /// Runs the command that a line begins with.
    pub(super) fn run(shared: &Shared, line: &str) -> Outcome {
        let name = line.split_ascii_whitespace().next().unwrap_or_default();
        let found = {
            let commands = shared.commands.borrow();
            commands
                .iter()
                .find(|command| command.name() == name)
                .cloned()
        };
        let Some(command) = found else {
            return Err(format!("there is no command {name:?}; help lists them"));
        };
        let rest = line
            .trim_ascii_start()
            .get(name.len()..)
            .unwrap_or_default();
        let mut arguments = Arguments::new(&command.usage, rest);
        let answer = (command.run)(shared, &mut arguments)?;
        arguments.end()?;
        Ok(answer)
    }
}

/// The commands that each console has.
pub(super) fn built_in() -> Vec<Rc<Command>> {
    let mut commands = vec![
        Command::built_in("help", "lists the commands", |shared, _| Ok(help(shared))),
        Command::built_in("stats", "what the reactor counts", |shared, _| {
            let stats = shared.reactor.stats();
            Ok(Answer::block(text::stats(&stats), json::stats(&stats)))
        }),
        Command::built_in(
            "ports",
            "where it listens, and what was accepted and refused",
            |shared, _| {
                let ports = shared.reactor.stats().ports.into_iter();
                let rows = ports.map(|port| Row::of(&port, text::port, json::port));
                Ok(Answer::table(text::PORTS, rows))
            },
        ),
        Command::built_in(
            "connections [COUNT]",
            "all connections, or at most this many",
            |shared, arguments| {
                let most = arguments.optional()?.unwrap_or(usize::MAX);
                let connections = shared.reactor.connections().take(most);
                let rows = connections.map(|one| Row::of(&one, text::connection, json::connection));
                Ok(Answer::table(text::CONNECTIONS, rows))
            },
        ),
        Command::built_in("connection ID", "one connection, closely", connection),
        Command::built_in(
            "timers",
            "how many calls wait for their time, and how late they are",
            timers,
        ),
        Command::built_in(
            "watch [on|off]",
            "has the loop measure its work, or shows whether it does",
            watch,
        ),
        Command::built_in(
            "loglevel [LEVEL]",
            "what is logged: off, error, warn, info, debug or trace",
            log_level,
        ),
    ];
    commands.extend(ends());
    commands
}

/// The commands that end a connection.
fn ends() -> [Rc<Command>; 2] {
    [
        Command::built_in(
            "close ID",
            "closes a connection in order",
            |shared, arguments| {
                let id = id(arguments)?;
                let transport = shared.reactor.connection(id).ok_or_else(|| unknown(id))?;
                log::info!(
                    "the console closes connection {id} with {}",
                    transport.peer()
                );
                transport.lose_connection();
                Ok(Answer::sentence(format!("connection {id} is closing")))
            },
        ),
        Command::built_in(
            "abort ID",
            "ends a connection at once",
            |shared, arguments| {
                let id = id(arguments)?;
                let transport = shared.reactor.connection(id).ok_or_else(|| unknown(id))?;
                log::info!(
                    "the console aborts connection {id} with {}",
                    transport.peer()
                );
                transport.abort_connection();
                Ok(Answer::sentence(format!("connection {id} is aborted")))
            },
        ),
    ]
}

fn id(arguments: &mut Arguments<'_>) -> Result<ConnectionId, String> {
    let id = arguments.required::<u64>()?.into();
    arguments.end()?;
    Ok(id)
}

fn unknown(id: ConnectionId) -> String {
    format!("there is no connection {id}")
}

fn help(shared: &Shared) -> Answer {
    let commands = shared.commands.borrow();
    let listed = commands
        .iter()
        .map(|command| (command.usage.clone(), command.about.clone()));
    let own = [
        ("json COMMAND", "the answer as JSON, a value for each line"),
        ("quit", "ends this console"),
    ];
    let own = own.map(|(usage, about)| (usage.to_owned(), about.to_owned()));
    let rows: Vec<_> = listed
        .chain(own)
        .map(|(usage, about)| {
            Row::new(
                format!("{usage:<22}{about}"),
                json!({ "usage": usage, "about": about }),
            )
        })
        .collect();
    Answer::rows(rows.into_iter())
}

fn connection(shared: &Shared, arguments: &mut Arguments<'_>) -> Outcome {
    let id = id(arguments)?;
    let found = shared.reactor.connections().find(|one| one.id == id);
    let transport = shared.reactor.connection(id);
    let (Some(found), Some(transport)) = (found, transport) else {
        return Err(unknown(id));
    };
    let (host, unacknowledged) = (transport.host(), transport.unacknowledged());
    let mut value = json::connection(&found);
    value["host"] = json!(host.to_string());
    value["unacknowledged"] = json!(unacknowledged);
    let port = found.port.as_ref();
    let lines = vec![
        format!("peer            {}", found.peer),
        format!("host            {host}"),
        format!(
            "port            {}",
            port.map_or("none, this side made it".into(), ToString::to_string)
        ),
        format!(
            "state           {}{}",
            found.state,
            if found.paused { ", not read now" } else { "" }
        ),
        format!("age             {}", text::Seconds(found.age)),
        format!("received        {} bytes", found.received),
        format!("sent            {} bytes", found.sent),
        format!("waiting         {} bytes", found.buffered),
        format!("unacknowledged  {unacknowledged} bytes"),
    ];
    Ok(Answer::block(lines, value))
}

fn timers(shared: &Shared, _: &mut Arguments<'_>) -> Outcome {
    let stats = shared.reactor.stats();
    let lines = vec![
        format!("pending  {}", stats.timers),
        format!("called   {}", stats.timers_called),
        format!("late     {}", text::times(&stats.lag)),
    ];
    let value = json!({
        "pending": stats.timers,
        "called": stats.timers_called,
        "lag": json::histogram(&stats.lag),
    });
    Ok(Answer::block(lines, value))
}

fn watch(shared: &Shared, arguments: &mut Arguments<'_>) -> Outcome {
    match arguments.optional::<String>()?.as_deref() {
        None => {}
        Some("on") => {
            let watch = shared.reactor.watch_loop();
            let before = shared.watch.replace(Some(watch));
            drop(before);
        }
        Some("off") => drop(shared.watch.take()),
        Some(_) => return Err(arguments.mistake()),
    }
    let is_on = shared.watch.borrow().is_some();
    let sentence = if is_on {
        "the work of the loop is measured: see stats"
    } else {
        "the work of the loop is not measured"
    };
    Ok(Answer::block(
        vec![sentence.to_owned()],
        json!({ "watch": is_on }),
    ))
}

fn log_level(shared: &Shared, arguments: &mut Arguments<'_>) -> Outcome {
    if let Some(level) = arguments.optional::<LevelFilter>()? {
        let set = shared.set_log_level.borrow().clone();
        set(level);
    }
    let level = log::max_level().as_str().to_ascii_lowercase();
    let value: Value = json!({ "level": level });
    Ok(Answer::block(
        vec![format!("the log level is {level}")],
        value,
    ))
}

/// How long a console rests after an answer that has kept the loop for so long.
pub(super) fn rest_after(work: Duration) -> Duration {
    const SHARE: u32 = 20;
    (work * SHARE).max(Duration::from_millis(1))
}
