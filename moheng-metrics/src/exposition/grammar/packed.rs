//! Decodes a series straight into the packed form of [`Labels`], if it is written as nearly all are.

use super::series::{bound_label, plain_label, plain_name_length};
use crate::number::FloatText;
use crate::{Labels, METRIC_NAME, MetricKind, parse_float};

/// Label sets that take more are decoded the slow way.
const PACKED_BYTES: usize = 384;

/// Texts this long have lengths of more than one byte.
const LONG_TEXT_BYTES: usize = 255;

/// The labels of a series without blanks, escapes and quoted names whose labels ascend by name; `None` for any other.
pub(crate) fn decode_plain_series(bytes: &[u8], kind: MetricKind) -> Option<Labels> {
    if !bytes.is_ascii() && std::str::from_utf8(bytes).is_err() {
        return None;
    }
    let bound_name = bound_label(kind).map(str::as_bytes);
    let mut at = plain_name_length(bytes, true)?;
    let mut packer = Packer {
        bytes: [0; PACKED_BYTES],
        length: 0,
    };
    packer.push(METRIC_NAME.as_bytes())?;
    packer.push(bytes.get(..at)?)?;
    let mut previous = METRIC_NAME.as_bytes();
    let mut opening = b'{';
    while let Some(byte) = bytes.get(at) {
        at += 1;
        if *byte == b'}' && at == bytes.len() {
            break;
        }
        if *byte != opening {
            return None;
        }
        opening = b',';
        if bytes.get(at..) == Some(b"}") {
            break;
        }
        let (name_length, value_length) = plain_label(bytes.get(at..)?)?;
        let name = bytes.get(at..at + name_length)?;
        at += name_length + 2;
        let value = bytes.get(at..at + value_length)?;
        at += value_length + 1;
        if name <= previous {
            return None;
        }
        previous = name;
        // An empty label is an absent one.
        if value.is_empty() {
            continue;
        }
        packer.push(name)?;
        if Some(name) == bound_name {
            packer.push_bound(value)?;
        } else {
            packer.push(value)?;
        }
    }
    Some(Labels::from_packed_bytes(packer.bytes.get(..packer.length)?))
}

struct Packer {
    bytes: [u8; PACKED_BYTES],
    length: usize,
}

impl Packer {
    #[inline]
    fn push(&mut self, text: &[u8]) -> Option<()> {
        if text.len() >= LONG_TEXT_BYTES {
            return None;
        }
        let end = self.length + 1 + text.len();
        let (length, place) = self.bytes.get_mut(self.length..end)?.split_first_mut()?;
        *length = text.len() as u8;
        place.copy_from_slice(text);
        self.length = end;
        Some(())
    }

    /// Adds the value of `le` or `quantile`, as a float where it is a number.
    fn push_bound(&mut self, text: &[u8]) -> Option<()> {
        match std::str::from_utf8(text).ok().and_then(parse_float) {
            Some(bound) => self.push(FloatText::bound(bound).as_str().as_bytes()),
            None => self.push(text),
        }
    }
}
