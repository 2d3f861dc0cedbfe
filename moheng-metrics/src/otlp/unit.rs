//! Units of OpenTelemetry (UCUM) in the words of Prometheus.

/// The words of a unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct UnitWords {
    /// What is counted: `seconds`; empty when there is no unit.
    pub(super) main: String,
    /// Per what, in the singular: `second`; empty when per nothing.
    pub(super) per: String,
}

impl UnitWords {
    /// Translates a unit; parts in braces are annotations and count for nothing. With `escapes` the words have legacy
    /// characters only.
    pub(super) fn of(unit: &str, escapes: bool) -> Self {
        let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
        let word = |unit: &str, table: &[(&str, &str)]| {
            let unit = unit.trim();
            if unit.contains(['{', '}']) {
                return String::new();
            }
            match table.iter().find(|(symbol, _)| *symbol == unit) {
                Some((_, word)) => (*word).to_owned(),
                None if escapes => clean(unit),
                None => unit.to_owned(),
            }
        };
        Self {
            main: word(main, &UNITS),
            per: word(per, &PER_UNITS),
        }
    }

    /// The unit as metadata states it: `bytes_per_second`.
    pub(super) fn text(&self) -> String {
        match (self.main.as_str(), self.per.as_str()) {
            (main, "") => main.to_owned(),
            ("", per) => format!("per_{per}"),
            (main, per) => format!("{main}_per_{per}"),
        }
    }
}

/// Runs of characters other than letters, digits and colons become one underscore, and none at the ends.
fn clean(unit: &str) -> String {
    let words = unit.split(|character: char| !character.is_ascii_alphanumeric() && character != ':');
    let mut out = String::new();
    for word in words.filter(|word| !word.is_empty()) {
        if !out.is_empty() {
            out.push('_');
        }
        out.push_str(word);
    }
    out
}

/// The table of the compatibility specification, and `KBy`, which Prometheus takes too.
const UNITS: [(&str, &str); 27] = [
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tebibytes"),
    ("kBy", "kilobytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("%", "percent"),
    ("1", ""),
];

const PER_UNITS: [(&str, &str); 7] = [
    ("s", "second"),
    ("m", "minute"),
    ("h", "hour"),
    ("d", "day"),
    ("w", "week"),
    ("mo", "month"),
    ("y", "year"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        for (unit, expected) in [
            ("", ""),
            ("1", ""),
            ("s", "seconds"),
            (" By ", "bytes"),
            ("%", "percent"),
            ("{packets}", ""),
            ("{packets}/s", "per_second"),
            ("By/s", "bytes_per_second"),
            ("m/s", "meters_per_second"),
            ("m/m", "meters_per_minute"),
            ("requests/{shard}", "requests"),
            ("widget (big)", "widget_big"),
            ("a/b/c", "a_per_b_c"),
        ] {
            assert_eq!(UnitWords::of(unit, true).text(), expected, "{unit}");
        }
        assert_eq!(UnitWords::of("\u{b5}s", true).text(), "s");
        assert_eq!(UnitWords::of("\u{b5}s", false).text(), "\u{b5}s");
    }
}
