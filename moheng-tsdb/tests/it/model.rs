//! Random operations, compared with the obvious implementation.

use std::sync::Arc;

use moheng_metrics::{
    AppendBatch, Labels, MatchOp, Matcher, MemorySource, SampleError, SampleSink, Select, SeriesRef,
    SeriesSource,
};
use moheng_tsdb::WalSync;
use moheng_tsdb::storage::MemoryDirectory;
use proptest::prelude::*;

use crate::support::{content, open, select, series};

#[derive(Clone, Debug)]
enum Operation {
    /// (series, step in milliseconds, value, by reference)
    Append(Vec<(usize, i64, u8, bool)>),
    Reopen,
    Select(Vec<Matcher>, i64, i64, Option<usize>),
    LabelNames(Vec<Matcher>),
    LabelValues(String, Vec<Matcher>),
}

fn any_matcher() -> impl Strategy<Value = Matcher> {
    let name = prop_oneof![Just("__name__"), Just("instance"), Just("none")];
    let op = prop_oneof![
        Just(MatchOp::Equal),
        Just(MatchOp::NotEqual),
        Just(MatchOp::Regex),
        Just(MatchOp::NotRegex)
    ];
    let value = prop_oneof![
        Just("metric_1"),
        Just("metric_1|metric_2"),
        Just("metric_.*"),
        Just(""),
        Just(".*"),
        Just(".+"),
        Just("host-0:9100"),
        Just("host-[12].*"),
    ];
    (name, op, value).prop_map(|(name, op, value)| Matcher::new(op, name, value).unwrap())
}

fn any_operation() -> impl Strategy<Value = Operation> {
    let matchers = || prop::collection::vec(any_matcher(), 0..3);
    let sample = (
        0_usize..20,
        prop_oneof![5 => 1_i64..40_000, 1 => -3_i64..1, 1 => 0_i64..1],
        any::<u8>(),
        any::<bool>(),
    );
    prop_oneof![
        8 => prop::collection::vec(sample, 0..60).prop_map(Operation::Append),
        1 => Just(Operation::Reopen),
        3 => (matchers(), 0_i64..500_000, 0_i64..500_000, prop::option::of(0_usize..5))
            .prop_map(|(matchers, start, length, limit)| Operation::Select(matchers, start, start + length, limit)),
        1 => matchers().prop_map(Operation::LabelNames),
        1 => (prop_oneof![Just("__name__"), Just("instance"), Just("none")], matchers())
            .prop_map(|(name, matchers)| Operation::LabelValues(name.to_owned(), matchers)),
    ]
}

/// References are only right for the sink that gave them.
#[derive(Default)]
struct Known {
    db: Vec<Option<SeriesRef>>,
    model: Vec<Option<SeriesRef>>,
}

fn append(
    db: &dyn SampleSink,
    model: &MemorySource,
    known: &mut Known,
    samples: &[(usize, i64, u8, bool)],
    clock: &mut i64,
) {
    let labels: Vec<Labels> = samples.iter().map(|sample| series(sample.0)).collect();
    let (mut for_db, mut for_model) = (AppendBatch::new(), AppendBatch::new());
    for (labels, &(number, step_ms, value, by_reference)) in labels.iter().zip(samples) {
        *clock += step_ms;
        let value = f64::from(value % 3);
        match (known.db[number], known.model[number]) {
            (Some(a), Some(b)) if by_reference => {
                for_db.push_reference(a, *clock, value);
                for_model.push_reference(b, *clock, value);
            }
            _ => {
                for_db.push_labels(labels, *clock, value);
                for_model.push_labels(labels, *clock, value);
            }
        }
    }
    let (left, right) = (db.append(&for_db).unwrap(), model.append(&for_model).unwrap());
    assert_eq!(left.series_created, right.series_created);
    for ((left, right), &(number, ..)) in left.outcomes.iter().zip(&right.outcomes).zip(samples) {
        assert_eq!(left.err(), right.err());
        if let (Ok(left), Ok(right)) = (left, right) {
            known.db[number] = Some(*left);
            known.model[number] = Some(*right);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn behaves_like_the_model(operations in prop::collection::vec(any_operation(), 1..40)) {
        let directory = Arc::new(MemoryDirectory::new());
        let mut db = open(directory.clone(), WalSync::Os);
        let model = MemorySource::new();
        let mut known = Known { db: vec![None; 20], model: vec![None; 20] };
        let mut clock = 0;
        for operation in operations {
            match operation {
                Operation::Append(samples) => append(&db, &model, &mut known, &samples, &mut clock),
                Operation::Reopen => {
                    drop(db);
                    db = open(directory.clone(), WalSync::Os);
                    known.db.fill(None);
                }
                Operation::Select(matchers, start_ms, end_ms, limit) => {
                    let mut wanted = Select::new(matchers, start_ms, end_ms);
                    wanted.limit = limit;
                    prop_assert_eq!(select(&db, &wanted), select(&model, &wanted));
                }
                Operation::LabelNames(matchers) => {
                    let wanted = Select::new(matchers, i64::MIN, i64::MAX);
                    prop_assert_eq!(db.label_names(&wanted).unwrap(), model.label_names(&wanted).unwrap());
                }
                Operation::LabelValues(name, matchers) => {
                    let wanted = Select::new(matchers, i64::MIN, i64::MAX);
                    prop_assert_eq!(db.label_values(&name, &wanted).unwrap(), model.label_values(&name, &wanted).unwrap());
                }
            }
        }
        prop_assert_eq!(content(&db), content(&model));
        db.verify().unwrap();
        drop(db);
        let again = open(directory, WalSync::Os);
        prop_assert_eq!(content(&again), content(&model));
        prop_assert_eq!(again.stats().replay.corruptions, 0);
        again.verify().unwrap();
    }
}

#[test]
fn unknown_references_are_reported() {
    let db = open(Arc::new(MemoryDirectory::new()), WalSync::Os);
    let mut batch = AppendBatch::new();
    for number in [
        0,
        1,
        2,
        1 << 20,
        u64::from(u32::MAX),
        u64::from(u32::MAX) + 1,
        u64::MAX,
    ] {
        batch.push_reference(SeriesRef(number), 1, 1.0);
    }
    let outcomes = db.append(&batch).unwrap().outcomes;
    assert!(
        outcomes
            .iter()
            .all(|outcome| *outcome == Err(SampleError::UnknownReference))
    );
    assert_eq!(db.stats().samples.unknown_reference, 7);
}
