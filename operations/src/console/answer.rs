use serde_json::{Value, json};

/// What a console answers: lines, each as text and as JSON. They are made when they are written.
pub(super) struct Answer {
    /// What stands above a table. It is for people.
    head: Option<&'static str>,
    rows: Box<dyn Iterator<Item = Row>>,
}

/// A part of an answer.
pub(super) struct Row {
    /// One line for people, or several; none for what is not for them.
    text: Vec<String>,
    value: Value,
}

/// Which kind of reader an answer is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Text,
    Json,
}

impl Row {
    pub(super) fn new(text: String, value: Value) -> Self {
        Row {
            text: vec![text],
            value,
        }
    }

    pub(super) fn of<T>(
        thing: &T,
        text: impl Fn(&T) -> String,
        json: impl Fn(&T) -> Value,
    ) -> Self {
        Row::new(text(thing), json(thing))
    }
}

impl Answer {
    pub(super) fn rows(rows: impl Iterator<Item = Row> + 'static) -> Self {
        Answer {
            head: None,
            rows: Box::new(rows),
        }
    }

    pub(super) fn table(head: &'static str, rows: impl Iterator<Item = Row> + 'static) -> Self {
        Answer {
            head: Some(head),
            ..Answer::rows(rows)
        }
    }

    /// Several lines for people that are one JSON value.
    pub(super) fn block(text: Vec<String>, value: Value) -> Self {
        Answer::rows(std::iter::once(Row { text, value }))
    }

    pub(super) fn sentence(text: String) -> Self {
        let value = json!({ "ok": text });
        Answer::block(vec![text], value)
    }

    pub(super) fn error(why: &str) -> Self {
        let text = format!("error: {why}");
        Answer::block(vec![text], json!({ "error": why }))
    }

    /// Its lines, one after the other.
    pub(super) fn lines(self, style: Style) -> impl Iterator<Item = String> {
        let head = self
            .head
            .filter(|_| style == Style::Text)
            .map(str::to_owned);
        let rows = self.rows.flat_map(move |row| match style {
            Style::Text => row.text,
            Style::Json => vec![row.value.to_string()],
        });
        head.into_iter().chain(rows)
    }
}
