use super::Argument;

/// A moment with its distance from UTC, in microseconds: `2012-01-23T12:34:56.054321-01:23`. For
/// calculations, hand its fields to a library for dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DateTime {
    /// The year, up to 9999.
    pub year: u16,
    /// From 1 to 12.
    pub month: u8,
    /// From 1 to 31.
    pub day: u8,
    /// From 0 to 23.
    pub hour: u8,
    /// From 0 to 59.
    pub minute: u8,
    /// From 0 to 59.
    pub second: u8,
    /// Microseconds, from 0 to 999999.
    pub microsecond: u32,
    /// Minutes east of UTC, less than a day.
    pub offset: i16,
}

/// How many bytes it has.
const LENGTH: usize = 32;

impl Argument for DateTime {
    fn encode(&self) -> Vec<u8> {
        let DateTime {
            year,
            month,
            day,
            hour,
            minute,
            second,
            microsecond,
            offset,
        } = self;
        let sign = if *offset < 0 { '-' } else { '+' };
        let (hours, minutes) = (offset.unsigned_abs() / 60, offset.unsigned_abs() % 60);
        format!(
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{microsecond:06}{sign}{hours:02}:{minutes:02}"
        )
        .into_bytes()
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        decode(bytes).ok_or("a moment, as in 2012-01-23T12:34:56.054321-01:23")
    }
}

fn decode(bytes: &[u8]) -> Option<DateTime> {
    let text = str::from_utf8(bytes)
        .ok()
        .filter(|text| text.is_ascii() && text.len() == LENGTH)?;
    let marks = [
        (4, '-'),
        (7, '-'),
        (10, 'T'),
        (13, ':'),
        (16, ':'),
        (19, '.'),
        (29, ':'),
    ];
    let is_marked = |&(at, mark): &(usize, char)| text[at..].starts_with(mark);
    if !marks.iter().all(is_marked) {
        return None;
    }
    let number = |from: usize, to: usize, most: u32| -> Option<u32> {
        let digits = &text[from..to];
        let number = digits
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| digits.parse().ok())??;
        (number <= most).then_some(number)
    };
    let minutes = i16::try_from(number(27, 29, 23)? * 60 + number(30, 32, 59)?).ok()?;
    let offset = match &text[26..27] {
        "+" => minutes,
        "-" => -minutes,
        _ => return None,
    };
    let small =
        |from, to, most| number(from, to, most).and_then(|number| u8::try_from(number).ok());
    let (month, day) = (small(5, 7, 12)?, small(8, 10, 31)?);
    (month > 0 && day > 0).then_some(DateTime {
        year: u16::try_from(number(0, 4, 9999)?).ok()?,
        month,
        day,
        hour: small(11, 13, 23)?,
        minute: small(14, 16, 59)?,
        second: small(17, 19, 59)?,
        microsecond: number(20, 26, 999_999)?,
        offset,
    })
}
