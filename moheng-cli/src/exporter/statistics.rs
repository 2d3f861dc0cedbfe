//! What an exporter counts about itself, under the names of Go's client library, which alerts and dashboards use.

use std::sync::Arc;

use moheng_metrics::Clock;
use moheng_metrics::instrument::{Counter, Family, Gauge, RegisterError, Registry};

/// The instruments of an exporter, and the registry that knows them.
#[derive(Debug)]
pub(super) struct ExporterStatistics {
    pub(super) registry: Registry,
    pub(super) requests_running: Gauge,
    requests: Family<Counter, 1>,
}

impl ExporterStatistics {
    /// # Errors
    ///
    /// Never, as the names are fixed and fit each other; a test makes sure.
    pub(super) fn new(clock: Arc<dyn Clock>) -> Result<Self, RegisterError> {
        let registry = Registry::new(clock);
        let requests = registry.counter_family(
            "promhttp_metric_handler_requests_total",
            "Requests for metrics by status code.",
            ["code"],
        )?;
        // Rates need a beginning.
        for code in ["200", "500", "503"] {
            requests.with([code]);
        }
        Ok(Self {
            requests_running: registry.gauge(
                "promhttp_metric_handler_requests_in_flight",
                "Requests for metrics that are being answered.",
            )?,
            requests,
            registry,
        })
    }

    pub(super) fn count_request(&self, code: u16) {
        self.requests.with([&code.to_string()]).increment();
    }
}

#[cfg(test)]
mod tests {
    use moheng_metrics::SystemClock;

    use super::*;

    #[test]
    fn requests_are_counted_from_zero() {
        let statistics = ExporterStatistics::new(Arc::new(SystemClock::new())).unwrap();
        statistics.count_request(503);
        let text = String::from_utf8(statistics.registry.render("text/plain").body).unwrap();
        for line in [
            "promhttp_metric_handler_requests_in_flight 0",
            "promhttp_metric_handler_requests_total{code=\"200\"} 0",
            "promhttp_metric_handler_requests_total{code=\"503\"} 1",
        ] {
            assert!(
                text.lines().any(|other| other == line),
                "{line} is missing in {text}"
            );
        }
    }
}
