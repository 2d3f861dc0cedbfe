//! [`MemorySource`] keeps the contracts, and the suites notice whoever does not.

use std::panic::{AssertUnwindSafe, catch_unwind};

use moheng_metrics::histogram::ResetHint;
use moheng_metrics::testing::{
    exemplar_suite, histogram_suite, metadata_suite, read_all, sink_suite, source_suite,
    start_timestamp_suite,
};
use moheng_metrics::{
    AppendBatch, Appended, Exemplar, Labels, Matcher, MemorySource, SampleBuffer, SampleCursor, SampleError,
    SampleSink, Select, SelectedSeries, SeriesCursor, SeriesKey, SeriesRef, SeriesSource, SinkError,
    SourceError,
};

#[test]
fn memory_source_is_a_sink() {
    sink_suite(&MemorySource::new);
}

#[test]
fn memory_source_is_a_source() {
    source_suite(&MemorySource::new);
}

#[test]
fn memory_source_stores_histograms() {
    histogram_suite(&MemorySource::new);
}

#[test]
fn memory_source_stores_start_timestamps() {
    start_timestamp_suite(&MemorySource::new, true);
}

#[test]
fn memory_source_stores_exemplars() {
    exemplar_suite(&MemorySource::new, &MemorySource::exemplars);
}

#[test]
fn memory_source_stores_metadata() {
    metadata_suite(&MemorySource::new, &MemorySource::metadata);
}

#[test]
fn memory_source_forgets_what_is_deleted_and_only_that() {
    let source = MemorySource::new();
    let series = ["a", "b"].map(|job| Labels::from_pairs([("job", job)]));
    let append = |timestamp_ms| {
        let mut batch = AppendBatch::new();
        for labels in &series {
            batch.push_labels(labels, timestamp_ms, 1.0);
        }
        source.append(&batch).unwrap().outcomes
    };
    for timestamp_ms in [10, 20, 30] {
        append(timestamp_ms);
    }
    source.delete(&[Matcher::equal("job", "a")], 20, 99);
    assert!(append(25)[0].is_err(), "the deleted sample is still the newest");
    append(40);
    let everything = Select::new(Vec::new(), i64::MIN, i64::MAX);
    let found: Vec<Vec<i64>> = read_all(&source, &everything)
        .into_iter()
        .map(|(_, samples)| samples.iter().map(|&(timestamp_ms, _)| timestamp_ms).collect())
        .collect();
    assert_eq!(found, [vec![10, 40], vec![10, 20, 30, 40]]);
    source.delete(&[], i64::MIN, i64::MAX);
    assert!(read_all(&source, &everything).is_empty());
    assert!(source.label_names(&everything).unwrap().is_empty());
}

/// A way to break the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    // Of a sink:
    AcceptsDuplicates,
    AcceptsNoLabels,
    CountsNoSeries,
    ForgetsReferences,
    MixesReferences,
    RejectsRepeats,
    StopsAtRejection,
    // Of a source:
    ClearsBuffer,
    EmptyBatches,
    EndIsExclusive,
    IgnoresLimit,
    IgnoresMatchers,
    LosesSigns,
    SaysMoreThanRemains,
    SelectsLate,
    StartIsExclusive,
    UnsortedNames,
    UnsortedSeries,
    // Of a store of more than floats:
    AcceptsBadHistograms,
    DeniesResets,
    LosesBuckets,
    LosesFlavours,
    LosesStarts,
    MovesExemplars,
    RejectsMetadata,
}

struct Faulty {
    store: MemorySource,
    fault: Fault,
}

impl SampleSink for Faulty {
    fn append(&self, batch: &AppendBatch<'_>) -> Result<Appended, SinkError> {
        let mut changed = batch.clone();
        if self.fault == Fault::ForgetsReferences {
            changed
                .entries
                .retain(|entry| matches!(entry.series, SeriesKey::Labels(_)));
        }
        let moved: Vec<Exemplar> = batch
            .exemplars
            .iter()
            .map(|entry| entry.exemplar.clone())
            .collect();
        match self.fault {
            Fault::LosesStarts => {
                changed.start_timestamps_ms.clear();
                changed
                    .histograms
                    .iter_mut()
                    .for_each(|entry| entry.start_timestamp_ms = 0);
            }
            Fault::MovesExemplars => {
                for (entry, moved) in changed.exemplars.iter_mut().zip(moved.iter().rev()) {
                    (entry.exemplar, entry.timestamp_ms) = (moved, entry.timestamp_ms + 1);
                }
            }
            Fault::RejectsMetadata => changed.metadata.truncate(1),
            _ => {}
        }
        let mut appended = self.store.append(&changed)?;
        appended
            .metadata_outcomes
            .resize(batch.metadata.len(), Err(SampleError::Unsupported));
        if self.fault == Fault::AcceptsBadHistograms {
            appended.histogram_outcomes.fill(Ok(SeriesRef(1)));
        }
        appended
            .outcomes
            .resize(batch.entries.len(), Err(SampleError::UnknownReference));
        for outcome in &mut appended.outcomes {
            *outcome = match (self.fault, *outcome) {
                (Fault::AcceptsDuplicates, Err(SampleError::DuplicateTimestamp))
                | (Fault::AcceptsNoLabels, Err(SampleError::InvalidLabels))
                | (Fault::MixesReferences, Ok(_)) => Ok(SeriesRef(1)),
                (_, outcome) => outcome,
            };
        }
        if self.fault == Fault::RejectsRepeats && batch.len() == 1 && appended.series_created == 0 {
            appended.outcomes = vec![Err(SampleError::DuplicateTimestamp)];
        }
        if self.fault == Fault::StopsAtRejection
            && let Some((first, error)) = appended.first_error()
        {
            appended.outcomes[first..].fill(Err(error));
        }
        if self.fault == Fault::CountsNoSeries {
            appended.series_created = 0;
        }
        Ok(appended)
    }

    fn sync(&self) -> Result<(), SinkError> {
        self.store.sync()
    }
}

impl SeriesSource for Faulty {
    fn select<'a>(&'a self, select: &Select) -> Result<Box<dyn SeriesCursor<'a> + 'a>, SourceError> {
        let mut changed = select.clone();
        match self.fault {
            Fault::EndIsExclusive => changed.end_ms = select.end_ms.saturating_sub(1),
            Fault::StartIsExclusive => changed.start_ms = select.start_ms.saturating_add(1),
            Fault::IgnoresLimit => changed.limit = None,
            Fault::IgnoresMatchers => changed.matchers.truncate(1),
            _ => {}
        }
        let mut cursor = self.store.select(&changed)?;
        let mut series = Vec::new();
        if self.fault != Fault::SelectsLate {
            while let Some(next) = cursor.next_series()? {
                series.push(next);
            }
        }
        if self.fault != Fault::UnsortedSeries {
            series.reverse();
        }
        let late = (self.fault == Fault::SelectsLate).then_some((&self.store, changed));
        Ok(Box::new(FaultyCursor {
            late,
            series,
            fault: self.fault,
        }))
    }

    fn label_names(&self, select: &Select) -> Result<Vec<String>, SourceError> {
        let mut names = self.store.label_names(select)?;
        if self.fault == Fault::UnsortedNames {
            names.reverse();
        }
        Ok(names)
    }

    fn label_values(&self, name: &str, select: &Select) -> Result<Vec<String>, SourceError> {
        self.store.label_values(name, select)
    }
}

struct FaultyCursor<'a> {
    /// What is selected only when the first series is asked for.
    late: Option<(&'a MemorySource, Select)>,
    /// The next one comes last.
    series: Vec<SelectedSeries<'a>>,
    fault: Fault,
}

impl<'a> SeriesCursor<'a> for FaultyCursor<'a> {
    fn next_series(&mut self) -> Result<Option<SelectedSeries<'a>>, SourceError> {
        if let Some((store, select)) = self.late.take() {
            let mut cursor = store.select(&select)?;
            while let Some(next) = cursor.next_series()? {
                self.series.insert(0, next);
            }
        }
        let fault = self.fault;
        Ok(self.series.pop().map(|series| SelectedSeries {
            labels: series.labels,
            samples: Box::new(FaultySamples {
                samples: series.samples,
                fault,
            }),
        }))
    }

    fn remaining_hint(&self) -> Option<usize> {
        (self.fault == Fault::SaysMoreThanRemains).then_some(0)
    }
}

struct FaultySamples<'a> {
    samples: Box<dyn SampleCursor + 'a>,
    fault: Fault,
}

impl SampleCursor for FaultySamples<'_> {
    fn read(&mut self, buffer: &mut SampleBuffer) -> Result<bool, SourceError> {
        if self.fault == Fault::ClearsBuffer {
            buffer.clear();
        }
        let has_more = self.samples.read(buffer)?;
        if self.fault == Fault::LosesSigns {
            buffer.floats.values.iter_mut().for_each(|value| *value += 0.0);
        }
        let histograms = std::mem::take(&mut buffer.histograms);
        for (index, (timestamp_ms, mut view)) in histograms.iter().enumerate() {
            match self.fault {
                Fault::DeniesResets => view.reset_hint = ResetHint::NotReset,
                Fault::LosesBuckets => view.positive = &[],
                Fault::LosesFlavours => view.is_integer = false,
                _ => {}
            }
            buffer.histograms.push(timestamp_ms, view);
            buffer
                .histograms
                .set_start_timestamp_ms(histograms.start_timestamp_ms(index));
        }
        Ok(has_more || self.fault == Fault::EmptyBatches)
    }
}

#[test]
fn the_suites_notice_every_fault() {
    use Fault::*;
    let of_sinks = [
        AcceptsDuplicates,
        AcceptsNoLabels,
        CountsNoSeries,
        ForgetsReferences,
        MixesReferences,
        RejectsRepeats,
        StopsAtRejection,
    ];
    let of_sources = [
        ClearsBuffer,
        EmptyBatches,
        EndIsExclusive,
        IgnoresLimit,
        IgnoresMatchers,
        LosesSigns,
        SaysMoreThanRemains,
        SelectsLate,
        StartIsExclusive,
        UnsortedNames,
        UnsortedSeries,
    ];
    let make = |fault| {
        move || Faulty {
            store: MemorySource::new(),
            fault,
        }
    };
    for fault in of_sinks {
        let result = catch_unwind(AssertUnwindSafe(|| sink_suite(&make(fault))));
        assert!(result.is_err(), "sink_suite does not notice {fault:?}");
    }
    for fault in of_sources {
        let result = catch_unwind(AssertUnwindSafe(|| source_suite(&make(fault))));
        assert!(result.is_err(), "source_suite does not notice {fault:?}");
    }
    for fault in [AcceptsBadHistograms, DeniesResets, LosesBuckets, LosesFlavours] {
        let result = catch_unwind(AssertUnwindSafe(|| histogram_suite(&make(fault))));
        assert!(result.is_err(), "histogram_suite does not notice {fault:?}");
    }
    let result = catch_unwind(AssertUnwindSafe(|| {
        start_timestamp_suite(&make(LosesStarts), false);
    }));
    assert!(
        result.is_err(),
        "start_timestamp_suite does not notice {LosesStarts:?}"
    );
    let exemplars = |faulty: &Faulty, select: &Select| faulty.store.exemplars(select);
    let result = catch_unwind(AssertUnwindSafe(|| {
        exemplar_suite(&make(MovesExemplars), &exemplars);
    }));
    assert!(
        result.is_err(),
        "exemplar_suite does not notice {MovesExemplars:?}"
    );
    let metadata = |faulty: &Faulty, select: &Select| faulty.store.metadata(select);
    let result = catch_unwind(AssertUnwindSafe(|| {
        metadata_suite(&make(RejectsMetadata), &metadata);
    }));
    assert!(
        result.is_err(),
        "metadata_suite does not notice {RejectsMetadata:?}"
    );
}
