//! What the server counts about itself: requests and queries.

use std::sync::Arc;
use std::time::Duration;

use moheng_metrics::Clock;
use moheng_metrics::instrument::{
    Counter, Family, Gauge, Histogram, HistogramOptions, NativeOptions, RegisterError, Registry,
};

const DURATION_BOUNDS_SECONDS: &[f64] = &[0.1, 0.2, 0.4, 1.0, 3.0, 8.0, 20.0, 60.0, 120.0];
const SIZE_BOUNDS_BYTES: &[f64] = &[100.0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const QUERY_BOUNDS_SECONDS: &[f64] = &[0.01, 0.1, 1.0, 10.0, 120.0];

/// The instruments of the server, and the registry that knows them.
#[derive(Debug)]
pub(crate) struct ServerStatistics {
    pub(crate) registry: Registry,
    pub(crate) queries_running: Gauge,
    pub(crate) samples_read: Counter,
    requests: Family<Counter, 2>,
    request_seconds: Family<Histogram, 1>,
    response_bytes: Family<Histogram, 1>,
    query_seconds: Family<Histogram, 1>,
}

impl ServerStatistics {
    /// # Errors
    ///
    /// Never, as the names are fixed and fit each other; a test makes sure.
    pub(crate) fn new(clock: Arc<dyn Clock>, query_concurrency: usize) -> Result<Self, RegisterError> {
        let registry = Registry::new(clock);
        let concurrent_max = registry.gauge(
            "prometheus_engine_queries_concurrent_max",
            "Queries that may run at the same time.",
        )?;
        concurrent_max.set(query_concurrency as f64);
        Ok(Self {
            queries_running: registry.gauge("prometheus_engine_queries", "Queries that run or wait.")?,
            samples_read: registry.counter(
                "prometheus_engine_query_samples_read_total",
                "Samples that queries read from storage.",
            )?,
            requests: registry.counter_family(
                "prometheus_http_requests_total",
                "Requests by handler and status code.",
                ["handler", "code"],
            )?,
            request_seconds: registry.histogram_family(
                "prometheus_http_request_duration_seconds",
                "Time until the response started.",
                ["handler"],
                &buckets(DURATION_BOUNDS_SECONDS),
            )?,
            response_bytes: registry.histogram_family(
                "prometheus_http_response_size_bytes",
                "Size of response bodies.",
                ["handler"],
                &buckets(SIZE_BOUNDS_BYTES),
            )?,
            query_seconds: registry.histogram_family(
                "prometheus_engine_query_duration_histogram_seconds",
                "Time queries waited and ran.",
                ["slice"],
                &buckets(QUERY_BOUNDS_SECONDS),
            )?,
            registry,
        })
    }

    pub(crate) fn count_request(&self, handler: &str, code: u16, duration: Duration) {
        self.requests.with([handler, &code.to_string()]).increment();
        self.request_seconds
            .with([handler])
            .observe(duration.as_secs_f64());
    }

    pub(crate) fn count_body(&self, handler: &str, size_bytes: u64) {
        self.response_bytes.with([handler]).observe(size_bytes as f64);
    }

    pub(crate) fn count_query(&self, queued: Duration, evaluated: Duration) {
        for (slice, duration) in [("queue_time", queued), ("inner_eval", evaluated)] {
            self.query_seconds.with([slice]).observe(duration.as_secs_f64());
        }
    }
}

/// Classic buckets for everyone, and a native histogram for scrapers that understand it.
fn buckets(bounds: &[f64]) -> HistogramOptions {
    HistogramOptions {
        native: Some(NativeOptions::default()),
        ..HistogramOptions::classic(bounds)
    }
}

#[cfg(test)]
mod tests {
    use moheng_metrics::SystemClock;

    use super::*;

    #[test]
    fn names_fit_each_other_and_requests_are_counted() {
        let statistics = ServerStatistics::new(Arc::new(SystemClock::new()), 20).unwrap();
        statistics.count_request("/a", 200, Duration::from_millis(150));
        statistics.count_body("/a", 50);
        statistics.count_query(Duration::ZERO, Duration::from_secs(2));
        statistics.queries_running.add(1.0);
        statistics.samples_read.add(7);
        let text = String::from_utf8(statistics.registry.render("text/plain").body).unwrap();
        for line in [
            "prometheus_engine_queries 1",
            "prometheus_engine_queries_concurrent_max 20",
            "prometheus_engine_query_samples_read_total 7",
            "prometheus_engine_query_duration_histogram_seconds_bucket{slice=\"inner_eval\",le=\"1\"} 0",
            "prometheus_engine_query_duration_histogram_seconds_bucket{slice=\"inner_eval\",le=\"10\"} 1",
            "prometheus_http_requests_total{code=\"200\",handler=\"/a\"} 1",
            "prometheus_http_request_duration_seconds_bucket{handler=\"/a\",le=\"0.2\"} 1",
            "prometheus_http_response_size_bytes_sum{handler=\"/a\"} 50",
        ] {
            assert!(
                text.lines().any(|other| other == line),
                "{line} is missing in {text}"
            );
        }
    }
}
