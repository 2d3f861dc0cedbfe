//! Native histograms with custom buckets made of the classic ones that a script loads.

use std::collections::BTreeMap;

use moheng_metrics::histogram::ClassicHistogram;
use moheng_metrics::{ExposedNativeHistogram, Labels, METRIC_NAME, parse_float};

use super::points::Point;
use super::script::{LoadSample, LoadSeries};

/// The histograms that the series `_bucket`, `_count` and `_sum` describe, one series for each.
pub(super) fn histograms_of_classic(series: &[LoadSeries]) -> Vec<LoadSeries> {
    let mut found: BTreeMap<Labels, BTreeMap<i64, ClassicHistogram>> = BTreeMap::new();
    for loaded in series {
        let Some((labels, part)) = Part::of(&loaded.labels) else {
            continue;
        };
        let times = found.entry(labels).or_default();
        for sample in &loaded.samples {
            if let Point::Float(value) = sample.value {
                part.set(times.entry(sample.timestamp_ms).or_default(), value);
            }
        }
    }
    let series = found.into_iter().map(|(labels, times)| LoadSeries {
        labels,
        samples: times
            .into_iter()
            .filter_map(|(timestamp_ms, classic)| histogram_sample(timestamp_ms, &classic))
            .collect(),
    });
    series.filter(|series| !series.samples.is_empty()).collect()
}

/// What a series tells of a classic histogram.
enum Part {
    Bucket(f64),
    Count,
    Sum,
}

impl Part {
    /// The labels of the histogram, and what the series with these labels tells of it.
    fn of(labels: &Labels) -> Option<(Labels, Self)> {
        let name = labels.metric_name();
        let (base, part) = if let Some(base) = name.strip_suffix("_bucket") {
            let bound = parse_float(labels.get("le")?).filter(|bound| !bound.is_nan())?;
            (base, Self::Bucket(bound))
        } else if let Some(base) = name.strip_suffix("_count") {
            (base, Self::Count)
        } else {
            (name.strip_suffix("_sum")?, Self::Sum)
        };
        let builder = labels.to_builder().with(METRIC_NAME, base).without("le");
        Some((builder.finish(), part))
    }

    fn set(&self, classic: &mut ClassicHistogram, value: f64) {
        // What cannot be true is left out.
        let _ = match self {
            Self::Bucket(bound) => classic.set_bucket(*bound, value),
            Self::Count => classic.set_count(value),
            Self::Sum => {
                classic.set_sum(value);
                Ok(())
            }
        };
    }
}

fn histogram_sample(timestamp_ms: i64, classic: &ClassicHistogram) -> Option<LoadSample> {
    if classic.is_empty() {
        return None;
    }
    let mut histogram = match classic.to_native().ok()? {
        ExposedNativeHistogram::Integer(histogram) => histogram.to_float(),
        ExposedNativeHistogram::Float(histogram) => histogram,
    };
    histogram.compact(0);
    Some(LoadSample {
        timestamp_ms,
        start_timestamp_ms: 0,
        value: Point::Histogram(Box::new(histogram)),
    })
}
