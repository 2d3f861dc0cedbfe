//! Escapes of a single character: `\n`, `\x{1F600}`, `\101`, `\.`.

use super::error::{Problem, SyntaxError};

const MAX_CODE_POINT: u32 = 0x10_ffff;

/// Reads the escape at the start of `text`, which begins with a backslash: the code point, which may be a surrogate
/// and then matches nothing, and how many bytes it took.
pub(super) fn character_escape(text: &str) -> Result<(u32, usize), SyntaxError> {
    let mut rest = text.get(1..).unwrap_or_default().chars();
    let Some(first) = rest.next() else {
        return Err(SyntaxError::new(Problem::TrailingBackslash, ""));
    };
    let code_point = match first {
        '1'..='7' if !matches!(rest.as_str().as_bytes().first(), Some(b'0'..=b'7')) => None,
        '0'..='7' => Some(octal(first, &mut rest)),
        'x' => hexadecimal(&mut rest),
        'a' => Some(0x07),
        'f' => Some(0x0c),
        'n' => Some(0x0a),
        'r' => Some(0x0d),
        't' => Some(0x09),
        'v' => Some(0x0b),
        // Any other ASCII character that is not a letter or digit stands for itself.
        _ if first.is_ascii() && !first.is_ascii_alphanumeric() => Some(first.into()),
        _ => None,
    };
    let length = text.len() - rest.as_str().len();
    match code_point {
        Some(code_point) => Ok((code_point, length)),
        None => Err(SyntaxError::new(Problem::Escape, &text[..length])),
    }
}

/// Up to two more octal digits.
fn octal(first: char, rest: &mut std::str::Chars<'_>) -> u32 {
    let mut code_point = first.to_digit(8).unwrap_or_default();
    for _ in 0..2 {
        let mut after = rest.clone();
        let Some(digit) = after.next().and_then(|next| next.to_digit(8)) else {
            break;
        };
        code_point = code_point * 8 + digit;
        *rest = after;
    }
    code_point
}

/// Two hexadecimal digits, or any number of them in braces.
fn hexadecimal(rest: &mut std::str::Chars<'_>) -> Option<u32> {
    let first = rest.next()?;
    if first != '{' {
        let high = first.to_digit(16)?;
        let low = rest.next()?.to_digit(16)?;
        return Some(high * 16 + low);
    }
    let mut code_point = None;
    loop {
        let next = rest.next()?;
        if next == '}' {
            return code_point;
        }
        let value = code_point.unwrap_or(0) * 16 + next.to_digit(16)?;
        code_point = Some(value).filter(|value| *value <= MAX_CODE_POINT);
        code_point?;
    }
}
