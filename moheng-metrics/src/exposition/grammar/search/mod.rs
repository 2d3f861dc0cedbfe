//! Many bytes of text at a time: where names and quoted texts end.
//!
//! Names and label values are so short that a loop over their bytes mostly costs the mispredicted branch at its end, and a vectorised
//! search from a library mostly the call.

#[cfg(target_arch = "x86_64")]
mod sse2;
#[cfg(any(test, not(target_arch = "x86_64")))]
mod swar;

#[cfg(target_arch = "x86_64")]
use sse2::{name_marks, quote_marks};
#[cfg(not(target_arch = "x86_64"))]
use swar::{name_marks, quote_marks};

/// This many bytes are looked at together.
const LANES: usize = 16;

/// The characters of a name: ASCII letters, digits and the underscore, and with `with_colon` the colon.
///
/// Returns how many of them `text` begins with.
#[inline]
pub(crate) fn name_length(text: &[u8], with_colon: bool) -> usize {
    // The colon follows the nine.
    let last_digit = if with_colon { b':' } else { b'9' };
    let find = |lanes| (!name_marks(lanes, last_digit)).trailing_zeros() as usize;
    search(text, find).unwrap_or(text.len())
}

/// The index of the first double quote, backslash or line feed.
#[inline]
pub(crate) fn find_quote_or_escape(text: &[u8]) -> Option<usize> {
    search(text, |lanes| quote_marks(lanes).trailing_zeros() as usize)
}

/// Where `find` says, which returns [`LANES`] or more when it finds nothing.
#[inline]
fn search(text: &[u8], find: impl Fn([u8; LANES]) -> usize) -> Option<usize> {
    let mut start = 0;
    while let Some(chunk) = text.get(start..).and_then(|rest| rest.first_chunk()) {
        let found = find(*chunk);
        if found < LANES {
            return Some(start + found);
        }
        start += LANES;
    }
    let rest = text.get(start..).unwrap_or_default();
    let mut chunk = [0; LANES];
    chunk.get_mut(..rest.len())?.copy_from_slice(rest);
    let found = find(chunk);
    (found < rest.len()).then_some(start + found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte value at every place of a text of any short length.
    #[test]
    fn any_byte_ends_what_it_should() {
        for byte in 0..=u8::MAX {
            for length in 1..=36 {
                for at in 0..length {
                    let mut text = vec![b'a'; length];
                    text[at] = byte;
                    for with_colon in [false, true] {
                        let is_member =
                            byte.is_ascii_alphanumeric() || byte == b'_' || (with_colon && byte == b':');
                        let expected = if is_member { length } else { at };
                        let found = name_length(&text, with_colon);
                        assert_eq!(found, expected, "{byte} at {at} of {length}");
                    }
                    let is_special = matches!(byte, b'"' | b'\\' | b'\n');
                    let found = find_quote_or_escape(&text);
                    assert_eq!(found, is_special.then_some(at), "{byte} at {at} of {length}");
                }
            }
        }
    }

    #[test]
    fn the_first_of_several_counts() {
        assert_eq!(find_quote_or_escape(b"ab\"\\\"#\"\"\"\"\"\""), Some(2));
        assert_eq!(find_quote_or_escape(b"!!##\\\"\"[]\"\"\""), Some(4));
        assert_eq!(name_length(b"a-b-c-d-e-", true), 1);
        assert_eq!(name_length(b"aZ09_:{}[]/^`@", true), 6);
    }

    /// The way of other machines, on this one.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn both_ways_mark_the_same() {
        for byte in 0..=u8::MAX {
            for at in 0..LANES {
                let mut lanes = *b"a_Z09:\"\\{} \n#=,\x80";
                lanes[at] = byte;
                assert_eq!(quote_marks(lanes), swar::quote_marks(lanes), "{lanes:?}");
                for last_digit in [b'9', b':'] {
                    let marks = name_marks(lanes, last_digit);
                    assert_eq!(marks, swar::name_marks(lanes, last_digit), "{lanes:?}");
                }
            }
        }
    }
}
