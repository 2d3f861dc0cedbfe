//! [`LabelsIter`]: the labels of a set in order.

/// Lengths below this take one byte in the packed form; longer ones take this byte and three more.
pub(super) const LONG_LENGTH_MARK: u8 = 0xff;

/// Iterator over the labels of a [`super::Labels`] as (name, value), ascending by name.
#[derive(Clone, Debug)]
pub struct LabelsIter<'a> {
    rest: Rest<'a>,
}

/// What is left of a packed form.
#[derive(Clone, Debug)]
enum Rest<'a> {
    /// Lengths below 128 are ASCII characters, so that the whole is a text. One look at all of it is much cheaper than one at
    /// each name and value.
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl<'a> LabelsIter<'a> {
    pub(super) fn new(packed: &'a [u8]) -> Self {
        Self {
            rest: match std::str::from_utf8(packed) {
                Ok(text) => Rest::Text(text),
                Err(_) => Rest::Bytes(packed),
            },
        }
    }
}

impl<'a> Iterator for LabelsIter<'a> {
    type Item = (&'a str, &'a str);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.rest {
            Rest::Text(rest) => {
                let (name, after) = split_text(rest)?;
                let (value, after) = split_text(after)?;
                *rest = after;
                Some((name, value))
            }
            Rest::Bytes(rest) => {
                let (name, after) = take_bytes(rest)?;
                let (value, after) = take_bytes(after)?;
                *rest = after;
                Some((std::str::from_utf8(name).ok()?, std::str::from_utf8(value).ok()?))
            }
        }
    }
}

/// The labels of a packed form as bytes: names and values are not checked to be UTF-8 once more.
pub(super) struct RawLabels<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for RawLabels<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = take_bytes(self.0)?;
        let (value, rest) = take_bytes(rest)?;
        self.0 = rest;
        Some((name, value))
    }
}

/// Splits the first text off a packed form that is a text as a whole.
#[inline]
fn split_text(packed: &str) -> Option<(&str, &str)> {
    let length = *packed.as_bytes().first()?;
    packed.get(1..)?.split_at_checked(usize::from(length))
}

/// Splits the first text off a packed form.
#[inline]
fn take_bytes(packed: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = packed.split_first()?;
    if first != LONG_LENGTH_MARK {
        return rest.split_at_checked(usize::from(first));
    }
    let (bytes, rest) = rest.split_first_chunk::<3>()?;
    rest.split_at_checked(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]) as usize)
}
