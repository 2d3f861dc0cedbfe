//! Truncation: what is dropped, what stays, and what appends see of it.

use std::sync::Arc;

use moheng_metrics::testing::ManualClock;
use moheng_metrics::{AppendBatch, Labels, Matcher, SampleError, SampleOutcome, Select, SeriesKey};

use crate::head::Head;
use crate::head::truncate::Truncated;
use crate::storage::MemoryDirectory;
use crate::wal::{Wal, WalOptions};
use crate::{Limits, WalCompression, WalSync};

const HOUR_MS: i64 = 60 * 60 * 1000;

struct Store {
    head: Head,
    wal: Wal,
}

impl Store {
    fn new(limits: Limits) -> Self {
        let directory = MemoryDirectory::new();
        crate::storage::Directory::create_directory(&directory, "wal").unwrap();
        let wal = Wal::new(WalOptions {
            log: "wal",
            directory: Arc::new(directory),
            clock: Arc::new(ManualClock::new(0)),
            policy: WalSync::Os,
            segment_bytes: 1 << 20,
            compression: WalCompression::Snappy,
            next_number: 0,
            size_bytes: 0,
        });
        Self {
            head: Head::new(limits),
            wal,
        }
    }

    fn append(&self, series: SeriesKey<'_>, timestamp_ms: i64) -> SampleOutcome {
        let mut batch = AppendBatch::new();
        match series {
            SeriesKey::Reference(reference) => batch.push_reference(reference, timestamp_ms, 1.0),
            SeriesKey::Labels(labels) => batch.push_labels(labels, timestamp_ms, 1.0),
        }
        self.head.append(&batch, &self.wal, None).unwrap().outcomes[0]
    }

    fn truncate(&self, before_ms: i64) -> Truncated {
        self.head.refuse_before(before_ms);
        let truncated = self.head.truncate(before_ms);
        self.head.verify().unwrap();
        truncated
    }

    fn names(&self) -> Vec<String> {
        let select = Select::new(vec![Matcher::equal("job", "node")], i64::MIN, i64::MAX);
        let capture = self.head.capture(&select);
        let names = capture.series.iter().map(|series| series.labels.metric_name());
        names.map(str::to_owned).collect()
    }
}

fn labels(name: &str) -> Labels {
    Labels::from_pairs([("__name__", name), ("job", "node")])
}

#[test]
fn old_chunks_and_then_series_go() {
    let store = Store::new(Limits::default());
    let (short, long) = (labels("short"), labels("long"));
    let short_reference = store.append(SeriesKey::Labels(&short), HOUR_MS).unwrap();
    for hour in 0..6 {
        store.append(SeriesKey::Labels(&long), hour * HOUR_MS).unwrap();
    }
    assert_eq!(store.names(), ["long", "short"]);
    assert_eq!(store.head.oldest_ms(), Some(0));

    let truncated = store.truncate(2 * HOUR_MS);
    assert_eq!(truncated, Truncated { chunks: 2, series: 1 });
    assert_eq!(store.names(), ["long"]);
    assert_eq!(store.head.oldest_ms(), Some(2 * HOUR_MS));
    assert_eq!(store.truncate(2 * HOUR_MS), Truncated::default());

    let old = store.append(SeriesKey::Labels(&long), HOUR_MS);
    assert_eq!(old, Err(SampleError::OutOfBounds));
    let gone = store.append(SeriesKey::Reference(short_reference), 5 * HOUR_MS);
    assert_eq!(gone, Err(SampleError::UnknownReference));

    let again = store.append(SeriesKey::Labels(&short), 5 * HOUR_MS).unwrap();
    assert_ne!(again, short_reference, "references are never used again");
    assert_eq!(store.names(), ["long", "short"]);
    store.head.verify().unwrap();
}

#[test]
fn an_open_chunk_in_the_range_goes_too() {
    let store = Store::new(Limits::default());
    store.append(SeriesKey::Labels(&labels("a")), HOUR_MS).unwrap();
    assert_eq!(store.truncate(2 * HOUR_MS), Truncated { chunks: 1, series: 1 });
    assert_eq!(store.head.oldest_ms(), None);
    assert_eq!(store.names(), [""; 0]);
}

/// Series that live for one round each, many times over: neither index nor pages keep them.
#[test]
fn churn_does_not_add_up() {
    let store = Store::new(Limits {
        series: Some(700),
        ..Limits::default()
    });
    let steady = labels("steady");
    let mut reference = store.append(SeriesKey::Labels(&steady), 0).unwrap();
    for round in 1..12 {
        let start_ms = round * 2 * HOUR_MS;
        let sets: Vec<Labels> = (0..600)
            .map(|number| {
                let pairs = [("__name__", "short".to_owned()), ("job", "node".to_owned())];
                Labels::from_pairs(pairs.into_iter().chain([("id", format!("{round}-{number}"))]))
            })
            .collect();
        let mut batch = AppendBatch::new();
        for set in &sets {
            batch.push_labels(set, start_ms, 1.0);
        }
        batch.push_reference(reference, start_ms, 2.0);
        let appended = store.head.append(&batch, &store.wal, None).unwrap();
        assert_eq!(appended.first_error(), None, "round {round}");
        assert_eq!(store.names().len(), 601);
        let truncated = store.truncate(start_ms + 1);
        assert_eq!(truncated.series, 601);
        reference = store.append(SeriesKey::Labels(&steady), start_ms + 1).unwrap();
        assert_eq!(store.names(), ["steady"]);
    }
    let (stats, _) = store.head.stats();
    assert!(stats.labels < 2000, "{} labels are kept", stats.labels);
    assert_eq!(stats.series, 1);
}
