//! Labels as messages carry them: pairs of texts that may be anything ([`LabelsError`]).

use thiserror::Error;

use crate::labels::MAX_TEXT_BYTES;
use crate::{Labels, METRIC_NAME, ValidationScheme};

/// Why labels that came from outside are not the labels of a series.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LabelsError {
    /// There is no label `__name__`.
    #[error("series has no metric name")]
    MissingMetricName,
    /// The value of `__name__` is not the name of a metric.
    #[error("invalid metric name {0:?}")]
    MetricName(
        /// The value.
        String,
    ),
    /// A label is called something that is not the name of a label.
    #[error("invalid label name {0:?}")]
    LabelName(
        /// The name.
        String,
    ),
    /// Two labels have the same name.
    #[error("duplicate label name {0:?}")]
    Duplicate(
        /// The name.
        String,
    ),
    /// The labels do not ascend by name.
    #[error("labels are not sorted: {0:?} comes too late")]
    Unsorted(
        /// The first name that is less than the one before it.
        String,
    ),
    /// A name or value is longer than a label set can hold.
    #[error("label text of {0} bytes is too long")]
    TooLong(
        /// Its length.
        usize,
    ),
}

/// Checks that names are valid, ascending and unique, and packs the labels without those that have no value.
pub(crate) fn labels_of_pairs(
    pairs: &[(&str, &str)],
    scheme: ValidationScheme,
) -> Result<Labels, LabelsError> {
    let mut last = "";
    for (index, (name, value)) in pairs.iter().enumerate() {
        if !scheme.is_valid_label_name(name) {
            return Err(LabelsError::LabelName((*name).to_owned()));
        }
        if index > 0 && *name <= last {
            return Err(if *name == last {
                LabelsError::Duplicate((*name).to_owned())
            } else {
                LabelsError::Unsorted((*name).to_owned())
            });
        }
        let longest = name.len().max(value.len());
        if longest > MAX_TEXT_BYTES {
            return Err(LabelsError::TooLong(longest));
        }
        last = name;
    }
    let present = pairs.iter().copied().filter(|(_, value)| !value.is_empty());
    Ok(Labels::from_sorted_pairs(present))
}

/// [`labels_of_pairs`] for series, which have a metric name.
pub(crate) fn series_of_pairs(
    pairs: &[(&str, &str)],
    scheme: ValidationScheme,
) -> Result<Labels, LabelsError> {
    match pairs.iter().find(|(name, _)| *name == METRIC_NAME) {
        Some((_, value)) if scheme.is_valid_metric_name(value) => labels_of_pairs(pairs, scheme),
        Some((_, value)) if !value.is_empty() => Err(LabelsError::MetricName((*value).to_owned())),
        _ => Err(LabelsError::MissingMetricName),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_has_a_name() {
        #[track_caller]
        fn check(pairs: &[(&str, &str)], scheme: ValidationScheme, expected: Result<&str, &str>) {
            let labels = series_of_pairs(pairs, scheme);
            let shown = labels
                .as_ref()
                .map(ToString::to_string)
                .map_err(ToString::to_string);
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(shown, expected);
        }
        let (utf8, legacy) = (ValidationScheme::Utf8, ValidationScheme::Legacy);
        let name = (METRIC_NAME, "up");
        check(
            &[name, ("a", ""), ("b", "1")],
            utf8,
            Ok(r#"{__name__="up", b="1"}"#),
        );
        check(&[("A", "1"), name], utf8, Ok(r#"{A="1", __name__="up"}"#));
        check(&[], utf8, Err("series has no metric name"));
        check(&[("a", "1")], utf8, Err("series has no metric name"));
        check(&[(METRIC_NAME, "")], utf8, Err("series has no metric name"));
        check(&[(METRIC_NAME, "a.b")], utf8, Ok(r#"{__name__="a.b"}"#));
        check(
            &[(METRIC_NAME, "a.b")],
            legacy,
            Err(r#"invalid metric name "a.b""#),
        );
        check(&[name, ("a.b", "1")], legacy, Err(r#"invalid label name "a.b""#));
        check(&[("", "1"), name], utf8, Err(r#"invalid label name """#));
        check(&[name, name], utf8, Err(r#"duplicate label name "__name__""#));
        check(
            &[name, ("a", "1"), ("a", "2")],
            utf8,
            Err(r#"duplicate label name "a""#),
        );
        check(
            &[("a", "1"), name],
            utf8,
            Err(r#"labels are not sorted: "__name__" comes too late"#),
        );
        let long = "x".repeat(MAX_TEXT_BYTES + 1);
        check(
            &[name, ("a", &long)],
            utf8,
            Err("label text of 16777216 bytes is too long"),
        );
    }
}
