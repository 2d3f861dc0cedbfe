//! Series in a plain form: generated, written by prost and by us, and collected from what was decoded.

#![expect(clippy::expect_used, reason = "a helper of tests fails by panicking")]

use std::collections::BTreeMap;

use moheng_metrics::histogram::{BucketSpan, HistogramLayout, NativeHistogram, ResetHint, deltas_of_counts};
use moheng_metrics::remote_write::{OutgoingHistogram, ReceivedHistogram, ReceivedSeries, WriteSample};
use moheng_metrics::{
    Exemplar, ExposedNativeHistogram, HistogramValue, Labels, Metadata, MetricKind, ValidationScheme,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use crate::messages::common;

pub(crate) const KINDS: [MetricKind; 8] = [
    MetricKind::Untyped,
    MetricKind::Counter,
    MetricKind::Gauge,
    MetricKind::Histogram,
    MetricKind::GaugeHistogram,
    MetricKind::Summary,
    MetricKind::Info,
    MetricKind::StateSet,
];

const HINTS: [ResetHint; 4] = [
    ResetHint::Unknown,
    ResetHint::Reset,
    ResetHint::NotReset,
    ResetHint::Gauge,
];

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series {
    pub(crate) labels: Labels,
    pub(crate) samples: Vec<WriteSample>,
    pub(crate) histograms: Vec<Histogram>,
    pub(crate) exemplars: Vec<Exemplar>,
    pub(crate) metadata: Option<Metadata>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Histogram {
    pub(crate) timestamp_ms: i64,
    pub(crate) start_timestamp_ms: i64,
    pub(crate) value: ExposedNativeHistogram,
}

impl Series {
    /// What a decoder hands out, in the plain form.
    pub(crate) fn of(received: &ReceivedSeries<'_>) -> Self {
        let exemplars = received.exemplars();
        Self {
            labels: received.to_labels(ValidationScheme::Utf8).expect("sorted labels"),
            samples: received.samples.clone(),
            histograms: received.histograms().iter().map(Histogram::of).collect(),
            exemplars: exemplars
                .map(|exemplar| exemplar.to_exemplar().expect("labels"))
                .collect(),
            metadata: received.metadata.map(|metadata| metadata.to_metadata()),
        }
    }

    /// What version 1.0 can carry of it.
    pub(crate) fn without_starts(mut self) -> Self {
        self.metadata = None;
        self.samples
            .iter_mut()
            .for_each(|sample| sample.start_timestamp_ms = 0);
        self.histograms
            .iter_mut()
            .for_each(|histogram| histogram.start_timestamp_ms = 0);
        self
    }

    pub(crate) fn outgoing_histograms(&self) -> Vec<OutgoingHistogram<'_>> {
        self.histograms.iter().map(outgoing).collect()
    }
}

fn outgoing(histogram: &Histogram) -> OutgoingHistogram<'_> {
    OutgoingHistogram {
        timestamp_ms: histogram.timestamp_ms,
        start_timestamp_ms: histogram.start_timestamp_ms,
        value: match &histogram.value {
            ExposedNativeHistogram::Integer(histogram) => HistogramValue::Integer(histogram),
            ExposedNativeHistogram::Float(histogram) => HistogramValue::Float(histogram),
        },
    }
}

impl Histogram {
    fn of(received: &ReceivedHistogram) -> Self {
        Self {
            timestamp_ms: received.timestamp_ms,
            start_timestamp_ms: received.start_timestamp_ms,
            value: received.value.clone(),
        }
    }

    pub(crate) fn to_message(&self) -> common::Histogram {
        let mut message = match &self.value {
            ExposedNativeHistogram::Integer(histogram) => common::Histogram {
                count: Some(common::Count::Int(histogram.count)),
                zero_count: Some(common::ZeroCount::Int(histogram.zero_count)),
                positive_deltas: deltas_of_counts(&histogram.positive).collect(),
                negative_deltas: deltas_of_counts(&histogram.negative).collect(),
                ..common_message(histogram)
            },
            ExposedNativeHistogram::Float(histogram) => common::Histogram {
                count: Some(common::Count::Float(histogram.count)),
                zero_count: Some(common::ZeroCount::Float(histogram.zero_count)),
                positive_counts: histogram.positive.clone(),
                negative_counts: histogram.negative.clone(),
                ..common_message(histogram)
            },
        };
        message.timestamp = self.timestamp_ms;
        message.start_timestamp = self.start_timestamp_ms;
        message
    }
}

fn common_message<Count>(histogram: &NativeHistogram<Count>) -> common::Histogram {
    let spans = |spans: &[BucketSpan]| {
        let span = |span: &BucketSpan| common::Span {
            offset: span.offset,
            length: span.length,
        };
        spans.iter().map(span).collect()
    };
    common::Histogram {
        sum: histogram.sum,
        schema: i32::from(histogram.layout.schema),
        zero_threshold: histogram.layout.zero_threshold,
        negative_spans: spans(&histogram.layout.negative),
        positive_spans: spans(&histogram.layout.positive),
        reset_hint: HINTS
            .iter()
            .position(|hint| *hint == histogram.reset_hint)
            .expect("a hint") as i32,
        custom_values: histogram.layout.custom_bounds.clone(),
        ..common::Histogram::default()
    }
}

pub(crate) fn labels_message(labels: &Labels) -> Vec<common::Label> {
    let label = |(name, value): (&str, &str)| common::Label {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    labels.iter().map(label).collect()
}

pub(crate) fn series() -> impl Strategy<Value = Series> {
    let exemplar = (labels(0), number(), time()).prop_map(|(labels, value, timestamp_ms)| Exemplar {
        labels,
        value,
        timestamp_ms: (timestamp_ms != 0).then_some(timestamp_ms),
    });
    let sample =
        (time(), number(), time()).prop_map(|(timestamp_ms, value, start_timestamp_ms)| WriteSample {
            timestamp_ms,
            value,
            start_timestamp_ms,
        });
    let histogram =
        (time(), time(), native()).prop_map(|(timestamp_ms, start_timestamp_ms, value)| Histogram {
            timestamp_ms,
            start_timestamp_ms,
            value,
        });
    (
        labels(1),
        vec(sample, 0..3),
        vec(histogram, 0..3),
        vec(exemplar, 0..3),
        proptest::option::of(metadata()),
    )
        .prop_map(|(labels, samples, histograms, exemplars, metadata)| Series {
            labels,
            samples,
            histograms,
            exemplars,
            metadata,
        })
}

pub(crate) fn metadata() -> impl Strategy<Value = Metadata> {
    (proptest::sample::select(KINDS.to_vec()), text(), text()).prop_map(|(kind, unit, help)| Metadata {
        kind,
        unit,
        help,
    })
}

pub(crate) fn native() -> impl Strategy<Value = ExposedNativeHistogram> {
    prop_oneof![
        histogram(any::<u64>()).prop_map(ExposedNativeHistogram::Integer),
        histogram(number()).prop_map(ExposedNativeHistogram::Float),
    ]
}

fn histogram<Count: Default + Clone + std::fmt::Debug>(
    count: impl Strategy<Value = Count> + Clone,
) -> impl Strategy<Value = NativeHistogram<Count>> {
    let layout = (any::<i8>(), number(), spans(), spans(), vec(number(), 0..3));
    let counts = (
        count.clone(),
        count.clone(),
        vec(count.clone(), 0..4),
        vec(count, 0..4),
    );
    let hint = proptest::sample::select(HINTS.to_vec());
    (layout, counts, number(), hint).prop_map(|(layout, counts, sum, reset_hint)| {
        let (schema, zero_threshold, positive, negative, custom_bounds) = layout;
        let layout = HistogramLayout {
            schema,
            zero_threshold,
            positive,
            negative,
            custom_bounds,
        };
        NativeHistogram {
            sum,
            reset_hint,
            count: counts.0,
            zero_count: counts.1,
            positive: counts.2,
            negative: counts.3,
            ..NativeHistogram::empty(layout)
        }
    })
}

pub(crate) fn spans() -> impl Strategy<Value = Vec<BucketSpan>> {
    let span = (any::<i32>(), any::<u32>()).prop_map(|(offset, length)| BucketSpan { offset, length });
    vec(span, 0..3)
}

pub(crate) fn labels(min: usize) -> impl Strategy<Value = Labels> {
    let value = prop_oneof![text(), "[a-z]{120,140}"];
    btree_map("[a-z\u{e9}]{1,3}", value, 0..4).prop_map(move |pairs| {
        let mut pairs: BTreeMap<_, _> = pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        if min > 0 {
            pairs.insert("__name__".to_owned(), "metric".to_owned());
        }
        Labels::from_pairs(pairs)
    })
}

pub(crate) fn text() -> impl Strategy<Value = String> {
    "[a-c\u{e9}\u{1f60a}]{0,4}"
}

/// Any number that equals itself and is not a negative zero, which prost takes for a zero.
pub(crate) fn number() -> impl Strategy<Value = f64> + Clone {
    prop_oneof![
        Just(0.0),
        Just(1.0),
        proptest::num::f64::NORMAL | proptest::num::f64::INFINITE
    ]
}

pub(crate) fn time() -> impl Strategy<Value = i64> + Clone {
    prop_oneof![Just(0), Just(1_790_000_000_000), any::<i64>()]
}

/// Valid bytes with a few of them changed, and perhaps cut.
pub(crate) fn damaged(
    bytes: &[u8],
    changes: &[(prop::sample::Index, u8)],
    cut: prop::sample::Index,
) -> Vec<u8> {
    let mut damaged = bytes.to_vec();
    for (index, byte) in changes.iter().filter(|_| !bytes.is_empty()) {
        damaged[index.index(bytes.len())] = *byte;
    }
    damaged.truncate(bytes.len() - cut.index(bytes.len() + 1) / 4);
    damaged
}

/// What [`damaged`] takes.
pub(crate) fn damage() -> impl Strategy<Value = (Vec<(prop::sample::Index, u8)>, prop::sample::Index)> {
    (
        vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        any::<prop::sample::Index>(),
    )
}
