use memchr::memchr;

/// Takes the doubled dots out of a text, and finds its end: a line with nothing but a dot (RFC 1939,
/// section 3).
///
/// Lines end in CRLF. What another program would take for an end, a dot between bare LFs, is text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Undot {
    #[default]
    LineBegins,
    /// A dot at the beginning of a line, which is not part of the text.
    Dot,
    /// The same, and a CR.
    DotCr,
    InLine,
    Cr,
}

impl Undot {
    /// Hands the text in `data` to `sink`, in pieces. Returns how many bytes are used if the end is among
    /// them.
    pub(super) fn feed(&mut self, data: &[u8], sink: &mut dyn FnMut(&[u8])) -> Option<usize> {
        // The text that is not handed on yet begins at `from`.
        let (mut from, mut at) = (0, 0);
        while at < data.len() {
            let byte = data[at];
            *self = match (*self, byte) {
                (Undot::LineBegins, b'.') => {
                    hand_on(&data[from..at], sink);
                    from = at + 1;
                    Undot::Dot
                }
                (Undot::Dot, b'\r') => {
                    from = at + 1;
                    Undot::DotCr
                }
                (Undot::DotCr, b'\n') => return Some(at + 1),
                (Undot::DotCr, _) => {
                    // It was a line that begins with a CR.
                    sink(b"\r");
                    from = at;
                    *self = Undot::Cr;
                    continue;
                }
                (Undot::Cr, b'\n') => Undot::LineBegins,
                (_, b'\r') => Undot::Cr,
                (Undot::InLine, _) => {
                    at = memchr(b'\r', &data[at..]).map_or(data.len(), |end| at + end);
                    continue;
                }
                _ => Undot::InLine,
            };
            at += 1;
        }
        if from < data.len() {
            hand_on(&data[from..], sink);
        }
        None
    }
}

fn hand_on(text: &[u8], sink: &mut dyn FnMut(&[u8])) {
    if !text.is_empty() {
        sink(text);
    }
}
