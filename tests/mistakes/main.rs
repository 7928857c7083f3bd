//! The mistakes that users make most often, and what they are told. `src/guide/mistakes.md` lists them:
//! here each is made, and its row has to have the words.

mod calls;
mod endpoints;
mod files;
mod peers;
mod ports;
mod scratch;

/// A mistake as the page names it, and the words that it leads to.
type Mistake = (&'static str, String);

/// A row of the page.
struct Row {
    mistake: &'static str,
    words: &'static str,
    remedy: &'static str,
}

fn rows() -> Vec<Row> {
    let page = include_str!("../../src/guide/mistakes.md");
    let cells = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
        Some(Row {
            mistake: cells.next()?,
            words: words(cells.next()?)?,
            remedy: cells.next()?,
        })
    });
    cells.collect()
}

/// What is between one backtick or two.
fn words(cell: &'static str) -> Option<&'static str> {
    let twice = cell
        .strip_prefix("`` ")
        .and_then(|rest| rest.strip_suffix(" ``"));
    twice.or_else(|| cell.strip_prefix('`')?.strip_suffix('`'))
}

/// Whether `…` in the words stands for what differs from one machine to another.
fn fits(words: &str, said: &str) -> bool {
    let mut parts = words.split('…');
    let Some(mut rest) = parts.next().and_then(|first| said.strip_prefix(first)) else {
        return false;
    };
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty() || words.ends_with('…')
}

#[test]
fn each_mistake_is_told_as_the_page_says() {
    let mut mistakes = endpoints::mistakes();
    mistakes.extend(files::mistakes());
    mistakes.extend(peers::mistakes());
    mistakes.extend(ports::mistakes());
    mistakes.extend(calls::mistakes());
    let rows = rows();
    let mut wrong = Vec::new();
    for (mistake, said) in &mistakes {
        match rows.iter().find(|row| row.mistake == *mistake) {
            Some(row) if fits(row.words, said) => {
                assert!(!row.remedy.is_empty(), "{mistake}: what to do?");
            }
            Some(row) => wrong.push(format!("{mistake}\n  says {said}\n  not  {}", row.words)),
            None => wrong.push(format!("| {mistake} | `{said}` | |")),
        }
    }
    for row in &rows {
        if !mistakes.iter().any(|(mistake, _)| *mistake == row.mistake) {
            wrong.push(format!("{}: no test makes this mistake", row.mistake));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(mistakes.len() >= 50, "only {}", mistakes.len());
}

#[test]
fn the_dots_of_the_page_stand_for_anything() {
    assert!(fits(
        "cannot read …: no such file",
        "cannot read /x: no such file"
    ));
    assert!(!fits(
        "cannot read …: no such file",
        "cannot read /x: denied"
    ));
    assert!(fits("in use…", "in use (os error 98)"));
    assert!(!fits("in use", "in use (os error 98)"));
}
