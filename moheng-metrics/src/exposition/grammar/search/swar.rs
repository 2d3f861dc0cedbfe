//! Eight bytes of text at a time in a machine word: where names and quoted texts end.
//!
//! Names and label values are so short that a loop over their bytes mostly costs the mispredicted branch at its end,
//! and a vectorised search mostly the call.

/// A byte in every place of a word.
const fn everywhere(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

const HIGH_BITS: u64 = everywhere(0x80);

/// The characters of a name: ASCII letters, digits and the underscore, and with `with_colon` the colon.
///
/// Returns how many of them `text` begins with.
#[inline]
pub(crate) fn name_length(text: &[u8], with_colon: bool) -> usize {
    // The colon follows the nine.
    let last_digit = if with_colon { b':' } else { b'9' };
    let mut length = 0;
    while let Some(chunk) = text.get(length..).and_then(|rest| rest.first_chunk()) {
        let word = u64::from_le_bytes(*chunk);
        let is_letter = in_range(word | everywhere(0x20), b'a', b'z');
        let is_digit = in_range(word, b'0', last_digit);
        let is_underscore = in_range(word, b'_', b'_');
        let is_other = !(is_letter | is_digit | is_underscore) & HIGH_BITS;
        if is_other != 0 {
            return length + first_marked(is_other);
        }
        length += chunk.len();
    }
    let is_member = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || (with_colon && byte == b':');
    let rest = text.get(length..).unwrap_or_default();
    length
        + rest
            .iter()
            .position(|&byte| !is_member(byte))
            .unwrap_or(rest.len())
}

/// The index of the first double quote or backslash.
#[inline]
pub(crate) fn find_quote_or_backslash(text: &[u8]) -> Option<usize> {
    let mut start = 0;
    while let Some(chunk) = text.get(start..).and_then(|rest| rest.first_chunk()) {
        let word = u64::from_le_bytes(*chunk);
        let found = equal(word, b'"') | equal(word, b'\\');
        if found != 0 {
            return Some(start + first_marked(found));
        }
        start += chunk.len();
    }
    let rest = text.get(start..).unwrap_or_default();
    let in_rest = rest.iter().position(|&byte| byte == b'"' || byte == b'\\');
    in_rest.map(|index| start + index)
}

/// The high bit of each byte that lies between `low` and `high`, both ASCII; the other bits are arbitrary.
#[inline]
fn in_range(word: u64, low: u8, high: u8) -> u64 {
    // Without their high bits no byte carries into the next one.
    let ascii = word & !HIGH_BITS;
    let at_least_low = ascii + everywhere(0x80 - low);
    let above_high = ascii + everywhere(0x7f - high);
    at_least_low & !above_high & !word
}

/// The high bit of each byte that is `byte`. Of what is marked only the first is sure.
#[inline]
fn equal(word: u64, byte: u8) -> u64 {
    let difference = word ^ everywhere(byte);
    difference.wrapping_sub(everywhere(1)) & !difference & HIGH_BITS
}

#[inline]
fn first_marked(marks: u64) -> usize {
    (marks.trailing_zeros() / 8) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte value at every place of a text of any short length.
    #[test]
    fn any_byte_ends_what_it_should() {
        for byte in 0..=u8::MAX {
            for length in 1..=20 {
                for at in 0..length {
                    let mut text = vec![b'a'; length];
                    text[at] = byte;
                    for with_colon in [false, true] {
                        let is_member =
                            byte.is_ascii_alphanumeric() || byte == b'_' || (with_colon && byte == b':');
                        let expected = if is_member { length } else { at };
                        assert_eq!(
                            name_length(&text, with_colon),
                            expected,
                            "{byte} at {at} of {length}"
                        );
                    }
                    let is_special = byte == b'"' || byte == b'\\';
                    assert_eq!(
                        find_quote_or_backslash(&text),
                        is_special.then_some(at),
                        "{byte} at {at} of {length}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_first_of_several_counts() {
        assert_eq!(find_quote_or_backslash(b"ab\"\\\"#\"\"\"\"\"\""), Some(2));
        assert_eq!(find_quote_or_backslash(b"!!##\\\"\"[]\"\"\""), Some(4));
        assert_eq!(name_length(b"a-b-c-d-e-", true), 1);
        assert_eq!(name_length(b"aZ09_:{}[]/^`@", true), 6);
    }
}
