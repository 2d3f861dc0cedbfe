//! The notation of points: `1 2 3`, `0+10x5`, `_x3 stale`.

use moheng_metrics::STALE_NAN;

/// One point of a series in a script.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Point {
    /// `_`
    Missing,
    /// A float, perhaps the stale marker.
    Float(f64),
    /// A native histogram, whose content is not read.
    Histogram,
}

/// Reads the points of a line.
pub(super) fn parse_points(text: &str) -> Result<Vec<Point>, String> {
    let mut points = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = token_end(rest);
        push_token(&rest[..end], &mut points)?;
        rest = rest[end..].trim_start();
    }
    Ok(points)
}

/// Where the first token ends; blanks inside `{{…}}` belong to it.
fn token_end(text: &str) -> usize {
    let mut depth = 0_usize;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            _ if byte.is_ascii_whitespace() && depth == 0 => return index,
            _ => {}
        }
    }
    text.len()
}

fn push_token(token: &str, points: &mut Vec<Point>) -> Result<(), String> {
    let (body, repeats) = match token.rsplit_once('x') {
        Some((body, count)) if !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit()) => {
            let count: usize = count
                .parse()
                .map_err(|_| format!("bad repetition in {token:?}"))?;
            (body, Some(count))
        }
        _ => (token, None),
    };
    if repeats.is_some_and(|repeats| repeats > 1_000_000) {
        return Err(format!("too many repetitions in {token:?}"));
    }
    if body == "_" {
        points.extend(std::iter::repeat_n(Point::Missing, repeats.unwrap_or(1)));
        return Ok(());
    }
    let count = repeats.unwrap_or(0) + 1;
    if body.starts_with("{{") {
        points.extend(std::iter::repeat_n(Point::Histogram, count));
        return Ok(());
    }
    let (first, increment) = match split_increment(body) {
        Some((first, increment)) => (parse_value(first)?, parse_value(increment)?),
        None => (parse_value(body)?, 0.0),
    };
    let mut value = first;
    for _ in 0..count {
        points.push(Point::Float(value));
        if increment != 0.0 {
            value += increment;
        }
    }
    Ok(())
}

/// Splits `1e3-2` into `1e3` and `-2`.
fn split_increment(body: &str) -> Option<(&str, &str)> {
    let bytes = body.as_bytes();
    let position = (1..bytes.len()).rev().find(|index| {
        matches!(bytes[*index], b'+' | b'-') && !matches!(bytes[*index - 1], b'e' | b'E' | b'+' | b'-')
    })?;
    Some(body.split_at(position))
}

pub(super) fn parse_value(text: &str) -> Result<f64, String> {
    if text == "stale" {
        return Ok(STALE_NAN);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let hexadecimal = unsigned
        .strip_prefix("0x")
        .and_then(|digits| i64::from_str_radix(digits, 16).ok());
    let value = match hexadecimal {
        Some(value) => value as f64,
        None => moheng_metrics::parse_float(unsigned)
            .or_else(|| {
                unsigned
                    .parse()
                    .ok()
                    .filter(|_| unsigned.bytes().any(|byte| byte.is_ascii_digit()))
            })
            .ok_or_else(|| format!("bad value {text:?}"))?,
    };
    Ok(if text.starts_with('-') { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notation() {
        use Point::{Float, Histogram, Missing};
        for (text, expected) in [
            ("1 -2 .5", vec![Float(1.0), Float(-2.0), Float(0.5)]),
            ("0+10x2", vec![Float(0.0), Float(10.0), Float(20.0)]),
            ("10-5x1", vec![Float(10.0), Float(5.0)]),
            (
                "7x1 _x2 _",
                vec![Float(7.0), Float(7.0), Missing, Missing, Missing],
            ),
            (
                "{{sum:1 count:1}}x1 Inf",
                vec![Histogram, Histogram, Float(f64::INFINITY)],
            ),
        ] {
            assert_eq!(parse_points(text), Ok(expected), "{text}");
        }
        assert!(parse_points("abc").is_err());
    }
}
