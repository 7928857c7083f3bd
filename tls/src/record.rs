/// What a record's header takes.
pub(crate) const HEADER: usize = 5;
/// The longest a record may be, header and all (RFC 8446 5.2, and 2,048 of expansion as in TLS
/// 1.2).
pub(crate) const MAX_RECORD: usize = HEADER + (1 << 14) + 2048;

/// How many bytes are missing until the record at `start` of `input` is whole: to the end of its
/// header, while that is incomplete, or to its own end. `start` is moved behind all whole records.
pub(crate) fn missing(input: &[u8], start: &mut usize) -> usize {
    loop {
        let rest = input.get(*start..).unwrap_or_default();
        let Some(&[_, _, _, high, low]) = rest.first_chunk::<HEADER>() else {
            return HEADER - rest.len();
        };
        let size = HEADER + usize::from(u16::from_be_bytes([high, low]));
        if rest.len() < size {
            return size - rest.len();
        }
        *start += size;
    }
}

/// Whether `input` is one record, as its header says, and nothing behind it.
#[inline]
pub(crate) fn is_one(input: &[u8]) -> bool {
    match input.first_chunk::<HEADER>() {
        Some(&[_, _, _, high, low]) => {
            HEADER + usize::from(u16::from_be_bytes([high, low])) == input.len()
        }
        None => false,
    }
}

/// Whether a record may begin with this byte (RFC 8446 5.1: change_cipher_spec, alert, handshake,
/// application_data).
pub(crate) fn begins_record(byte: u8) -> bool {
    matches!(byte, 20..=23)
}

/// Whether `input` begins with a close_notify in clear, whatever version its record names.
pub(crate) fn is_close_notify(input: &[u8]) -> bool {
    matches!(input, [21, 3, _, 0, 2, _, 0, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_counts_to_the_header_and_to_the_end() {
        for (input, expected) in [
            (&b""[..], 5),
            (b"\x16\x03", 3),
            (b"\x16\x03\x03\x00\x02", 2),
            (b"\x16\x03\x03\x00\x02a", 1),
            (b"\x16\x03\x03\x00\x02ab", 5),
            (b"\x16\x03\x03\x00\x02ab\x17\x03\x03\x01\x00", 256),
        ] {
            assert_eq!(missing(input, &mut 0), expected, "{input:?}");
        }
    }
}
