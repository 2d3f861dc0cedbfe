//! [`Output`] and [`FamilyWriter`]: what the writers of the text formats share.

use std::borrow::Cow;

#[cfg(doc)]
use crate::MetricFamily;
use crate::number::FloatText;
use crate::{
    Bucket, EscapingScheme, HistogramMetric, Labels, METRIC_NAME, NameKind, escape_name, is_valid_label_name,
    is_valid_metric_name,
};

/// Where text goes.
pub(crate) trait Output {
    /// Appends a text.
    fn push(&mut self, text: &str);

    /// Appends a float.
    fn push_float(&mut self, text: &FloatText) {
        self.push(text.as_str());
    }
}

impl Output for String {
    fn push(&mut self, text: &str) {
        self.push_str(text);
    }
}

impl Output for Vec<u8> {
    fn push(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }

    fn push_float(&mut self, text: &FloatText) {
        self.extend_from_slice(text.as_bytes());
    }
}

/// The infinite bucket of a histogram that has no such one, as one with native buckets only.
pub(super) fn missing_infinite_bucket(histogram: &HistogramMetric) -> Option<Bucket> {
    let last_bound = histogram.buckets.last().map(|bucket| bucket.upper_bound);
    let is_missing = last_bound != Some(f64::INFINITY);
    is_missing.then_some(Bucket {
        upper_bound: f64::INFINITY,
        cumulative_count: histogram.count,
        exemplar: None,
    })
}

/// The label of a bucket or a quantile, which the other lines of the metric do not have.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bound {
    /// `le` or `quantile`; `None` for metrics that are one number.
    pub(super) label: Option<&'static str>,
    pub(super) value: Option<FloatText>,
}

/// Writes the lines of one family.
#[derive(Debug)]
pub(super) struct FamilyWriter<'a, O> {
    out: &'a mut O,
    escaping: EscapingScheme,
    /// What the names of its samples begin with.
    name: &'a str,
    is_plain: bool,
    /// See [`MetricFamily::padded_labels`].
    padded_labels: &'a [String],
}

impl<'a, O: Output> FamilyWriter<'a, O> {
    pub(super) fn new(name: &'a str, escaping: EscapingScheme, out: &'a mut O) -> Self {
        Self {
            out,
            escaping,
            name,
            is_plain: is_valid_metric_name(name),
            padded_labels: &[],
        }
    }

    pub(super) fn with_padded_labels(mut self, names: &'a [String]) -> Self {
        self.padded_labels = names;
        self
    }

    /// Writes a line that begins with `#`.
    pub(super) fn comment(&mut self, keyword: &str, text: &str, with_quotes: bool) {
        self.out.push(keyword);
        push_name(self.name, self.is_plain, self.out);
        self.out.push(" ");
        push_escaped(text, with_quotes, self.out);
        self.out.push("\n");
    }

    /// Writes a series with the blank behind it.
    pub(super) fn series(&mut self, suffix: &str, labels: &Labels, bound: Bound) {
        let out = &mut *self.out;
        let mut separator = if self.is_plain {
            out.push(self.name);
            out.push(suffix);
            "{"
        } else {
            out.push("{\"");
            push_escaped(self.name, true, out);
            out.push(suffix);
            out.push("\"");
            ","
        };
        let padded = self.padded_labels;
        push_labels(labels, padded, bound.label, self.escaping, &mut separator, out);
        if let (Some(label), Some(value)) = (bound.label, &bound.value) {
            out.push(separator);
            separator = ",";
            out.push(label);
            out.push("=\"");
            out.push_float(value);
            out.push("\"");
        }
        if separator == "," {
            out.push("}");
        }
        out.push(" ");
    }

    /// Writes labels in braces, even when there are none.
    pub(super) fn labels(&mut self, labels: &Labels) {
        let mut separator = "{";
        push_labels(labels, &[], None, self.escaping, &mut separator, self.out);
        self.out.push(if separator == "{" { "{}" } else { "}" });
    }

    pub(super) fn float(&mut self, value: f64) {
        self.out.push_float(&FloatText::new(value));
    }

    pub(super) fn text(&mut self, text: &str) {
        self.out.push(text);
    }

    pub(super) fn milliseconds(&mut self, timestamp_ms: i64) {
        push_integer(timestamp_ms, self.out);
    }

    /// Writes a time in seconds, without trailing zeros.
    pub(super) fn seconds(&mut self, timestamp_ms: i64) {
        let magnitude = timestamp_ms.unsigned_abs();
        if timestamp_ms < 0 {
            self.out.push("-");
        }
        push_unsigned(magnitude / 1000, self.out);
        let milliseconds = magnitude % 1000;
        if milliseconds > 0 {
            let digits = [100, 10, 1].map(|power| b'0' + (milliseconds / power % 10) as u8);
            let digits = std::str::from_utf8(&digits).unwrap_or_default();
            self.out.push(".");
            self.out.push(digits.trim_end_matches('0'));
        }
    }
}

/// Writes all labels but the metric name, which the family gives, and the one that is called like the bound's.
fn push_labels<O: Output>(
    labels: &Labels,
    padded: &[String],
    bound_name: Option<&str>,
    escaping: EscapingScheme,
    separator: &mut &str,
    out: &mut O,
) {
    let mut escaped_names = Vec::new();
    let is_written = |name: &str| name != METRIC_NAME && Some(name) != bound_name;
    let mut padding = padded.iter().filter(|name| labels.get(name).is_none()).peekable();
    let mut rest = labels.iter().peekable();
    let mut next = || {
        let is_padding_first = match (padding.peek(), rest.peek()) {
            (Some(padded), Some((name, _))) => padded.as_str() < *name,
            (padded, _) => padded.is_some(),
        };
        if is_padding_first {
            return padding.next().map(|name| (name.as_str(), ""));
        }
        rest.next()
    };
    while let Some((name, value)) = next() {
        if !is_written(name) {
            continue;
        }
        let mut escaped = escape_name(name, escaping, NameKind::Label);
        if let Cow::Owned(text) = &mut escaped {
            // Two names may be escaped alike, and a label must not appear twice.
            while labels.get(text).is_some()
                || escaped_names.contains(text)
                || Some(text.as_str()) == bound_name
            {
                text.push('_');
            }
            escaped_names.push(text.clone());
        }
        out.push(separator);
        *separator = ",";
        push_name(&escaped, is_valid_label_name(&escaped), out);
        out.push("=\"");
        push_escaped(value, true, out);
        out.push("\"");
    }
}

fn push_name<O: Output>(name: &str, is_plain: bool, out: &mut O) {
    if is_plain {
        out.push(name);
        return;
    }
    out.push("\"");
    push_escaped(name, true, out);
    out.push("\"");
}

fn push_escaped<O: Output>(text: &str, with_quotes: bool, out: &mut O) {
    let mut rest = text;
    while let Some(index) = memchr::memchr3(b'\\', b'\n', b'"', rest.as_bytes()) {
        let (before, special) = rest.split_at(index);
        out.push(before);
        out.push(match special.as_bytes().first() {
            Some(b'\\') => "\\\\",
            Some(b'\n') => "\\n",
            _ if with_quotes => "\\\"",
            _ => "\"",
        });
        rest = special.get(1..).unwrap_or_default();
    }
    out.push(rest);
}

fn push_integer<O: Output>(value: i64, out: &mut O) {
    if value < 0 {
        out.push("-");
    }
    push_unsigned(value.unsigned_abs(), out);
}

fn push_unsigned<O: Output>(value: u64, out: &mut O) {
    let mut digits = [0_u8; 20];
    let mut start = digits.len();
    let mut rest = value;
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.push(std::str::from_utf8(&digits[start..]).unwrap_or_default());
}
