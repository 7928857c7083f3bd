use std::rc::Rc;

use retwist_reactor::{ChildDescriptor, FactoryRef, Program, WindowSize};

use super::values;
use crate::endpoint::{ClientEndpoint, EndpointError, Endpoints, Position, Value};

const NAMES: [&str; 5] = ["command", "stderr", "directory", "terminal", "killAfter"];

pub(super) fn add(endpoints: Endpoints) -> Endpoints {
    endpoints.client("process", NAMES, client)
}

fn client(
    position: &Position,
    [command, stderr, directory, terminal, kill_after]: [Option<Value>; 5],
) -> Result<ClientEndpoint, EndpointError> {
    let command = command.ok_or_else(|| position.missing("command"))?;
    let wanted = "a program and its arguments, with spaces between them";
    let mut words = command.read(wanted, words)?.into_iter();
    let path = words.next().ok_or_else(|| position.missing("command"))?;
    let mut program = Program::new(path).args(words);
    if let Some(stderr) = stderr {
        program = program.stderr(stderr.read("log, inherit or null", |text| match text {
            "log" => Some(ChildDescriptor::Log),
            "inherit" => Some(ChildDescriptor::Inherit),
            "null" => Some(ChildDescriptor::Null),
            _ => None,
        })?);
    }
    if let Some(directory) = directory {
        program = program.directory(directory.text());
    }
    if values::yes(terminal)? {
        program = program.terminal(WindowSize::default());
    }
    if let Some(grace) = kill_after {
        program = program.kill_after(values::seconds(&grace)?);
    }
    Ok(ClientEndpoint::new(move |network, settings| {
        let (reactor, program) = (network.reactor(), program.clone().settings(settings));
        Rc::new(move |factory: FactoryRef| reactor.connect_child(program.clone(), factory))
    }))
}

/// The words of a command. Quotes, single or double, keep spaces in a word. There is no shell, so
/// nothing else means anything. `None` if there is no word, or a quote does not end.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in text.chars() {
        match (character, quote) {
            (end, Some(begin)) if end == begin => quote = None,
            ('"' | '\'', None) => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (space, None) if space.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    (quote.is_none() && !words.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use retwist_deferred::{Deferred, DialerExt, ResolveError};
    use retwist_reactor::testing::MemoryReactor;
    use retwist_reactor::{ChildDescriptor, Program, Protocol};

    use super::words;
    use crate::endpoint::{Network, client_from_string};

    struct Deaf;

    impl Protocol for Deaf {}

    #[track_caller]
    fn started(text: &str) -> Program {
        let reactor = Rc::new(MemoryReactor::new());
        let no_names = |_: &str, _| Deferred::<_, ResolveError>::succeed(Vec::new());
        let network = Network::with(reactor.clone(), Rc::new(no_names));
        let endpoint = client_from_string(text).unwrap();
        let _connecting = endpoint.on(&network).connect_to(Deaf);
        reactor.connecting_processes().remove(0).options().clone()
    }

    #[test]
    fn the_words_of_a_command() {
        for (text, wanted) in [
            ("cat", vec!["cat"]),
            (
                "  ssh  -W  mail:25 gate ",
                vec!["ssh", "-W", "mail:25", "gate"],
            ),
            ("sh -c 'echo \"a b\"'", vec!["sh", "-c", "echo \"a b\""]),
            ("x \"\" ''", vec!["x", "", ""]),
            ("a' 'b", vec!["a b"]),
        ] {
            assert_eq!(words(text).unwrap(), wanted);
        }
        assert_eq!(words(" "), None);
        assert_eq!(words("sh -c 'echo"), None);
    }

    #[test]
    fn clients() {
        let program = started(r"process:ssh -W mail\:25 gate:stderr=null:directory=/tmp");
        assert_eq!(program.path().to_str(), Some("ssh"));
        let arguments: Vec<_> = program.arguments().collect();
        assert_eq!(arguments, ["-W", "mail:25", "gate"]);
        let stderr = program.descriptors().find(|(number, _)| *number == 2);
        assert!(matches!(stderr, Some((2, ChildDescriptor::Null))));
        assert!(started("process:vi:terminal=yes").window().is_some());
        assert!(
            started("tap:process:command=cat:killAfter=0.5")
                .window()
                .is_none()
        );
    }

    #[test]
    fn mistakes() {
        for (text, wanted) in [
            ("process", "the command is missing"),
            ("process:", "is not a program and its arguments"),
            ("process:sh 'x", "is not a program and its arguments"),
            ("process:cat:stderr=file", "is not log, inherit or null"),
            ("process:cat:terminal=maybe", "is not yes or no"),
            ("process:cat:killAfter=0", "is not a number of seconds"),
        ] {
            let error = client_from_string(text).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
