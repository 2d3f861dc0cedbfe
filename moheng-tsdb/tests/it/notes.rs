//! Exemplars and metadata: kept through restarts, crashes and checkpoints, whole with their batch.

use std::sync::Arc;

use moheng_metrics::testing::ManualClock;
use moheng_metrics::{
    AppendBatch, Appended, Exemplar, ExemplarEntry, Labels, Metadata, MetadataEntry, MetricKind, SampleError,
    SampleSink, Select, SeriesKey, SinkError,
};
use moheng_tsdb::storage::{Directory, Fault, FaultDirectory, MemoryDirectory};
use moheng_tsdb::{Db, Settings, WalSync};

use crate::support::{content, open, series, settings, try_open};

const SERIES: usize = 5;

fn everything() -> Select {
    Select::new(vec![], i64::MIN, i64::MAX)
}

fn exemplars(db: &Db) -> Vec<(Labels, Vec<Exemplar>)> {
    db.exemplars(&[everything()])
}

fn metadata(db: &Db) -> Vec<(Labels, Metadata)> {
    let known = db.metadata(&everything()).into_iter();
    known
        .map(|(labels, metadata)| (labels, (*metadata).clone()))
        .collect()
}

fn exemplar(step: i64) -> Exemplar {
    Exemplar {
        labels: Labels::from_pairs([("trace_id", step.to_string())]),
        value: step as f64,
        timestamp_ms: Some(step * 15_000),
    }
}

/// Changes with every second step.
fn meaning(step: i64) -> Metadata {
    Metadata {
        kind: MetricKind::Counter,
        unit: String::new(),
        help: format!("Since {}.", step / 2),
    }
}

/// Appends a sample, an exemplar and metadata of each series.
fn append_step(db: &Db, step: i64) -> Result<Appended, SinkError> {
    let labels: Vec<Labels> = (0..SERIES).map(series).collect();
    let (exemplar, meaning) = (exemplar(step), meaning(step));
    let mut batch = AppendBatch::new();
    for labels in &labels {
        batch.push_labels(labels, step * 15_000, step as f64);
        batch.exemplars.push(ExemplarEntry {
            series: SeriesKey::Labels(labels),
            timestamp_ms: step * 15_000,
            exemplar: &exemplar,
        });
        batch.metadata.push(MetadataEntry {
            series: SeriesKey::Labels(labels),
            metadata: &meaning,
        });
    }
    db.append(&batch)
}

/// How many whole steps the database holds; panics when samples, exemplars and metadata do not agree.
fn steps(db: &Db) -> i64 {
    let samples = content(db);
    let steps = samples.first().map_or(0, |(_, samples)| samples.len() as i64);
    let all: Vec<Exemplar> = (0..steps).map(exemplar).collect();
    let found = exemplars(db);
    let known = metadata(db);
    assert_eq!(found.len(), if steps == 0 { 0 } else { SERIES });
    assert_eq!(known.len(), found.len());
    for (index, (labels, samples)) in samples.iter().enumerate() {
        assert_eq!(samples.len() as i64, steps);
        assert_eq!(found[index], (labels.clone(), all.clone()));
        assert_eq!(known[index], (labels.clone(), meaning(steps - 1)));
    }
    steps
}

#[test]
fn a_restart_keeps_exemplars_and_metadata() {
    let memory = MemoryDirectory::new();
    for step in 0..7 {
        let db = open(Arc::new(memory.clone()), WalSync::Os);
        assert_eq!(steps(&db), step);
        let appended = append_step(&db, step).unwrap();
        assert_eq!(appended.exemplar_outcomes, appended.outcomes);
        assert_eq!(appended.metadata_outcomes, appended.outcomes);
        // The same again changes nothing, not even the log.
        let written = db.stats().wal.written_bytes;
        append_step(&db, step).unwrap();
        assert_eq!(db.stats().wal.written_bytes, written);
        assert_eq!(steps(&db), step + 1);
        let stats = db.stats().exemplars;
        let stored = (step as u64 + 1) * SERIES as u64;
        assert_eq!((stats.appended, stats.stored), (stored, stored));
        assert_eq!((stats.series, stats.oldest_ms), (SERIES as u64, Some(0)));
    }
}

#[test]
fn the_newest_exemplars_are_kept() {
    let memory = MemoryDirectory::new();
    let open_with = |max_exemplars| {
        let mut settings: Settings = settings(WalSync::Os);
        settings.max_exemplars = max_exemplars;
        let db = Db::builder(Arc::new(memory.clone()));
        db.settings(settings).without_worker().open().unwrap()
    };
    let db = open_with(12);
    for step in 0..5 {
        append_step(&db, step).unwrap();
    }
    // Two steps of five series and two exemplars more.
    let lengths = |db: &Db| -> Vec<usize> {
        exemplars(db)
            .iter()
            .map(|(_, exemplars)| exemplars.len())
            .collect()
    };
    assert_eq!(lengths(&db), [2, 2, 2, 3, 3]);
    drop(db);
    let db = open_with(12);
    assert_eq!(lengths(&db), [2, 2, 2, 3, 3]);
    drop(db);
    let db = open_with(0);
    assert_eq!(lengths(&db), [0; 0]);
    let appended = append_step(&db, 5).unwrap();
    assert_eq!(
        appended.exemplar_outcomes,
        [Err(SampleError::Unsupported); SERIES]
    );
    assert_eq!(appended.accepted(), SERIES);
    assert_eq!(db.stats().exemplars.limit, 0);
}

#[test]
fn notes_of_a_series_without_samples_are_refused() {
    let db = open(Arc::new(MemoryDirectory::new()), WalSync::Os);
    append_step(&db, 0).unwrap();
    let (late, new) = (series(0), series(40));
    let (exemplar, meaning) = (exemplar(1), meaning(1));
    let mut batch = AppendBatch::new();
    batch.push_labels(&late, -1, 0.0);
    for labels in [&late, &new] {
        batch.exemplars.push(ExemplarEntry {
            series: SeriesKey::Labels(labels),
            timestamp_ms: 15_000,
            exemplar: &exemplar,
        });
        batch.metadata.push(MetadataEntry {
            series: SeriesKey::Labels(labels),
            metadata: &meaning,
        });
    }
    let appended = db.append(&batch).unwrap();
    assert_eq!(appended.outcomes, [Err(SampleError::OutOfOrder)]);
    for outcomes in [appended.exemplar_outcomes, appended.metadata_outcomes] {
        assert!(outcomes[0].is_ok(), "the series has samples");
        assert_eq!(outcomes[1], Err(SampleError::UnknownReference));
    }
    assert_eq!(db.stats().head.series, SERIES as u64);
}

#[test]
fn checkpoints_keep_what_is_still_needed() {
    let clock = Arc::new(ManualClock::new(0));
    let memory = MemoryDirectory::new();
    let open_again = || {
        let mut settings = settings(WalSync::Always);
        settings.wal_segment_bytes = 32 << 10;
        let db = Db::builder(Arc::new(memory.clone())).settings(settings);
        db.clock(clock.clone()).without_worker().open().unwrap()
    };
    let db = open_again();
    for step in 0..3 {
        append_step(&db, step).unwrap();
    }
    // Eight hours of a sample every 30 s of one of the series, and no more of the metadata.
    let labels = series(0);
    for step in (4..8 * 240).step_by(2) {
        clock.set_ms(step * 15_000);
        // So long that there are several segments.
        let noise = format!("{:0100x}", (step as u128).pow(11));
        let exemplar = Exemplar {
            labels: Labels::from_pairs([("trace_id", noise)]),
            ..exemplar(step)
        };
        let mut batch = AppendBatch::new();
        batch.push_labels(&labels, step * 15_000, 1.0);
        batch.exemplars.push(ExemplarEntry {
            series: SeriesKey::Labels(&labels),
            timestamp_ms: step * 15_000,
            exemplar: &exemplar,
        });
        db.append(&batch).unwrap();
        if step % 240 == 0 {
            db.compact().unwrap();
        }
    }
    db.compact().unwrap();
    let checkpoints = memory.list("wal").unwrap().into_iter();
    assert!(checkpoints.filter(|entry| entry.is_directory).count() > 0);
    let (before, known) = (exemplars(&db), metadata(&db));
    assert_eq!(
        known,
        [(series(0), meaning(2))],
        "the other series are in blocks only"
    );
    drop(db);
    let again = open_again();
    assert_eq!(again.stats().replay.unknown_notes, 0);
    assert_eq!(metadata(&again), known);
    let start_ms = 6 * 60 * 60 * 1000;
    let newest = Select::new(vec![], start_ms, i64::MAX);
    let found = again.exemplars(std::slice::from_ref(&newest));
    let of_first: Vec<(Labels, Vec<Exemplar>)> = before
        .into_iter()
        .map(|(labels, mut exemplars)| {
            exemplars.retain(|exemplar| exemplar.timestamp_ms >= Some(start_ms));
            (labels, exemplars)
        })
        .filter(|(_, exemplars)| !exemplars.is_empty())
        .collect();
    assert!(of_first[0].1.len() > 100);
    assert_eq!(found, of_first);
}

#[test]
fn a_crash_at_any_operation_loses_nothing_acknowledged() {
    const STEPS: i64 = 4;
    for at in 0.. {
        let memory = MemoryDirectory::new();
        let faults = FaultDirectory::new(Arc::new(memory.clone()));
        faults.fail_at(at, Fault::Crash, true);
        let mut appended = 0;
        if let Ok(db) = try_open(Arc::new(faults.clone()), WalSync::Always) {
            while appended < STEPS && append_step(&db, appended).is_ok() {
                appended += 1;
            }
        }
        let is_done = faults.fired() == 0;
        for left in [memory.after_process_crash(), memory.after_power_cut(|_| 0)] {
            let db = open(Arc::new(left), WalSync::Always);
            // Of a batch that was not acknowledged only a part may be in the log: metadata, then samples, then exemplars.
            let samples = content(&db).first().map_or(0, |(_, samples)| samples.len());
            let found = exemplars(&db).first().map_or(0, |(_, exemplars)| exemplars.len());
            assert!(found as i64 >= appended, "operation {at}: {found} of {appended}");
            assert!(samples == found || samples as i64 == appended + 1);
            assert!(samples >= found);
            for (_, known) in metadata(&db) {
                let steps = samples as i64;
                assert!(
                    known == meaning(steps - 1) || known == meaning(steps),
                    "operation {at}"
                );
            }
            append_step(&db, STEPS).unwrap();
            assert!(
                exemplars(&db)
                    .iter()
                    .all(|(_, exemplars)| exemplars.len() == found + 1)
            );
        }
        if is_done {
            assert_eq!(appended, STEPS);
            break;
        }
    }
}

#[test]
fn a_batch_that_is_not_logged_leaves_no_note() {
    for at in 0.. {
        let faults = FaultDirectory::new(Arc::new(MemoryDirectory::new()));
        let db = open(Arc::new(faults.clone()), WalSync::Always);
        append_step(&db, 0).unwrap();
        faults.fail_at(faults.operations() + at, Fault::Full, true);
        let outcome = append_step(&db, 1);
        if faults.fired() == 0 {
            outcome.unwrap();
            break;
        }
        if outcome.is_err() {
            assert_eq!(steps(&db), 1);
            faults.heal();
            append_step(&db, 1).unwrap();
        }
        assert_eq!(steps(&db), 2);
    }
}
