//! [`ReceivedSeries`]: one series of a request, as it was received.

use std::ops::Range;

use super::histogram::HistogramMessage;
use crate::protobuf::{LabelsError, ProtobufError, Reader, labels_of_pairs, series_of_pairs};
use crate::{
    Exemplar, ExposedNativeHistogram, HistogramValue, Labels, Metadata, MetricKind, ValidationScheme,
};

/// The most labels that are accepted for one series, those of its exemplars counted apart.
pub const MAX_SERIES_LABELS: usize = 65_535;

/// The most float samples of one series that are accepted at once: more than 32 MB can hold.
pub const MAX_SERIES_SAMPLES: usize = 1 << 22;

/// The most histograms, and the most exemplars, of one series that are accepted at once.
pub const MAX_SERIES_HISTOGRAMS: usize = 65_535;

/// A float sample of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WriteSample {
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// The value.
    pub value: f64,
    /// When it started to count, in milliseconds since the Unix epoch; 0 when not known, as always in version 1.0.
    pub start_timestamp_ms: i64,
}

/// One series of a request. Names and values lie in the request; the lists are reused for the next series.
///
/// Nothing is checked beyond the message being one: labels by [`ReceivedSeries::to_labels`], histograms by
/// [`crate::histogram::IntegerHistogram::validate`] after [`crate::histogram::NativeHistogram::reduce_for_storage`], the
/// order of samples by what stores them. So one bad series need not spoil a request.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct ReceivedSeries<'a> {
    /// Names and values in the order they were sent, which should be ascending by name.
    pub labels: Vec<(&'a str, &'a str)>,
    /// The float samples, which should ascend by time.
    pub samples: Vec<WriteSample>,
    /// What was sent about the metric, in version 2.0 only.
    pub metadata: Option<ReceivedMetadata<'a>>,
    /// Those behind the first `histogram_count` are kept for their memory.
    histograms: Vec<ReceivedHistogram>,
    histogram_count: usize,
    message: HistogramMessage,
    exemplars: Vec<ExemplarRow>,
    exemplar_labels: Vec<(&'a str, &'a str)>,
}

/// What is known about an exemplar once its labels lie in a list.
#[derive(Clone, Debug)]
pub(super) struct ExemplarRow {
    pub(super) labels: Range<usize>,
    pub(super) value: f64,
    pub(super) timestamp_ms: i64,
}

impl<'a> ReceivedSeries<'a> {
    /// The native histograms, which should ascend by time.
    pub fn histograms(&self) -> &[ReceivedHistogram] {
        self.histograms.get(..self.histogram_count).unwrap_or_default()
    }

    /// The exemplars.
    pub fn exemplars(&self) -> impl ExactSizeIterator<Item = ReceivedExemplar<'_, 'a>> {
        self.exemplars.iter().map(|row| ReceivedExemplar {
            labels: self.exemplar_labels.get(row.labels.clone()).unwrap_or_default(),
            value: row.value,
            timestamp_ms: row.timestamp_ms,
        })
    }

    /// Sorts the labels by name, for senders that did not, as they must.
    pub fn sort_labels(&mut self) {
        if !self.labels.is_sorted_by_key(|(name, _)| *name) {
            self.labels.sort_by_key(|(name, _)| *name);
        }
    }

    /// The labels as a set. Those without a value are left out, as everywhere.
    ///
    /// # Errors
    ///
    /// [`LabelsError`] when they are not sorted, not unique, too long, or not named as `scheme` demands, or when the
    /// metric has no name.
    pub fn to_labels(&self, scheme: ValidationScheme) -> Result<Labels, LabelsError> {
        series_of_pairs(&self.labels, scheme)
    }

    pub(crate) fn clear(&mut self) {
        self.labels.clear();
        self.samples.clear();
        self.metadata = None;
        self.histogram_count = 0;
        self.exemplars.clear();
        self.exemplar_labels.clear();
    }

    pub(super) fn push_sample(
        &mut self,
        sample: WriteSample,
        reader: &Reader<'_>,
        field: &'static str,
    ) -> Result<(), ProtobufError> {
        reader.check_length(self.samples.len(), MAX_SERIES_SAMPLES, field)?;
        self.samples.push(sample);
        Ok(())
    }

    pub(super) fn decode_histogram(&mut self, reader: &mut Reader<'a>) -> Result<(), ProtobufError> {
        const FIELD: &str = "timeseries.histograms";
        reader.check_length(self.histogram_count, MAX_SERIES_HISTOGRAMS, FIELD)?;
        self.message.decode(reader.message(FIELD)?)?;
        if self.histogram_count == self.histograms.len() {
            self.histograms.push(ReceivedHistogram::default());
        }
        if let Some(slot) = self.histograms.get_mut(self.histogram_count) {
            self.message.store(slot);
            self.histogram_count += 1;
        }
        Ok(())
    }

    /// Adds an exemplar, of which `decode` gives value and time, and puts its labels into the list.
    pub(super) fn decode_exemplar(
        &mut self,
        reader: &mut Reader<'a>,
        decode: impl FnOnce(Reader<'a>, &mut Vec<(&'a str, &'a str)>) -> Result<(f64, i64), ProtobufError>,
    ) -> Result<(), ProtobufError> {
        const FIELD: &str = "timeseries.exemplars";
        reader.check_length(self.exemplars.len(), MAX_SERIES_HISTOGRAMS, FIELD)?;
        let start = self.exemplar_labels.len();
        let (value, timestamp_ms) = decode(reader.message(FIELD)?, &mut self.exemplar_labels)?;
        self.exemplars.push(ExemplarRow {
            labels: start..self.exemplar_labels.len(),
            value,
            timestamp_ms,
        });
        Ok(())
    }

    /// States when all samples and histograms started to count that do not say so themselves.
    pub(super) fn set_starts(&mut self, start_timestamp_ms: i64) {
        let used = self
            .histograms
            .get_mut(..self.histogram_count)
            .unwrap_or_default();
        let histograms = used.iter_mut().map(|histogram| &mut histogram.start_timestamp_ms);
        let samples = self
            .samples
            .iter_mut()
            .map(|sample| &mut sample.start_timestamp_ms);
        for start in samples.chain(histograms).filter(|start| **start == 0) {
            *start = start_timestamp_ms;
        }
    }
}

/// A native histogram of a request.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ReceivedHistogram {
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// When it started to count, in milliseconds since the Unix epoch; 0 when not known.
    pub start_timestamp_ms: i64,
    /// The histogram, which may be of a schema up to [`crate::histogram::MAX_RECEIVED_SCHEMA`], and need not be valid.
    pub value: ExposedNativeHistogram,
}

impl ReceivedHistogram {
    /// The histogram as what is appended to a [`crate::SampleSink`].
    pub fn as_value(&self) -> HistogramValue<'_> {
        match &self.value {
            ExposedNativeHistogram::Integer(histogram) => HistogramValue::Integer(histogram),
            ExposedNativeHistogram::Float(histogram) => HistogramValue::Float(histogram),
        }
    }
}

/// An exemplar of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct ReceivedExemplar<'s, 'a> {
    /// Names and values in the order they were sent.
    pub labels: &'s [(&'a str, &'a str)],
    /// The observed value.
    pub value: f64,
    /// Milliseconds since the Unix epoch; 0 when not known.
    pub timestamp_ms: i64,
}

impl ReceivedExemplar<'_, '_> {
    /// The exemplar with its labels as a set, sorted if they were not.
    ///
    /// # Errors
    ///
    /// [`LabelsError`] when names are empty or not unique.
    pub fn to_exemplar(&self) -> Result<Exemplar, LabelsError> {
        let mut labels = self.labels.to_vec();
        labels.sort_by_key(|(name, _)| *name);
        Ok(Exemplar {
            labels: labels_of_pairs(&labels, ValidationScheme::Utf8)?,
            value: self.value,
            timestamp_ms: (self.timestamp_ms != 0).then_some(self.timestamp_ms),
        })
    }
}

/// What was sent about a metric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceivedMetadata<'a> {
    /// The type.
    pub kind: MetricKind,
    /// The unit; empty when not stated.
    pub unit: &'a str,
    /// For people; empty when not stated.
    pub help: &'a str,
}

impl ReceivedMetadata<'_> {
    /// The same with texts of its own.
    pub fn to_metadata(&self) -> Metadata {
        Metadata {
            kind: self.kind,
            unit: self.unit.to_owned(),
            help: self.help.to_owned(),
        }
    }

    /// Whether nothing is stated.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The type that a message states by this number; unknown ones mean nothing.
pub(super) fn kind_of_number(number: i32) -> MetricKind {
    match number {
        1 => MetricKind::Counter,
        2 => MetricKind::Gauge,
        3 => MetricKind::Histogram,
        4 => MetricKind::GaugeHistogram,
        5 => MetricKind::Summary,
        6 => MetricKind::Info,
        7 => MetricKind::StateSet,
        _ => MetricKind::Untyped,
    }
}

/// The inverse of [`kind_of_number`].
pub(super) fn number_of_kind(kind: MetricKind) -> u64 {
    match kind {
        MetricKind::Untyped => 0,
        MetricKind::Counter => 1,
        MetricKind::Gauge => 2,
        MetricKind::Histogram => 3,
        MetricKind::GaugeHistogram => 4,
        MetricKind::Summary => 5,
        MetricKind::Info => 6,
        MetricKind::StateSet => 7,
    }
}
