//! Fills a data directory with hours of samples of every kind, as a database that ran all that time would.
//!
//!     cargo run -p moheng-tsdb --example directory -- DIR END HOURS
//!
//! END is the time of the last sample, in milliseconds; there is a round of samples every 30 seconds. Blocks are written and joined, chunks
//! are mapped, some samples come late, some are deleted, and the process dies without closing the database.

use std::error::Error;
use std::io::{Write, stdout};
use std::sync::Arc;
use std::time::Duration;

use moheng_metrics::testing::{HistogramSeries, ManualClock};
use moheng_metrics::{
    AppendBatch, Exemplar, ExemplarEntry, HistogramValue, Labels, Matcher, SampleSink, SeriesKey,
};
use moheng_tsdb::storage::RealDirectory;
use moheng_tsdb::{Db, Settings, WalSync};

const STEP_MS: i64 = 30_000;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [path, end_ms, hours] = arguments[..] else {
        return Err("what to do? see the head of the source".into());
    };
    fill(path, end_ms.parse()?, hours.parse()?)
}

fn fill(path: &str, end_ms: i64, hours: i64) -> Result<(), Box<dyn Error>> {
    let start_ms = end_ms - hours * HOUR_MS;
    let clock = Arc::new(ManualClock::new(start_ms));
    let mut settings = Settings::default();
    settings.wal_sync = WalSync::Os;
    settings.out_of_order_window_ms = 2 * HOUR_MS;
    let db = Db::builder(Arc::new(RealDirectory::create(path)?))
        .settings(settings)
        .clock(clock.clone())
        .without_worker()
        .open()?;
    let mut rounds = Rounds::new();
    for time_ms in (start_ms + STEP_MS..=end_ms).step_by(STEP_MS as usize) {
        clock.advance(Duration::from_millis(STEP_MS as u64));
        rounds.append(&db, time_ms)?;
        db.run_maintenance()?;
        if time_ms % (10 * MINUTE_MS) < STEP_MS {
            db.compact()?;
        }
        if time_ms % (4 * HOUR_MS) < STEP_MS {
            let matcher = Matcher::equal("instance", "host-3");
            db.delete(&[matcher], time_ms - 5 * HOUR_MS, time_ms - HOUR_MS / 2)?;
        }
    }
    writeln!(stdout(), "{:?}", db.stats().samples)?;
    stdout().flush()?;
    // As if it were killed: nothing is closed.
    std::process::abort();
}

/// The series and what they are at.
struct Rounds {
    floats: Vec<Labels>,
    late: Labels,
    histograms: Vec<(Labels, HistogramSeries)>,
    count: i64,
}

impl Rounds {
    fn new() -> Self {
        let float = |number: usize| {
            let name = format!("filled_{}_total", number % 3);
            let pairs = [
                ("__name__", name),
                ("instance", format!("host-{}", number / 3)),
                ("text", "ü \"\\\n".to_owned()),
            ];
            Labels::from_pairs(pairs)
        };
        let histogram = |number: u64| {
            let name = format!("filled_{number}_seconds");
            (Labels::from_pairs([("__name__", name)]), number)
        };
        let series = |(labels, seed)| match seed % 2 {
            0 => (labels, HistogramSeries::counter_with_resets(seed, 50)),
            _ => (labels, HistogramSeries::gauge(seed)),
        };
        Self {
            floats: (0..15).map(float).collect(),
            late: Labels::from_pairs([("__name__", "filled_late")]),
            histograms: (0..4).map(histogram).map(series).collect(),
            count: 0,
        }
    }

    fn append(&mut self, db: &Db, time_ms: i64) -> Result<(), Box<dyn Error>> {
        self.count += 1;
        let exemplar = Exemplar {
            labels: Labels::from_pairs([("trace_id", format!("trace-{}", self.count))]),
            value: self.count as f64 / 8.0,
            timestamp_ms: None,
        };
        let mut batch = AppendBatch::new();
        for (number, labels) in self.floats.iter().enumerate() {
            let value = match number % 4 {
                0 => self.count as f64,
                1 => (self.count * 7 % 101) as f64 / 9.0,
                2 => number as f64,
                _ => 1.5e300 / self.count as f64,
            };
            batch.push_labels(labels, time_ms, value);
        }
        if let (0, Some(labels)) = (self.count % 8, self.floats.first()) {
            batch.exemplars.push(ExemplarEntry {
                series: SeriesKey::Labels(labels),
                timestamp_ms: time_ms,
                exemplar: &exemplar,
            });
        }
        // Every third comes an hour and a bit late.
        let late_ms = if self.count % 3 == 0 { HOUR_MS + 7 } else { 0 };
        if late_ms < self.count * STEP_MS {
            batch.push_labels(&self.late, time_ms - late_ms, self.count as f64);
        }
        let samples: Vec<_> = self
            .histograms
            .iter_mut()
            .map(|(labels, series)| (&*labels, series.next_sample()))
            .collect();
        for (labels, histogram) in &samples {
            batch.push_histogram(
                SeriesKey::Labels(labels),
                time_ms,
                HistogramValue::Integer(histogram),
            );
        }
        let appended = db.append(&batch)?;
        match appended.first_error() {
            Some(error) => Err(format!("refused at {time_ms}: {error:?}").into()),
            None => Ok(()),
        }
    }
}
