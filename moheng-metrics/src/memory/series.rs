//! One series of a [`super::MemorySource`]: samples of all kinds, exemplars, metadata.

use crate::histogram::{FloatHistogram, IntegerHistogram, ResetHint};
use crate::{Exemplar, HistogramValue, HistogramView, Labels, Metadata, SampleBuffer, SampleError};

/// As in OpenMetrics 1.0 and Prometheus.
const MAX_EXEMPLAR_CHARACTERS: usize = 128;

#[derive(Debug)]
pub(super) struct MemorySeries {
    pub(super) labels: Labels,
    /// Ascending by time.
    pub(super) samples: Vec<MemorySample>,
    /// Ascending by time, all with a timestamp.
    pub(super) exemplars: Vec<Exemplar>,
    pub(super) metadata: Option<Metadata>,
    /// Ranges of time in which samples are not read, both ends inclusive.
    deleted: Vec<(i64, i64)>,
}

#[derive(Clone, Debug)]
pub(super) struct MemorySample {
    pub(super) timestamp_ms: i64,
    pub(super) start_timestamp_ms: i64,
    pub(super) value: MemoryValue,
}

#[derive(Clone, Debug)]
pub(super) enum MemoryValue {
    Float(f64),
    Integer(Box<IntegerHistogram>),
    Fractional(Box<FloatHistogram>),
}

impl MemorySeries {
    pub(super) fn new(labels: Labels) -> Self {
        Self {
            labels,
            samples: Vec::new(),
            exemplars: Vec::new(),
            metadata: None,
            deleted: Vec::new(),
        }
    }

    /// The samples that are not deleted.
    pub(super) fn visible(&self) -> impl Iterator<Item = &MemorySample> {
        let is_deleted = |sample: &&MemorySample| {
            let mut ranges = self.deleted.iter();
            ranges.any(|&(start_ms, end_ms)| (start_ms..=end_ms).contains(&sample.timestamp_ms))
        };
        self.samples.iter().filter(move |sample| !is_deleted(sample))
    }

    /// Deletes a range of time, as far as there are samples now.
    pub(super) fn delete(&mut self, start_ms: i64, end_ms: i64) {
        let (Some(first), Some(last)) = (self.samples.first(), self.samples.last()) else {
            return;
        };
        let range = (start_ms.max(first.timestamp_ms), end_ms.min(last.timestamp_ms));
        if range.0 <= range.1 {
            self.deleted.push(range);
        }
    }

    /// Adds a sample, which must be later than the last one or the same.
    pub(super) fn append(&mut self, mut sample: MemorySample) -> Result<(), SampleError> {
        let last = self.samples.last();
        match last {
            Some(last) if sample.timestamp_ms < last.timestamp_ms => return Err(SampleError::OutOfOrder),
            Some(last) if sample.timestamp_ms == last.timestamp_ms => {
                let is_same = sample.value.is_same(&last.value);
                return if is_same {
                    Ok(())
                } else {
                    Err(SampleError::DuplicateTimestamp)
                };
            }
            _ => {}
        }
        sample.value.set_reset_hint(last.map(|last| &last.value));
        self.samples.push(sample);
        Ok(())
    }

    pub(super) fn append_exemplar(
        &mut self,
        timestamp_ms: i64,
        exemplar: &Exemplar,
    ) -> Result<(), SampleError> {
        let characters = exemplar
            .labels
            .iter()
            .map(|(name, value)| name.chars().count() + value.chars().count());
        if characters.sum::<usize>() > MAX_EXEMPLAR_CHARACTERS {
            return Err(SampleError::InvalidExemplar);
        }
        let exemplar = Exemplar {
            timestamp_ms: Some(timestamp_ms),
            ..exemplar.clone()
        };
        if let Some(last) = self.exemplars.last() {
            if exemplar.labels == last.labels
                && exemplar.value.to_bits() == last.value.to_bits()
                && exemplar.timestamp_ms == last.timestamp_ms
            {
                return Ok(());
            }
            if exemplar.timestamp_ms < last.timestamp_ms
                || (exemplar.timestamp_ms == last.timestamp_ms && exemplar.value < last.value)
            {
                return Err(SampleError::OutOfOrder);
            }
        }
        self.exemplars.push(exemplar);
        Ok(())
    }
}

impl MemorySample {
    pub(super) fn push_to(&self, buffer: &mut SampleBuffer) {
        let floats;
        let (histogram, is_integer) = match &self.value {
            MemoryValue::Float(value) => {
                buffer.floats.push(self.timestamp_ms, *value);
                if self.start_timestamp_ms != 0 {
                    buffer.floats.set_start_timestamp_ms(self.start_timestamp_ms);
                }
                return;
            }
            MemoryValue::Integer(histogram) => {
                floats = histogram.to_float();
                (&floats, true)
            }
            MemoryValue::Fractional(histogram) => (&**histogram, false),
        };
        let view = HistogramView {
            is_integer,
            ..histogram.view()
        };
        buffer.histograms.push(self.timestamp_ms, view);
        if self.start_timestamp_ms != 0 {
            buffer.histograms.set_start_timestamp_ms(self.start_timestamp_ms);
        }
    }
}

impl MemoryValue {
    /// The histogram as it is stored: with a schema that is stored, and valid.
    pub(super) fn of_histogram(histogram: HistogramValue<'_>) -> Result<Self, SampleError> {
        let (value, validity) = match histogram {
            HistogramValue::Integer(histogram) => {
                let mut histogram = histogram.clone();
                let validity = histogram.reduce_for_storage().and_then(|()| histogram.validate());
                (Self::Integer(Box::new(histogram)), validity)
            }
            HistogramValue::Float(histogram) => {
                let mut histogram = histogram.clone();
                let validity = histogram.reduce_for_storage().and_then(|()| histogram.validate());
                (Self::Fractional(Box::new(histogram)), validity)
            }
        };
        match validity {
            Ok(()) => Ok(value),
            Err(_) => Err(SampleError::InvalidHistogram),
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float(one), Self::Float(two)) => one.to_bits() == two.to_bits(),
            (Self::Integer(one), Self::Integer(two)) => one.is_same_sample(two),
            (Self::Fractional(one), Self::Fractional(two)) => one.is_same_sample(two),
            _ => false,
        }
    }

    /// States what is known about a reset after `last`, as Prometheus does: gauges stay gauges, and of counters it is known
    /// at most that there was none.
    fn set_reset_hint(&mut self, last: Option<&Self>) {
        let hint = match (&*self, last) {
            (Self::Integer(now), Some(Self::Integer(last))) => hint_after(&last.to_float(), &now.to_float()),
            (Self::Fractional(now), Some(Self::Fractional(last))) => hint_after(last, now),
            (Self::Integer(now), _) => hint_of_first(now.reset_hint),
            (Self::Fractional(now), _) => hint_of_first(now.reset_hint),
            (Self::Float(_), _) => return,
        };
        match self {
            Self::Float(_) => {}
            Self::Integer(histogram) => histogram.reset_hint = hint,
            Self::Fractional(histogram) => histogram.reset_hint = hint,
        }
    }
}

fn hint_of_first(hint: ResetHint) -> ResetHint {
    if hint == ResetHint::Gauge {
        ResetHint::Gauge
    } else {
        ResetHint::Unknown
    }
}

fn hint_after(last: &FloatHistogram, now: &FloatHistogram) -> ResetHint {
    // That there was none is seen, not believed.
    let seen = HistogramView {
        reset_hint: match now.reset_hint {
            ResetHint::NotReset => ResetHint::Unknown,
            hint => hint,
        },
        ..now.view()
    };
    let is_counter = last.reset_hint != ResetHint::Gauge && now.reset_hint != ResetHint::Gauge;
    let is_alive = !last.is_stale() && !now.is_stale();
    if is_counter && is_alive && !seen.is_reset_since(&last.view()) {
        ResetHint::NotReset
    } else {
        hint_of_first(now.reset_hint)
    }
}
