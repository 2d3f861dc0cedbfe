//! The notation of points: `1 2 3`, `0+10x5`, `_x3 stale`.

use moheng_metrics::histogram::FloatHistogram;
use moheng_metrics::{STALE_NAN, parse_duration_ms};

use super::histogram_notation::parse_histogram;

/// More points than this from one token, or in one line, are refused.
const MAX_REPETITIONS: usize = 1_000_000;
const MAX_POINTS: usize = 2 * MAX_REPETITIONS;

/// One point of a series in a script.
#[derive(Clone, Debug, PartialEq)]
pub enum Point {
    /// `_`
    Missing,
    /// A float, perhaps the stale marker.
    Float(f64),
    /// A native histogram.
    Histogram(Box<FloatHistogram>),
}

/// Reads the points of a line.
pub(super) fn parse_points(text: &str) -> Result<Vec<Point>, String> {
    let mut points = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = token_end(rest);
        push_token(&rest[..end], &mut points)?;
        if points.len() > MAX_POINTS {
            return Err(format!("more than {MAX_POINTS} points in a line"));
        }
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
    let (body, repeats) = split_repetition(token)?;
    if body == "_" {
        points.extend(std::iter::repeat_n(Point::Missing, repeats.unwrap_or(1)));
        return Ok(());
    }
    let count = repeats.unwrap_or(0) + 1;
    if body.starts_with("{{") {
        return push_histograms(body, count, points);
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

/// Splits `0+10x5` into `0+10` and 5.
fn split_repetition(token: &str) -> Result<(&str, Option<usize>), String> {
    match token.rsplit_once('x') {
        Some((body, count)) if !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit()) => {
            let count: Option<usize> = count.parse().ok().filter(|count| *count <= MAX_REPETITIONS);
            let count = count.ok_or_else(|| format!("too many repetitions in {token:?}"))?;
            Ok((body, Some(count)))
        }
        _ => Ok((token, None)),
    }
}

/// `{{…}}`, `{{…}}+{{…}}` or `{{…}}-{{…}}`, `count` times.
fn push_histograms(body: &str, count: usize, points: &mut Vec<Point>) -> Result<(), String> {
    let end = body.find("}}").map_or(body.len(), |position| position + 2);
    let (first, rest) = body.split_at(end);
    let mut current = parse_histogram(first)?;
    let increment = match rest.strip_prefix(['+', '-']) {
        Some(increment) => Some(parse_histogram(increment)?),
        None if rest.is_empty() => None,
        None => return Err(format!("unexpected {rest:?} behind a histogram")),
    };
    for _ in 0..count {
        points.push(Point::Histogram(Box::new(current.clone())));
        if let Some(increment) = &increment {
            let result = if rest.starts_with('+') {
                current.add(increment.view())
            } else {
                current.subtract(increment.view())
            };
            result.map_err(|error| format!("{error} in {body:?}"))?;
        }
    }
    Ok(())
}

/// Reads what stands behind `@st`: for every point when it started to count, in milliseconds relative to its time, or
/// nothing.
pub(super) fn parse_start_offsets(text: &str) -> Result<Vec<Option<i64>>, String> {
    let mut offsets = Vec::new();
    for token in text.split_whitespace() {
        let (body, repeats) = split_repetition(token)?;
        if offsets.len() + repeats.unwrap_or(1) > MAX_POINTS {
            return Err(format!("more than {MAX_POINTS} points in a line"));
        }
        if body == "_" {
            offsets.extend(std::iter::repeat_n(None, repeats.unwrap_or(1)));
            continue;
        }
        let (first, increment) = match body
            .char_indices()
            .skip(1)
            .find(|(_, letter)| "+-".contains(*letter))
        {
            Some((position, _)) => (&body[..position], &body[position..]),
            None => (body, "0"),
        };
        let (first_ms, increment_ms) = (parse_signed_duration(first)?, parse_signed_duration(increment)?);
        for index in 0..=repeats.unwrap_or(0) {
            offsets.push(Some(
                first_ms.saturating_add(increment_ms.saturating_mul(index as i64)),
            ));
        }
    }
    Ok(offsets)
}

fn parse_signed_duration(text: &str) -> Result<i64, String> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let duration_ms = if unsigned == "0" {
        0
    } else {
        parse_duration_ms(unsigned).map_err(|error| error.to_string())?
    };
    Ok(if text.starts_with('-') {
        -duration_ms
    } else {
        duration_ms
    })
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
        use Point::{Float, Missing};
        for (text, expected) in [
            ("1 -2 .5", vec![Float(1.0), Float(-2.0), Float(0.5)]),
            ("0+10x2", vec![Float(0.0), Float(10.0), Float(20.0)]),
            ("10-5x1", vec![Float(10.0), Float(5.0)]),
            (
                "7x1 _x2 _",
                vec![Float(7.0), Float(7.0), Missing, Missing, Missing],
            ),
        ] {
            assert_eq!(parse_points(text), Ok(expected), "{text}");
        }
        assert!(parse_points("abc").is_err());
    }

    #[test]
    fn histograms_grow() {
        let points =
            parse_points("{{count:1 sum:2 buckets:[1]}}+{{count:1 sum:1 buckets:[0 1]}}x2 Inf").unwrap();
        let [_, _, Point::Histogram(last), Point::Float(f64::INFINITY)] = points.as_slice() else {
            panic!("{points:?}")
        };
        assert_eq!((last.count, last.sum), (3.0, 4.0));
        assert_eq!(last.positive, [1.0, 2.0]);
        for wrong in [
            "{{count}}",
            "{{coun:1}}",
            "{{count:x}}",
            "{{count:1",
            "{{}}*{{}}",
            "{{buckets:1}}",
        ] {
            assert!(parse_points(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn start_offsets() {
        let offsets = parse_start_offsets("_ -30s-1mx1 1ms _x2 0+5sx1").unwrap();
        let expected = [
            None,
            Some(-30_000),
            Some(-90_000),
            Some(1),
            None,
            None,
            Some(0),
            Some(5000),
        ];
        assert_eq!(offsets, expected);
        assert!(parse_start_offsets("1q").is_err());
    }
}
