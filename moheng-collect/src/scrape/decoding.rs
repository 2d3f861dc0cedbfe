//! [`Decoding`]: from a series as exposed to the labels it is stored under.

use moheng_metrics::{Labels, LabelsBuilder, MetricKind, TextEntry, TextParser, TextSample};

use super::pass::PassSettings;
use super::{ScrapeError, ScrapeLimits};
use crate::relabel;

/// What an exposed label gets in front of its name when the target has a label of that name.
const EXPORTED_PREFIX: &str = "exported_";

impl PassSettings {
    /// The labels of a sample; `None` when relabelling drops it.
    pub(super) fn decode(&self, sample: &TextSample<'_>) -> Result<Option<Labels>, ScrapeError> {
        let exposed = sample.labels()?;
        if let Some(labels) = self.merge(&exposed, sample.series) {
            check_limits(&labels, &self.limits)?;
            return Ok(Some(labels));
        }
        let mut labels = exposed.to_builder();
        if self.samples.honor_labels {
            for (name, value) in &self.labels {
                if exposed.get(name).is_none() && !exposes_empty(sample.series, name) {
                    labels.set(name, value);
                }
            }
        } else {
            self.rename_conflicting(&exposed, &mut labels);
        }
        if !relabel(&self.samples.relabel, &mut labels) {
            return Ok(None);
        }
        let labels = labels.finish();
        if labels.is_empty() {
            return Ok(None);
        }
        if labels.metric_name().is_empty() {
            let series = String::from_utf8_lossy(sample.series);
            return Err(ScrapeError::InvalidSeries(format!(
                "{series} has no metric name after relabelling"
            )));
        }
        check_limits(&labels, &self.limits)?;
        Ok(Some(labels))
    }

    /// [`PassSettings::decode`] for a series of a metric of this type that was decoded before.
    pub(super) fn decode_again(&self, series: &[u8], kind: MetricKind) -> Option<Labels> {
        let text = [b"\n", series, b" 0\n"].concat();
        let mut parser = TextParser::new(&text);
        parser.skip_lines(b"\n", kind);
        match parser.next_entry(&[]) {
            Ok(Some(TextEntry::Sample(sample))) => self.decode(&sample).ok().flatten(),
            _ => None,
        }
    }

    /// The frequent case, in one go: no relabelling, no label on both sides.
    fn merge(&self, exposed: &Labels, series: &[u8]) -> Option<Labels> {
        let has_empty = self.samples.honor_labels && memchr::memmem::find(series, b"\"\"").is_some();
        if has_empty || !self.samples.relabel.is_empty() {
            return None;
        }
        let mut pairs = Vec::with_capacity(16);
        let mut target = self.labels.iter().peekable();
        for (name, value) in exposed {
            while let Some(pair) = target.next_if(|(target_name, _)| *target_name < name) {
                pairs.push(pair);
            }
            if target.peek().is_some_and(|(target_name, _)| *target_name == name) {
                return None;
            }
            pairs.push((name, value));
        }
        pairs.extend(target);
        Some(Labels::from_sorted_pairs(pairs))
    }

    /// Sets the target labels; exposed labels of the same names move out of the way, shorter names first.
    fn rename_conflicting(&self, exposed: &Labels, labels: &mut LabelsBuilder) {
        let mut conflicting = Vec::new();
        for (name, value) in &self.labels {
            conflicting.extend(labels.get(name).map(|exposed| (name, exposed.to_owned())));
            labels.set(name, value);
        }
        debug_assert!(conflicting.len() <= exposed.len());
        conflicting.sort_by_key(|(name, _)| name.len());
        for (name, value) in conflicting {
            let mut renamed = format!("{EXPORTED_PREFIX}{name}");
            while labels.get(&renamed).is_some() {
                renamed.insert_str(0, EXPORTED_PREFIX);
            }
            labels.set(&renamed, &value);
        }
    }
}

fn check_limits(labels: &Labels, limits: &ScrapeLimits) -> Result<(), ScrapeError> {
    let all_limits = [limits.labels, limits.label_name_bytes, limits.label_value_bytes];
    if all_limits.iter().all(Option::is_none) {
        return Ok(());
    }
    let name_limit = limits.label_name_bytes.unwrap_or(usize::MAX);
    let value_limit = limits.label_value_bytes.unwrap_or(usize::MAX);
    let mut count = 0;
    for (name, value) in labels {
        count += 1;
        let (what, length, limit) = if name.len() > name_limit {
            ("name", name.len(), name_limit)
        } else if value.len() > value_limit {
            ("value", value.len(), value_limit)
        } else {
            continue;
        };
        let shown = beginning(name);
        let what = format!("a label {what} of {length} bytes ({shown:?}), the limit is {limit}");
        return Err(limit_error(labels, &what));
    }
    match limits.labels {
        Some(limit) if count > limit => Err(limit_error(
            labels,
            &format!("{count} labels, the limit is {limit}"),
        )),
        _ => Ok(()),
    }
}

#[cold]
fn limit_error(labels: &Labels, what: &str) -> ScrapeError {
    let metric = beginning(labels.metric_name());
    ScrapeError::LabelLimit(format!("a series of {metric:?} has {what}"))
}

/// As much of a name as a message shows.
fn beginning(name: &str) -> String {
    name.chars().take(50).collect()
}

/// Whether the series states the label with an empty value, which the decoded labels do not show. With `honor_labels`
/// that keeps the target label away.
fn exposes_empty(series: &[u8], name: &str) -> bool {
    memchr::memmem::find_iter(series, name.as_bytes()).any(|start| {
        let (before, after) = series.split_at(start);
        let (name_part, after) = after.split_at(name.len());
        debug_assert_eq!(name_part, name.as_bytes());
        let before = before.strip_suffix(b"\"").unwrap_or(before);
        let after = after.strip_prefix(b"\"").unwrap_or(after).trim_ascii_start();
        let starts_label = before
            .last()
            .is_some_and(|byte| matches!(byte, b'{' | b',' | b' ' | b'\t'));
        let value = after.strip_prefix(b"=").map(<[u8]>::trim_ascii_start);
        starts_label && value.is_some_and(|value| value.starts_with(b"\"\""))
    })
}

#[cfg(test)]
mod tests;
