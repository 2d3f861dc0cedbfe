//! Sizes with a unit, as drivers write them for people: `512`, `1.5k`, `20.4G`.

use super::scan::fraction;

/// What the kernel's counters hold.
const BYTES_MAX: f64 = u64::MAX as f64;

/// A size of bcache. What follows its point counts to 1023, not to 9: `321.5k` is 321 KiB and 5/1024 of ten KiB.
pub(crate) fn of_bcache(text: &str) -> Option<u64> {
    let (digits, unit) = split_unit(text)?;
    let number = fraction(digits.as_bytes())?;
    if unit == 1.0 {
        return whole(number);
    }
    let (_, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let part: u32 = part.parse().ok()?;
    whole((number.floor() + f64::from(part) / 10.24) * unit)
}

/// A size with a decimal fraction.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let (digits, unit) = split_unit(text)?;
    whole(fraction(digits.trim_end().as_bytes())? * unit)
}

fn whole(bytes: f64) -> Option<u64> {
    (bytes < BYTES_MAX).then_some(bytes as u64)
}

/// The number and the bytes of its unit.
fn split_unit(text: &str) -> Option<(&str, f64)> {
    let text = text.trim();
    let last = text.chars().next_back()?.to_ascii_lowercase();
    let power = "kmgtpe".find(last).map_or(0, |position| position + 1);
    let digits = &text[..text.len() - usize::from(power > 0)];
    let unit = (0..power).fold(1.0, |unit, _| unit * 1024.0);
    Some((digits, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let kib = 1024;
        for (text, bcache, as_decimal) in [
            ("0", Some(0), Some(0)),
            ("512", Some(512), Some(512)),
            ("790.0k", Some(790 * kib), Some(790 * kib)),
            ("321.5k", Some(329_204), Some(329_216)),
            ("1.1M", Some(1_150_976), Some(1_153_433)),
            ("2.00M", Some(2 * kib * kib), Some(2 * kib * kib)),
            ("", None, None),
            ("k", None, None),
            ("inf", None, None),
            ("-7", None, None),
            ("1e3", None, None),
            ("99999999999999999999", None, None),
            ("16.0E", None, None),
            ("1.2.3k", None, None),
            ("12é", None, None),
        ] {
            assert_eq!(of_bcache(text), bcache, "{text}");
            assert_eq!(decimal(text), as_decimal, "{text}");
        }
    }
}
