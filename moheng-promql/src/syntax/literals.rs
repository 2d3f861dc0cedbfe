//! What the text of numbers and strings means.

/// The value of a number: decimal, hexadecimal, octal with a leading `0` as in Go, `Inf`, `NaN`; underscores may
/// separate digits.
pub(super) fn parse_number(text: &str) -> Option<f64> {
    if text.eq_ignore_ascii_case("inf") {
        return Some(f64::INFINITY);
    }
    if text.eq_ignore_ascii_case("nan") {
        return Some(f64::NAN);
    }
    let digits = without_underscores(text)?;
    if let Some(hexadecimal) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        return i64::from_str_radix(hexadecimal, 16)
            .ok()
            .map(|value| value as f64);
    }
    let is_octal =
        digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    if is_octal {
        return i64::from_str_radix(&digits, 8).ok().map(|value| value as f64);
    }
    digits.parse().ok().filter(|value: &f64| value.is_finite())
}

/// Removes the underscores, each of which must stand between two digits.
fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let is_digit = |index: usize| bytes.get(index).is_some_and(u8::is_ascii_hexdigit);
    let is_hexadecimal = text.len() > 1 && matches!(bytes[1], b'x' | b'X');
    let all_separate = (0..bytes.len())
        .filter(|index| bytes[*index] == b'_')
        .all(|index| {
            let follows_digit = index > 0 && (is_digit(index - 1) || (is_hexadecimal && index == 2));
            follows_digit && is_digit(index + 1)
        });
    all_separate.then(|| text.replace('_', ""))
}

/// The text a quoted string stands for, quotes included in `literal`. Double and single quotes take Go's escapes,
/// backticks none.
pub(super) fn parse_string(literal: &str) -> Result<String, String> {
    let inner = literal
        .get(1..literal.len().saturating_sub(1))
        .unwrap_or_default();
    if literal.starts_with('`') {
        return Ok(inner.replace('\r', ""));
    }
    if !inner.contains('\\') {
        return Ok(inner.to_owned());
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(position) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..position]);
        rest = push_escape(&rest[position + 1..], &mut bytes)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).map_err(|_| "string is not valid UTF-8".to_owned())
}

/// Appends what the escape at the start of `text`, behind its backslash, stands for; returns what follows it.
fn push_escape<'t>(text: &'t str, bytes: &mut Vec<u8>) -> Result<&'t str, String> {
    let unknown = || {
        let start: String = text.chars().take(1).collect();
        format!("unknown escape sequence: \\{start}")
    };
    let first = *text.as_bytes().first().ok_or_else(unknown)?;
    let simple = match first {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        b'\\' | b'\'' | b'"' => first,
        b'x' => return push_code(&text[1..], 2, 16, &Unit::Byte, bytes),
        b'u' => return push_code(&text[1..], 4, 16, &Unit::Character, bytes),
        b'U' => return push_code(&text[1..], 8, 16, &Unit::Character, bytes),
        b'0'..=b'7' => return push_code(text, 3, 8, &Unit::Byte, bytes),
        _ => return Err(unknown()),
    };
    bytes.push(simple);
    Ok(&text[1..])
}

enum Unit {
    Byte,
    Character,
}

fn push_code<'t>(
    text: &'t str,
    length: usize,
    radix: u32,
    unit: &Unit,
    bytes: &mut Vec<u8>,
) -> Result<&'t str, String> {
    let invalid = || "invalid escape sequence in string".to_owned();
    let digits = text.get(..length).ok_or_else(invalid)?;
    if !digits.bytes().all(|byte| char::from(byte).is_digit(radix)) {
        return Err(invalid());
    }
    let code = u32::from_str_radix(digits, radix).map_err(|_| invalid())?;
    match unit {
        Unit::Byte => bytes.push(u8::try_from(code).map_err(|_| invalid())?),
        Unit::Character => {
            let character = char::from_u32(code).ok_or_else(invalid)?;
            bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    Ok(&text[length..])
}
