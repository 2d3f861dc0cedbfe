//! [`Translation`]: what a request becomes.

use super::Warnings;
use crate::{
    AppendBatch, Exemplar, ExemplarEntry, ExposedNativeHistogram, HistogramEntry, HistogramValue, Labels,
    Metadata, MetadataEntry, SeriesKey,
};

/// The series of a request, ready to be appended.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Translation {
    /// The series, each once, in the order they came up.
    pub series: Vec<TranslatedSeries>,
    /// What is known about the metrics; series point here.
    pub metadata: Vec<Metadata>,
    /// What was left out.
    pub warnings: Warnings,
}

/// The samples of one series.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TranslatedSeries {
    /// What identifies it.
    pub labels: Labels,
    /// Index into [`Translation::metadata`].
    pub metadata: usize,
    /// The float samples, ascending by time.
    pub floats: Vec<TranslatedFloat>,
    /// The native histograms, ascending by time.
    pub histograms: Vec<TranslatedHistogram>,
    /// The exemplars with the time of each in milliseconds since the Unix epoch: its own, or else that of its point.
    pub exemplars: Vec<(i64, Exemplar)>,
}

/// A float sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TranslatedFloat {
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// When it started to count, in milliseconds since the Unix epoch; 0 when not known.
    pub start_timestamp_ms: i64,
    /// The value.
    pub value: f64,
}

/// A native histogram sample.
#[derive(Clone, Debug, PartialEq)]
pub struct TranslatedHistogram {
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// When it started to count, in milliseconds since the Unix epoch; 0 when not known.
    pub start_timestamp_ms: i64,
    /// The value.
    pub value: ExposedNativeHistogram,
}

impl Translation {
    /// Everything in one batch.
    pub fn batch(&self) -> AppendBatch<'_> {
        let mut batch = AppendBatch::new();
        for series in &self.series {
            let key = SeriesKey::Labels(&series.labels);
            for sample in &series.floats {
                batch.push_labels(&series.labels, sample.timestamp_ms, sample.value);
                if sample.start_timestamp_ms != 0 {
                    batch.set_start_timestamp_ms(sample.start_timestamp_ms);
                }
            }
            batch
                .histograms
                .extend(series.histograms.iter().map(|sample| HistogramEntry {
                    series: key,
                    timestamp_ms: sample.timestamp_ms,
                    start_timestamp_ms: sample.start_timestamp_ms,
                    value: match &sample.value {
                        ExposedNativeHistogram::Integer(histogram) => HistogramValue::Integer(histogram),
                        ExposedNativeHistogram::Float(histogram) => HistogramValue::Float(histogram),
                    },
                }));
            batch.exemplars.extend(
                series
                    .exemplars
                    .iter()
                    .map(|(timestamp_ms, exemplar)| ExemplarEntry {
                        series: key,
                        timestamp_ms: *timestamp_ms,
                        exemplar,
                    }),
            );
            if let Some(metadata) = self.metadata.get(series.metadata) {
                batch.metadata.push(MetadataEntry {
                    series: key,
                    metadata,
                });
            }
        }
        batch
    }

    /// The number of float and histogram samples.
    pub fn sample_count(&self) -> usize {
        let counts = self
            .series
            .iter()
            .map(|series| series.floats.len() + series.histograms.len());
        counts.sum()
    }
}
