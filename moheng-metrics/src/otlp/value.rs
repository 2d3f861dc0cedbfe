//! Attribute values as text.

use std::borrow::Cow;
use std::fmt::Write;

use super::OtlpError;
use super::wire::{AnyValue, Message};

/// Values nested deeper than this are refused.
const MAX_DEPTH: u32 = 32;

/// The text of a value: what is not a text is written as JSON, with the keys of maps in order.
pub(super) fn text_of(value: AnyValue<'_>) -> Result<Cow<'_, str>, OtlpError> {
    let mut out = String::new();
    match value {
        AnyValue::Empty => {}
        AnyValue::Text(text) => return Ok(Cow::Borrowed(text)),
        // JSON has no text for these.
        AnyValue::Double(value) if !value.is_finite() => crate::format_float(value, &mut out),
        AnyValue::Bytes(bytes) => push_base64(bytes, &mut out),
        _ => push_json(value, MAX_DEPTH, &mut out)?,
    }
    Ok(Cow::Owned(out))
}

fn push_json(value: AnyValue<'_>, depth: u32, out: &mut String) -> Result<(), OtlpError> {
    match value {
        AnyValue::Text(text) => push_quoted(text, out),
        AnyValue::Bool(value) => out.push_str(if value { "true" } else { "false" }),
        AnyValue::Integer(value) => {
            // Writing to a string does not fail.
            let _ = write!(out, "{value}");
        }
        AnyValue::Double(value) if value.is_finite() => crate::format_json_float(value, out),
        AnyValue::Double(_) | AnyValue::Empty => out.push_str("null"),
        AnyValue::Bytes(bytes) => {
            out.push('"');
            push_base64(bytes, out);
            out.push('"');
        }
        AnyValue::Array(message) => {
            let depth = deeper(message, depth)?;
            out.push('[');
            for (index, value) in message.values().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push_json(value?, depth, out)?;
            }
            out.push(']');
        }
        AnyValue::Map(message) => {
            let depth = deeper(message, depth)?;
            let mut pairs = message.pairs().collect::<Result<Vec<_>, _>>()?;
            pairs.sort_by_key(|pair| pair.key);
            out.push('{');
            for (index, pair) in pairs.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                push_quoted(pair.key, out);
                out.push(':');
                push_json(pair.value, depth, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

fn deeper(message: Message<'_>, depth: u32) -> Result<u32, OtlpError> {
    depth
        .checked_sub(1)
        .ok_or_else(|| message.error("attribute value nested too deep"))
}

/// Writes a JSON string as Go does: what HTML gives a meaning to is escaped too.
pub(super) fn push_quoted(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

/// Appends base64 with the standard alphabet and padding (RFC 4648).
fn push_base64(bytes: &[u8], out: &mut String) {
    let digit = |value: u32| match (value & 63) as u8 {
        value @ 0..=25 => char::from(b'A' + value),
        value @ 26..=51 => char::from(b'a' + value - 26),
        value @ 52..=61 => char::from(b'0' + value - 52),
        62 => '+',
        _ => '/',
    };
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| chunk.get(index).copied().map_or(0, u32::from);
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        out.push(digit(group >> 18));
        out.push(digit(group >> 12));
        out.push(if chunk.len() > 1 { digit(group >> 6) } else { '=' });
        out.push(if chunk.len() > 2 { digit(group) } else { '=' });
    }
}

/// Appends lower-case hexadecimal digits.
pub(super) fn push_hex(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64() {
        for (bytes, expected) in [
            (&b""[..], ""),
            (b"f", "Zg=="),
            (b"fo", "Zm8="),
            (b"foo", "Zm9v"),
            (b"\xfb\xff\xfe", "+//+"),
        ] {
            assert_eq!(text_of(AnyValue::Bytes(bytes)).unwrap(), expected);
        }
    }

    #[test]
    fn scalars() {
        for (value, expected) in [
            (AnyValue::Empty, ""),
            (AnyValue::Text("a\"b"), "a\"b"),
            (AnyValue::Bool(true), "true"),
            (AnyValue::Integer(-7), "-7"),
            (AnyValue::Double(1.0), "1"),
            (AnyValue::Double(1e21), "1e+21"),
            (AnyValue::Double(f64::NEG_INFINITY), "-Inf"),
        ] {
            assert_eq!(text_of(value).unwrap(), expected);
        }
    }
}
