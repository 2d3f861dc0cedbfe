//! What the server counts about itself: requests and queries.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moheng_metrics::{Bucket, HistogramMetric, Labels, MetricFamily, MetricKind};

const DURATION_BOUNDS_SECONDS: &[f64] = &[0.1, 0.2, 0.4, 1.0, 3.0, 8.0, 20.0, 60.0, 120.0];
const SIZE_BOUNDS_BYTES: &[f64] = &[100.0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const QUERY_BOUNDS_SECONDS: &[f64] = &[0.01, 0.1, 1.0, 10.0, 120.0];

/// Requests, by handler.
#[derive(Debug, Default)]
pub(crate) struct HttpStatistics {
    handlers: Mutex<BTreeMap<String, HandlerStatistics>>,
}

#[derive(Debug)]
struct HandlerStatistics {
    requests_by_code: BTreeMap<u16, u64>,
    duration_seconds: Histogram,
    size_bytes: Histogram,
}

impl HttpStatistics {
    pub(crate) fn count_request(&self, handler: &str, code: u16, duration: Duration) {
        let mut handlers = self.lock();
        let handler = handler_entry(&mut handlers, handler);
        *handler.requests_by_code.entry(code).or_default() += 1;
        handler.duration_seconds.observe(duration.as_secs_f64());
    }

    pub(crate) fn count_body(&self, handler: &str, size_bytes: u64) {
        handler_entry(&mut self.lock(), handler)
            .size_bytes
            .observe(size_bytes as f64);
    }

    pub(crate) fn families(&self) -> Vec<MetricFamily> {
        let mut requests = MetricFamily::new(
            "prometheus_http_requests_total",
            MetricKind::Counter,
            "Requests by handler and status code.",
        );
        let mut durations = MetricFamily::new(
            "prometheus_http_request_duration_seconds",
            MetricKind::Histogram,
            "Time until the response started.",
        );
        let mut sizes = MetricFamily::new(
            "prometheus_http_response_size_bytes",
            MetricKind::Histogram,
            "Size of response bodies.",
        );
        for (handler, statistics) in self.lock().iter() {
            for (code, count) in &statistics.requests_by_code {
                let code = code.to_string();
                requests.push([("handler", handler), ("code", &code)], *count as f64);
            }
            let labels = [("handler", handler.as_str())];
            statistics.duration_seconds.write(&labels, &mut durations);
            statistics.size_bytes.write(&labels, &mut sizes);
        }
        vec![requests, durations, sizes]
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, HandlerStatistics>> {
        // Counters stay right whatever happened to the thread that held them.
        self.handlers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn handler_entry<'a>(
    handlers: &'a mut BTreeMap<String, HandlerStatistics>,
    handler: &str,
) -> &'a mut HandlerStatistics {
    handlers
        .entry(handler.to_owned())
        .or_insert_with(|| HandlerStatistics {
            requests_by_code: BTreeMap::new(),
            duration_seconds: Histogram::new(DURATION_BOUNDS_SECONDS),
            size_bytes: Histogram::new(SIZE_BOUNDS_BYTES),
        })
}

/// Queries since the start.
#[derive(Debug)]
pub(crate) struct QueryStatistics {
    pub(crate) running: AtomicU64,
    pub(crate) samples_read: AtomicU64,
    timings: Mutex<[(&'static str, Histogram); 2]>,
}

impl QueryStatistics {
    pub(crate) fn new() -> Self {
        Self {
            running: AtomicU64::new(0),
            samples_read: AtomicU64::new(0),
            timings: Mutex::new([
                ("queue_time", Histogram::new(QUERY_BOUNDS_SECONDS)),
                ("inner_eval", Histogram::new(QUERY_BOUNDS_SECONDS)),
            ]),
        }
    }

    pub(crate) fn count_query(&self, queued: Duration, evaluated: Duration) {
        let mut timings = self.timings.lock().unwrap_or_else(PoisonError::into_inner);
        for ((_, histogram), duration) in timings.iter_mut().zip([queued, evaluated]) {
            histogram.observe(duration.as_secs_f64());
        }
    }

    pub(crate) fn families(&self, concurrent_max: usize) -> Vec<MetricFamily> {
        let mut durations = MetricFamily::new(
            "prometheus_engine_query_duration_histogram_seconds",
            MetricKind::Histogram,
            "Time queries waited and ran.",
        );
        let timings = self.timings.lock().unwrap_or_else(PoisonError::into_inner);
        for (slice, histogram) in timings.iter() {
            histogram.write(&[("slice", slice)], &mut durations);
        }
        vec![
            MetricFamily::single(
                "prometheus_engine_queries",
                MetricKind::Gauge,
                "Queries that run or wait.",
                self.running.load(Ordering::Relaxed) as f64,
            ),
            MetricFamily::single(
                "prometheus_engine_queries_concurrent_max",
                MetricKind::Gauge,
                "Queries that may run at the same time.",
                concurrent_max as f64,
            ),
            MetricFamily::single(
                "prometheus_engine_query_samples_read_total",
                MetricKind::Counter,
                "Samples that queries read from storage.",
                self.samples_read.load(Ordering::Relaxed) as f64,
            ),
            durations,
        ]
    }
}

/// Counts of observations below each bound.
#[derive(Debug)]
struct Histogram {
    bounds: &'static [f64],
    /// One more than bounds: the last counts what is above all of them.
    counts: Vec<u64>,
    sum: f64,
}

impl Histogram {
    fn new(bounds: &'static [f64]) -> Self {
        Self {
            bounds,
            counts: vec![0; bounds.len() + 1],
            sum: 0.0,
        }
    }

    fn observe(&mut self, value: f64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum += value;
    }

    fn write(&self, labels: &[(&str, &str)], family: &mut MetricFamily) {
        let mut cumulative = 0;
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        let buckets = bounds.zip(&self.counts).map(|(upper_bound, count)| {
            cumulative += count;
            Bucket {
                upper_bound,
                cumulative_count: cumulative as f64,
                exemplar: None,
            }
        });
        let histogram = HistogramMetric {
            buckets: buckets.collect(),
            sum: Some(self.sum),
            count: cumulative as f64,
            ..HistogramMetric::default()
        };
        family.push_histogram(Labels::from_pairs(labels.iter().copied()), histogram);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_are_cumulative() {
        let mut histogram = Histogram::new(&[1.0, 10.0]);
        for value in [0.5, 1.0, 2.0, 100.0] {
            histogram.observe(value);
        }
        let mut family = MetricFamily::new("h", MetricKind::Histogram, "");
        histogram.write(&[("a", "b")], &mut family);
        let mut text = String::new();
        moheng_metrics::write_text(&[family], &mut text);
        assert_eq!(
            text,
            "# TYPE h histogram\nh_bucket{a=\"b\",le=\"1\"} 2\nh_bucket{a=\"b\",le=\"10\"} 3\nh_bucket{a=\"b\",le=\"+Inf\"} 4\nh_sum{a=\"b\"} 103.5\n\
             h_count{a=\"b\"} 4\n"
        );
    }
}
