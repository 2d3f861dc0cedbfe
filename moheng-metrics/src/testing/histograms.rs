//! Native histograms for property tests: [`random_histogram`] and [`HistogramSeries`].

use std::sync::Arc;

use super::Random;
use crate::histogram::{
    BucketSpan, FloatHistogram, HistogramLayout, IntegerHistogram, MAX_SCHEMA, MIN_SCHEMA, ResetHint,
    bucket_bound,
};

/// Any valid histogram that counts in whole numbers: of any schema or with custom buckets, with empty buckets, needless
/// spans, all reset hints and sums that are not numbers.
///
/// ```
/// use moheng_metrics::testing::{Random, random_histogram};
///
/// let mut random = Random::new(1);
/// assert_eq!(random_histogram(&mut random).validate(), Ok(()));
/// ```
pub fn random_histogram(random: &mut Random) -> IntegerHistogram {
    let layout = random_layout(random);
    let positive = random_counts(random, layout.positive_bucket_count());
    let negative = random_counts(random, layout.negative_bucket_count());
    let zero_count = if layout.is_custom() { 0 } else { random.below(5) };
    let buckets: u64 = positive.iter().chain(&negative).sum::<u64>() + zero_count;
    let sum = match random.below(20) {
        0 => f64::NAN,
        1 => f64::INFINITY,
        _ => random.below(2_000_000) as f64 / 7.0 - 10_000.0,
    };
    let hints = [
        ResetHint::Unknown,
        ResetHint::Reset,
        ResetHint::NotReset,
        ResetHint::Gauge,
    ];
    IntegerHistogram {
        layout: Arc::new(layout),
        reset_hint: random.choose(&hints).copied().unwrap_or_default(),
        count: buckets + if sum.is_nan() { random.below(3) } else { 0 },
        sum,
        zero_count,
        positive,
        negative,
    }
}

/// Any valid histogram with fractional counts, as [`random_histogram`].
pub fn random_float_histogram(random: &mut Random) -> FloatHistogram {
    let mut histogram = random_histogram(random).to_float();
    if random.below(2) == 0 {
        histogram.scale((1 + random.below(1000)) as f64 / 64.0);
    }
    histogram
}

/// The samples of one histogram series as a program would expose it: counters that grow, gain buckets and sometimes start
/// again, or a gauge.
///
/// ```
/// use moheng_metrics::testing::HistogramSeries;
///
/// let mut series = HistogramSeries::counter(1);
/// let (first, second) = (series.next_sample(), series.next_sample());
/// assert!(first.count <= second.count);
/// ```
#[derive(Clone, Debug)]
pub struct HistogramSeries {
    random: Random,
    schema: i8,
    /// Observations by bucket index: negative, positive.
    buckets: [std::collections::BTreeMap<i32, u64>; 2],
    zero_count: u64,
    sum: f64,
    is_gauge: bool,
    /// One sample in this many starts the counter again; never when 0.
    reset_every: u64,
    last_was_reset: bool,
    layout: Arc<HistogramLayout>,
}

impl HistogramSeries {
    const ZERO_THRESHOLD: f64 = 1e-128;

    /// A counter that never starts again.
    pub fn counter(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let schema = random.below(9) as i8;
        Self {
            random,
            schema,
            buckets: Default::default(),
            zero_count: 0,
            sum: 0.0,
            is_gauge: false,
            reset_every: 0,
            last_was_reset: false,
            layout: Arc::default(),
        }
    }

    /// A counter of which about one sample in `reset_every` starts again.
    pub fn counter_with_resets(seed: u64, reset_every: u64) -> Self {
        Self {
            reset_every,
            ..Self::counter(seed)
        }
    }

    /// A gauge, whose buckets come and go.
    pub fn gauge(seed: u64) -> Self {
        Self {
            is_gauge: true,
            ..Self::counter(seed)
        }
    }

    /// The next sample. While no bucket is new, samples share their layout.
    pub fn next_sample(&mut self) -> IntegerHistogram {
        let count_before = self.count();
        self.last_was_reset =
            self.reset_every > 0 && count_before > 0 && self.random.below(self.reset_every) == 0;
        if self.last_was_reset || self.is_gauge {
            self.buckets = Default::default();
            (self.zero_count, self.sum) = (0, 0.0);
        }
        let observations = self.random.below(20) + u64::from(self.is_gauge);
        for _ in 0..observations {
            self.observe();
        }
        // One that grew past what it was before is no visible reset.
        self.last_was_reset &= self.count() < count_before;
        self.sample()
    }

    /// Whether the sample handed out last has less observations than the one before because the counter started again.
    pub fn last_was_reset(&self) -> bool {
        self.last_was_reset
    }

    fn count(&self) -> u64 {
        self.buckets.iter().flat_map(|side| side.values()).sum::<u64>() + self.zero_count
    }

    fn observe(&mut self) {
        let random = &mut self.random;
        if random.below(20) == 0 {
            self.zero_count += 1;
            return;
        }
        // Most observations crowd around one value, as latencies do.
        let width = 1 << self.schema;
        let spread: i32 = (0..3).map(|_| random.below(3 * width) as i32).sum();
        let side = usize::from(random.below(10) > 0);
        let value = bucket_bound(spread, self.schema);
        self.sum += if side == 0 { -value } else { value };
        if let Some(side) = self.buckets.get_mut(side) {
            *side.entry(spread).or_default() += 1;
        }
    }

    fn sample(&mut self) -> IntegerHistogram {
        let [negative, positive] = &self.buckets;
        let layout = HistogramLayout {
            positive: spans_of(positive.keys().copied()),
            negative: spans_of(negative.keys().copied()),
            ..HistogramLayout::exponential(self.schema, Self::ZERO_THRESHOLD)
        };
        if *self.layout != layout {
            self.layout = Arc::new(layout);
        }
        IntegerHistogram {
            layout: Arc::clone(&self.layout),
            reset_hint: if self.is_gauge {
                ResetHint::Gauge
            } else {
                ResetHint::Unknown
            },
            count: self.count(),
            sum: self.sum,
            zero_count: self.zero_count,
            positive: positive.values().copied().collect(),
            negative: negative.values().copied().collect(),
        }
    }
}

fn random_layout(random: &mut Random) -> HistogramLayout {
    if random.below(4) == 0 {
        let mut bound = -10.0;
        let bounds: Vec<f64> = (0..random.below(12))
            .map(|_| {
                bound += (1 + random.below(8)) as f64 / 2.0;
                bound
            })
            .collect();
        let mut positive = random_spans(random, 0);
        let mut room = bounds.len() as i64 + 1;
        positive.retain(|span| {
            room -= i64::from(span.offset) + i64::from(span.length);
            room >= 0
        });
        return HistogramLayout {
            positive,
            ..HistogramLayout::custom(bounds)
        };
    }
    let schemas = i64::from(MAX_SCHEMA - MIN_SCHEMA + 1) as u64;
    let schema = MIN_SCHEMA + random.below(schemas) as i8;
    let lowest = random.below(40) as i32 - 20;
    let thresholds = [0.0, 1e-128, 0.001, 0.5, 1.0, 3.0];
    HistogramLayout {
        positive: random_spans(random, lowest),
        negative: random_spans(random, lowest),
        ..HistogramLayout::exponential(schema, random.choose(&thresholds).copied().unwrap_or_default())
    }
}

fn random_spans(random: &mut Random, lowest: i32) -> Vec<BucketSpan> {
    let length = random.below(5);
    let span = |number: u64| BucketSpan {
        offset: random.below(4) as i32 + if number == 0 { lowest } else { 0 },
        length: random.below(5) as u32,
    };
    (0..length).map(span).collect()
}

fn random_counts(random: &mut Random, length: usize) -> Vec<u64> {
    (0..length).map(|_| random.below(4) * random.below(100)).collect()
}

fn spans_of(indexes: impl Iterator<Item = i32>) -> Vec<BucketSpan> {
    let mut spans: Vec<BucketSpan> = Vec::new();
    let mut end = 0;
    for index in indexes {
        match spans.last_mut() {
            Some(span) if index == end => span.length += 1,
            _ => spans.push(BucketSpan {
                offset: index - end,
                length: 1,
            }),
        }
        end = index + 1;
    }
    spans
}
