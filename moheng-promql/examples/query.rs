//! PromQL over data of one's own: anything that implements `SeriesSource`.
//!
//!     cargo run -p moheng-promql --example query

use std::error::Error;
use std::io::{Write, stdout};
use std::sync::Arc;

use moheng_metrics::{AppendBatch, Labels, MemorySource, SampleSink, SystemClock};
use moheng_promql::{Engine, EngineSettings, QueryValue, RangeQuery};

fn main() -> Result<(), Box<dyn Error>> {
    let store = MemorySource::new();
    for (instance, per_second) in [("a", 1.0), ("b", 2.5)] {
        let labels = Labels::from_pairs([
            ("__name__", "http_requests_total"),
            ("job", "web"),
            ("instance", instance),
        ]);
        let mut batch = AppendBatch::new();
        for scrape in 0..40 {
            batch.push_labels(&labels, scrape * 15_000, scrape as f64 * 15.0 * per_second);
        }
        store.append(&batch)?;
    }

    let engine = Engine::new(EngineSettings::default(), Arc::new(SystemClock::new()));
    let mut out = stdout().lock();
    for text in [
        "sum by (job) (rate(http_requests_total[1m]))",
        "sum(rate(http_requests_total[1m])",
    ] {
        let query = RangeQuery::new(text, 300_000, 420_000, 60_000);
        match engine.range(&store, &query) {
            Ok(output) => {
                if let QueryValue::Matrix(series) = output.value {
                    for one in series {
                        writeln!(out, "{} {:?}", one.labels, one.samples)?;
                    }
                }
            }
            Err(error) => writeln!(out, "{error}")?,
        }
    }
    Ok(())
}
