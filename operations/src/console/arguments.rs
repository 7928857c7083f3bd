use std::str::{FromStr, SplitAsciiWhitespace};

/// The words of a line behind the command.
#[derive(Clone, Debug)]
pub struct Arguments<'a> {
    usage: &'a str,
    words: SplitAsciiWhitespace<'a>,
}

impl<'a> Arguments<'a> {
    pub(super) fn new(usage: &'a str, line: &'a str) -> Self {
        Arguments {
            usage,
            words: line.split_ascii_whitespace(),
        }
    }

    /// The next word, if there is one more, as a value. The error says how the command is used.
    pub fn optional<T: FromStr>(&mut self) -> Result<Option<T>, String> {
        let Some(word) = self.words.next() else {
            return Ok(None);
        };
        let value = word.parse().map_err(|_| self.mistake())?;
        Ok(Some(value))
    }

    /// The next word as a value. The error says how the command is used.
    pub fn required<T: FromStr>(&mut self) -> Result<T, String> {
        self.optional()?.ok_or_else(|| self.mistake())
    }

    /// That this was all. The error says how the command is used.
    pub fn end(&mut self) -> Result<(), String> {
        match self.words.next() {
            None => Ok(()),
            Some(_) => Err(self.mistake()),
        }
    }

    /// That the words are not what the command takes.
    pub fn mistake(&self) -> String {
        format!("usage: {}", self.usage)
    }
}
