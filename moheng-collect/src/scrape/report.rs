//! The series about a scrape itself: `up` and friends.

use moheng_metrics::{Labels, SeriesRef};

use super::ReportSet;

/// What the series say about one scrape.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ReportValues {
    pub(super) is_up: bool,
    pub(super) duration_seconds: f64,
    pub(super) samples_scraped: usize,
    pub(super) samples_kept: usize,
    pub(super) series_added: usize,
    pub(super) timeout_seconds: f64,
    pub(super) sample_limit: usize,
    /// -1 when the limit was exceeded, 0 when nothing was read.
    pub(super) body_size_bytes: i64,
}

/// One of these series of a target.
#[derive(Clone, Debug)]
pub(super) struct ReportSeries {
    pub(super) labels: Labels,
    pub(super) reference: Option<SeriesRef>,
    value: fn(&ReportValues) -> f64,
}

impl ReportSeries {
    pub(super) fn value(&self, values: &ReportValues) -> f64 {
        (self.value)(values)
    }
}

type Definition = (&'static str, fn(&ReportValues) -> f64);

const STANDARD: [Definition; 5] = [
    ("up", |values| f64::from(u8::from(values.is_up))),
    ("scrape_duration_seconds", |values| values.duration_seconds),
    ("scrape_samples_scraped", |values| values.samples_scraped as f64),
    ("scrape_samples_post_metric_relabeling", |values| {
        values.samples_kept as f64
    }),
    ("scrape_series_added", |values| values.series_added as f64),
];

const EXTENDED: [Definition; 3] = [
    ("scrape_timeout_seconds", |values| values.timeout_seconds),
    ("scrape_sample_limit", |values| values.sample_limit as f64),
    ("scrape_body_size_bytes", |values| values.body_size_bytes as f64),
];

/// The series of a target with these labels.
pub(super) fn report_series(set: ReportSet, target_labels: &Labels) -> Vec<ReportSeries> {
    let extended: &[Definition] = match set {
        ReportSet::Standard => &[],
        ReportSet::Extended => &EXTENDED,
    };
    STANDARD
        .iter()
        .chain(extended)
        .map(|(name, value)| ReportSeries {
            labels: target_labels.to_builder().with_metric_name(name).finish(),
            reference: None,
            value: *value,
        })
        .collect()
}
