use std::borrow::Cow;
use std::fmt;

/// The name of a figure, in the style of Prometheus: small letters, digits and underscores, such as
/// `tls_handshakes`. One label may tell figures of one name apart.
///
/// A name is meant for a kind of event. A name or a label that is made of what peers send would grow
/// without bound.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::FigureName;
///
/// let name = FigureName::from("tls_failures").label("alert", "unknown_ca");
/// assert_eq!(name.to_string(), "tls_failures{alert=unknown_ca}");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FigureName {
    name: Cow<'static, str>,
    label: Option<(Cow<'static, str>, Cow<'static, str>)>,
}

impl FigureName {
    /// The name, with a label.
    pub fn label(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.label = Some((key.into(), value.into()));
        self
    }

    /// The name, without the label.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key and the value of the label.
    pub fn the_label(&self) -> Option<(&str, &str)> {
        let (key, value) = self.label.as_ref()?;
        Some((key, value))
    }
}

impl From<&'static str> for FigureName {
    fn from(name: &'static str) -> Self {
        FigureName {
            name: name.into(),
            label: None,
        }
    }
}

impl From<String> for FigureName {
    fn from(name: String) -> Self {
        FigureName {
            name: name.into(),
            label: None,
        }
    }
}

impl fmt::Display for FigureName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.label {
            Some((key, value)) => write!(f, "{}{{{key}={value}}}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// The kind of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FigureKind {
    /// It counts events, and only grows.
    Counter,
    /// It says how many there are now.
    Gauge,
}

/// A figure of a layer, a library or the application, at one moment: see
/// [`Figures`](crate::Figures).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figure {
    /// What is counted.
    pub name: FigureName,
    /// Whether it only grows.
    pub kind: FigureKind,
    /// The value.
    pub value: u64,
}

impl Figure {
    pub(crate) fn new(name: FigureName, kind: FigureKind, value: u64) -> Self {
        Figure { name, kind, value }
    }
}
