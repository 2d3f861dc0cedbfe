//! Points of each kind of metric as samples.

use super::attributes::Candidates;
use super::histogram::{check_bounds, custom, native};
use super::translator::{Common, Family, Point, SAMPLE_BYTES, Translator, is_delta, to_ms};
use super::value::push_hex;
use super::wire::{
    DataKind, ExemplarMessage, ExponentialPoint, HistogramPointMessage, Message, NumberPoint, PointTime,
    SummaryPoint,
};
use super::{OtlpError, TranslatedFloat, TranslatedHistogram, WarningKind};
use crate::histogram::{IntegerHistogram, ResetHint};
use crate::{Exemplar, ExposedNativeHistogram, Labels, STALE_NAN};

/// The names and values of an exemplar may have so many characters together (OpenMetrics 1.0).
const MAX_EXEMPLAR_CHARACTERS: usize = 128;

/// The time of a point that became a sample.
type Placed = Result<Option<i64>, OtlpError>;

impl Translator<'_> {
    pub(super) fn number<'a>(
        &mut self,
        family: Family<'a, '_>,
        message: Message<'a>,
        common: Common<'a, '_>,
    ) -> Placed {
        let number = NumberPoint::read(message)?;
        let value = match (number.value, number.time.is_stale) {
            (_, true) => STALE_NAN,
            (Some(value), false) => value.as_f64(),
            (None, false) => {
                self.reject(family, WarningKind::NoValue);
                return Ok(None);
            }
        };
        let Some(point) = self.place(family, (message, number.time), common)? else {
            return Ok(None);
        };
        let has_exemplars = family.data.kind == DataKind::Sum && family.data.is_monotonic;
        let exemplars = if has_exemplars {
            self.exemplars(family, &point)?
        } else {
            Vec::new()
        };
        let labels = point.labels.series(family.name, None);
        let series = self.series(labels, family.metadata)?;
        series.floats.push(point.float(value));
        series.exemplars.extend(exemplars);
        Ok(Some(point.timestamp_ms))
    }

    pub(super) fn summary<'a>(
        &mut self,
        family: Family<'a, '_>,
        message: Message<'a>,
        common: Common<'a, '_>,
    ) -> Placed {
        let summary = SummaryPoint::read(message)?;
        let Some(point) = self.place(family, (message, summary.time), common)? else {
            return Ok(None);
        };
        self.push_float(family, &point, "_sum", None, summary.sum)?;
        self.push_float(family, &point, "_count", None, summary.count as f64)?;
        for (quantile, value) in summary.quantiles {
            self.push_float(family, &point, "", Some(("quantile", &plain(quantile))), value)?;
        }
        Ok(Some(point.timestamp_ms))
    }

    pub(super) fn exponential_histogram<'a>(
        &mut self,
        family: Family<'a, '_>,
        message: Message<'a>,
        common: Common<'a, '_>,
    ) -> Placed {
        let exponential = ExponentialPoint::read(message)?;
        let native = native(&exponential, reset_hint(family));
        self.native_histogram(family, (message, exponential.time), common, native)
    }

    pub(super) fn histogram<'a>(
        &mut self,
        family: Family<'a, '_>,
        message: Message<'a>,
        common: Common<'a, '_>,
    ) -> Placed {
        let histogram = HistogramPointMessage::read(message)?;
        if self.options.convert_histograms_to_nhcb {
            let native = custom(&histogram, reset_hint(family));
            return self.native_histogram(family, (message, histogram.time), common, native);
        }
        if let Err(problem) = check_bounds(&histogram) {
            self.reject(family, problem);
            return Ok(None);
        }
        let Some(point) = self.place(family, (message, histogram.time), common)? else {
            return Ok(None);
        };
        self.push_classic(family, &point, &histogram)?;
        Ok(Some(point.timestamp_ms))
    }

    fn push_classic(
        &mut self,
        family: Family<'_, '_>,
        point: &Point<'_>,
        histogram: &HistogramPointMessage,
    ) -> Result<(), OtlpError> {
        if let Some(sum) = histogram.sum {
            self.push_float(family, point, "_sum", None, sum)?;
        }
        self.push_float(family, point, "_count", None, histogram.count as f64)?;
        let (not_a_number, mut exemplars): (Vec<_>, Vec<_>) = self
            .exemplars(family, point)?
            .into_iter()
            .partition(|(_, exemplar)| exemplar.value.is_nan());
        // The least value last, where it is taken from.
        exemplars.sort_by(|(_, a), (_, b)| b.value.total_cmp(&a.value));
        let mut cumulative_count = 0u64;
        for (bound, count) in histogram.bounds().zip(&histogram.bucket_counts) {
            cumulative_count = cumulative_count.saturating_add(*count);
            let above = exemplars
                .iter()
                .rposition(|(_, exemplar)| exemplar.value > bound)
                .map_or(0, |position| position + 1);
            let within = exemplars.split_off(above);
            self.push_bucket(family, point, &plain(bound), cumulative_count, within)?;
        }
        exemplars.extend(not_a_number);
        self.push_bucket(family, point, "+Inf", histogram.count, exemplars)
    }

    fn push_bucket(
        &mut self,
        family: Family<'_, '_>,
        point: &Point<'_>,
        bound: &str,
        count: u64,
        exemplars: Vec<(i64, Exemplar)>,
    ) -> Result<(), OtlpError> {
        let labels = point
            .labels
            .series(&format!("{}_bucket", family.name), Some(("le", bound)));
        let series = self.series(labels, family.metadata)?;
        series.floats.push(point.float(count as f64));
        series.exemplars.extend(exemplars);
        Ok(())
    }

    fn push_float(
        &mut self,
        family: Family<'_, '_>,
        point: &Point<'_>,
        suffix: &str,
        label: Option<(&str, &str)>,
        value: f64,
    ) -> Result<(), OtlpError> {
        let labels = point.labels.series(&format!("{}{suffix}", family.name), label);
        let series = self.series(labels, family.metadata)?;
        series.floats.push(point.float(value));
        Ok(())
    }

    fn native_histogram<'a>(
        &mut self,
        family: Family<'a, '_>,
        place: (Message<'a>, PointTime),
        common: Common<'a, '_>,
        histogram: Result<IntegerHistogram, WarningKind>,
    ) -> Placed {
        let histogram = match histogram {
            Ok(histogram) => histogram,
            Err(problem) => {
                self.reject(family, problem);
                return Ok(None);
            }
        };
        let Some(point) = self.place(family, place, common)? else {
            return Ok(None);
        };
        let buckets =
            histogram.positive.len() + histogram.negative.len() + histogram.layout.custom_bounds.len();
        self.charge(SAMPLE_BYTES + 8 * buckets)?;
        let exemplars = self.exemplars(family, &point)?;
        let labels = point.labels.series(family.name, None);
        let series = self.series(labels, family.metadata)?;
        series.histograms.push(TranslatedHistogram {
            timestamp_ms: point.timestamp_ms,
            start_timestamp_ms: point.start_timestamp_ms,
            value: ExposedNativeHistogram::Integer(histogram),
        });
        series.exemplars.extend(exemplars);
        Ok(Some(point.timestamp_ms))
    }

    fn reject(&mut self, family: Family<'_, '_>, problem: WarningKind) {
        self.output.warnings.add(problem, family.metric.name, 1);
    }

    /// The exemplars of a point, each with its time or else the point's.
    fn exemplars(
        &mut self,
        family: Family<'_, '_>,
        point: &Point<'_>,
    ) -> Result<Vec<(i64, Exemplar)>, OtlpError> {
        let mut exemplars = Vec::new();
        for message in family.data.exemplars(point.message) {
            let message = message?;
            let Some(value) = message.value else {
                continue;
            };
            let labels = self.exemplar_labels(family, message)?;
            self.charge(SAMPLE_BYTES + labels.packed().len())?;
            let timestamp_ms = (message.time_ns > 0).then(|| to_ms(message.time_ns));
            let exemplar = Exemplar {
                labels,
                value: value.as_f64(),
                timestamp_ms,
            };
            exemplars.push((timestamp_ms.unwrap_or(point.timestamp_ms), exemplar));
        }
        Ok(exemplars)
    }

    /// The ids of trace and span, and the attributes if there is room for all of them.
    fn exemplar_labels(
        &mut self,
        family: Family<'_, '_>,
        message: ExemplarMessage<'_>,
    ) -> Result<Labels, OtlpError> {
        let warnings = &mut self.output.warnings;
        let mut attributes = Candidates::default();
        attributes.push_attributes(message.attributes(), self.options, family.metric.name, warnings)?;
        let attributes = attributes.resolve().labels();
        let mut ids = Labels::empty().to_builder();
        for (name, id, length) in [
            ("trace_id", message.trace_id, 16),
            ("span_id", message.span_id, 8),
        ] {
            if id.len() == length && id.iter().any(|byte| *byte != 0) {
                let mut text = String::new();
                push_hex(id, &mut text);
                ids.set(name, &text);
            }
        }
        let mut all = attributes.to_builder();
        for (name, value) in ids.iter() {
            all.set(name, value);
        }
        let characters: usize = all
            .iter()
            .map(|(name, value)| name.chars().count() + value.chars().count())
            .sum();
        Ok(if characters > MAX_EXEMPLAR_CHARACTERS {
            ids.finish()
        } else {
            all.finish()
        })
    }
}

impl Point<'_> {
    fn float(&self, value: f64) -> TranslatedFloat {
        TranslatedFloat {
            timestamp_ms: self.timestamp_ms,
            start_timestamp_ms: self.start_timestamp_ms,
            value: if self.is_stale { STALE_NAN } else { value },
        }
    }
}

fn reset_hint(family: Family<'_, '_>) -> ResetHint {
    if is_delta(family.data) {
        ResetHint::Gauge
    } else {
        ResetHint::Unknown
    }
}

/// The number in plain digits, without an exponent: what Prometheus labels buckets and quantiles of OTLP with.
fn plain(value: f64) -> String {
    if value.is_finite() {
        // Adding zero makes negative zero positive.
        return format!("{}", value + 0.0);
    }
    let mut text = String::new();
    crate::format_float(value, &mut text);
    text
}
