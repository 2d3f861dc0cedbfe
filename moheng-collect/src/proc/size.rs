//! Sizes with a unit, as drivers write them for people: `512`, `1.5k`, `20.4G`.

/// A size of bcache. What follows its point counts to 1023, not to 9: `321.5k` is 321 KiB and 5/1024 of ten KiB.
pub(crate) fn of_bcache(text: &str) -> Option<u64> {
    let (digits, unit) = split_unit(text)?;
    if unit == 1.0 {
        return Some(digits.parse::<f64>().ok()? as u64);
    }
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let whole: f64 = whole.parse().ok()?;
    let part: u32 = part.parse().ok()?;
    Some(((whole + f64::from(part) / 10.24) * unit) as u64)
}

/// A size with a decimal fraction.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let (digits, unit) = split_unit(text)?;
    Some((digits.trim_end().parse::<f64>().ok()? * unit) as u64)
}

/// The number, which is not a word such as `inf`, and the bytes of its unit.
fn split_unit(text: &str) -> Option<(&str, f64)> {
    let text = text.trim();
    let last = text.chars().next_back()?.to_ascii_lowercase();
    let power = "kmgtpe".find(last).map_or(0, |position| position + 1);
    let digits = &text[..text.len() - usize::from(power > 0)];
    let unit = (0..power).fold(1.0, |unit, _| unit * 1024.0);
    digits
        .starts_with(|first: char| first.is_ascii_digit() || first == '-')
        .then_some((digits, unit))
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
            ("1.2.3k", None, None),
            ("12é", None, None),
        ] {
            assert_eq!(of_bcache(text), bcache, "{text}");
            assert_eq!(decimal(text), as_decimal, "{text}");
        }
    }
}
