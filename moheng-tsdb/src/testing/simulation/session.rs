//! The operations of a plan, from opening the database to the end of the process.

use std::sync::Arc;

use moheng_metrics::histogram::{FloatHistogram, IntegerHistogram};
use moheng_metrics::testing::{
    HistogramSeries, Random, ReadSample, ReadValue, random_float_histogram, random_histogram,
    try_read_samples, try_read_series,
};
use moheng_metrics::{
    AppendBatch, Clock, HistogramEntry, HistogramValue, HistogramView, Labels, SampleError, SampleOutcome,
    SampleSink, Select, SelectedSeries, SeriesCursor, SeriesKey, SeriesSource,
};

use super::compare::{compare, compare_labels, compare_limited};
use super::model::{Observed, View};
use super::plan::{Operation, PlannedQuery, PlannedSample, PlannedValue, labels_of};
use super::strike::End;
use super::world::{Tried, World, everything, in_words};
use crate::storage::MemoryDirectory;
use crate::{Db, WalSync, backup};

/// A query that is read later.
struct Held<'a> {
    select: Select,
    /// What there was when it began.
    view: View,
    handed_out: Vec<SelectedSeries<'a>>,
    rest: Box<dyn SeriesCursor<'a> + 'a>,
}

/// The value of a sample to append.
enum Value {
    Float(f64),
    Integer(IntegerHistogram),
    Fractional(FloatHistogram),
}

/// A sample to append.
struct Prepared {
    series: u64,
    labels: Labels,
    time_ms: i64,
    start_ms: i64,
    value: Value,
    by_reference: bool,
}

impl World<'_> {
    /// Carries out operations from number `next` on until the database is closed or dies; returns the number of the first one
    /// that was not carried out.
    pub(super) fn session(&mut self, db: Db, mut next: usize) -> Result<usize, String> {
        let mut held: Vec<Held<'_>> = Vec::new();
        let plan = self.plan;
        let mut end = None;
        while let Some(operation) = plan.operations.get(next) {
            next += 1;
            self.arm();
            let fired = self.disk.fired();
            self.clock.advance_ms(1);
            let outcome = self.operation(&db, operation, &mut held);
            end = outcome
                .map_err(|error| format!("operation {}, {}: {error}", next - 1, name_of(operation)))?;
            if self.disk.is_crashed() {
                drop(held);
                drop(db);
                self.crash();
                return Ok(next);
            }
            if self.disk.fired() > fired {
                self.compare_all(&db).map_err(|error| {
                    format!(
                        "after a fault in operation {}, {}: {error}",
                        next - 1,
                        name_of(operation)
                    )
                })?;
                if self.disk.is_crashed() {
                    end = None;
                    break;
                }
            }
            self.let_repair(fired);
            if end.is_some() {
                break;
            }
        }
        let fired = self.disk.fired();
        drop(held);
        if let Some(end) = end {
            // It does not get to what closing would write.
            self.disk.crash();
            self.end(end);
            drop(db);
            return Ok(next);
        }
        drop(db);
        if self.disk.is_crashed() {
            self.crash();
        } else {
            self.let_repair(fired);
        }
        Ok(next)
    }

    fn operation<'a>(
        &mut self,
        db: &'a Db,
        operation: &Operation,
        held: &mut Vec<Held<'a>>,
    ) -> Result<Option<End>, String> {
        match operation {
            Operation::Append(samples) => self.append(db, samples)?,
            Operation::Sync => {
                let fired = self.disk.fired();
                match db.sync() {
                    Ok(()) => self.synced(),
                    Err(error) => self.must_be_refused(db, fired, "a sync", &error)?,
                }
            }
            Operation::Pass { milliseconds } => self.pass(db, *milliseconds)?,
            Operation::Compact => self.compact(db)?,
            Operation::Delete(query) => self.delete(db, query)?,
            Operation::CleanTombstones => {
                let fired = self.disk.fired();
                if let Err(error) = db.clean_tombstones() {
                    self.must_be_refused(db, fired, "cleaning tombstones", &error)?;
                }
            }
            Operation::Window { milliseconds } => {
                let fired = self.disk.fired();
                match db.set_out_of_order_window_ms(*milliseconds) {
                    Ok(()) => self.model.set_window_ms(*milliseconds),
                    Err(error) => self.must_be_fault(fired, "changing the window", &error)?,
                }
            }
            Operation::Query(query) => self.query(db, query)?,
            Operation::Hold(query) => held.extend(self.hold(db, query)?),
            Operation::ReadHeld => {
                for held in held.drain(..) {
                    self.read_held(held)?;
                }
            }
            Operation::Labels => self.labels(db)?,
            Operation::Backup => self.backup(db)?,
            Operation::ReadOnly => self.read_only()?,
            Operation::Verify => {
                let fired = self.disk.fired();
                if let Err(error) = db.verify() {
                    self.must_be_fault(fired, "verifying", &error)?;
                }
            }
            Operation::Reopen => {
                let fired = self.disk.fired();
                match db.close() {
                    Ok(()) => self.model.synced_until(u64::MAX),
                    Err(error) => self.must_be_refused(db, fired, "closing", &error)?,
                }
                return Ok(Some(End::Process));
            }
            Operation::Kill => return Ok(Some(End::Process)),
            Operation::PowerCut { torn } => return Ok(Some(torn.map_or(End::Power, End::TornPower))),
        }
        Ok(None)
    }

    /// An error is right because of a fault, or because one before made the database refuse writes.
    fn must_be_refused(
        &self,
        db: &Db,
        fired_before: u64,
        what: &str,
        error: &dyn std::fmt::Display,
    ) -> Result<(), String> {
        if db.stats().wal.is_writable {
            self.must_be_fault(fired_before, what, error)
        } else {
            Ok(())
        }
    }

    fn pass(&mut self, db: &Db, milliseconds: u64) -> Result<(), String> {
        self.clock.advance_ms(milliseconds);
        let fired = self.disk.fired();
        match db.run_maintenance() {
            Ok(()) => {
                if let WalSync::Interval(interval) = self.plan.settings.wal_sync
                    && db.stats().wal.is_writable
                {
                    let before = self.monotonic_ms().checked_sub(interval.as_millis() as u64);
                    if let Some(time_ms) = before {
                        self.model.synced_until(time_ms);
                    }
                }
                Ok(())
            }
            Err(error) => self.must_be_refused(db, fired, "maintenance", &error),
        }
    }

    fn compact(&mut self, db: &Db) -> Result<(), String> {
        let fired = self.disk.fired();
        let compacted = db.compact();
        self.after_compaction();
        match compacted {
            Ok(compacted) => {
                self.tally.head_blocks += compacted.head_blocks + compacted.late_blocks;
                self.tally.joined_blocks += compacted.joined_blocks;
                self.tally.expired_blocks += compacted.expired_blocks;
                Ok(())
            }
            Err(error) => self.must_be_refused(db, fired, "compacting", &error),
        }
    }

    fn delete(&mut self, db: &Db, query: &PlannedQuery) -> Result<(), String> {
        let mut select = query.select(self.clock.now_ms());
        if select.end_ms < select.start_ms {
            std::mem::swap(&mut select.start_ms, &mut select.end_ms);
        }
        let fired = self.disk.fired();
        let now_ms = self.monotonic_ms();
        let deleted = db.delete(&select.matchers, select.start_ms, select.end_ms);
        self.model.delete(&select, deleted.is_ok(), now_ms);
        match deleted {
            Ok(_) => Ok(()),
            Err(error) => self.must_be_refused(db, fired, "deleting", &error),
        }
    }

    fn query(&mut self, db: &Db, query: &PlannedQuery) -> Result<(), String> {
        let select = query.select(self.clock.now_ms());
        let view = self.model.view(&select);
        let Tried::Done(observed) = self.read(db, &select)? else {
            return Ok(());
        };
        check(&view, &observed, &select).map_err(|error| format!("{select:?}: {error}"))
    }

    fn hold<'a>(&mut self, db: &'a Db, query: &PlannedQuery) -> Result<Option<Held<'a>>, String> {
        let select = query.select(self.clock.now_ms());
        let fired = self.disk.fired();
        let held = db.select(&select).and_then(|mut rest| {
            let mut handed_out = Vec::new();
            while handed_out.len() < query.handed_out
                && let Some(series) = rest.next_series()?
            {
                handed_out.push(series);
            }
            Ok(Held {
                view: self.model.view(&select),
                select,
                handed_out,
                rest,
            })
        });
        match held {
            Ok(held) => Ok(Some(held)),
            Err(error) => {
                self.must_be_fault(fired, "a query", &error)?;
                Ok(None)
            }
        }
    }

    fn read_held(&mut self, held: Held<'_>) -> Result<(), String> {
        let fired = self.disk.fired();
        let Held {
            select,
            view,
            handed_out,
            mut rest,
        } = held;
        let read = handed_out
            .into_iter()
            .map(|mut series| Ok((series.labels, try_read_series(&mut *series.samples, &select)?)))
            .collect::<Result<Observed, moheng_metrics::SourceError>>()
            .and_then(|mut observed| {
                observed.retain(|(_, samples)| !samples.is_empty());
                observed.extend(try_read_samples(&mut *rest, &select)?);
                Ok(observed)
            });
        match read {
            Ok(observed) => {
                check(&view, &observed, &select).map_err(|error| format!("held {select:?}: {error}"))
            }
            Err(error) => self.must_be_fault(fired, "a held query", &error),
        }
    }

    fn labels(&mut self, db: &Db) -> Result<(), String> {
        let select = everything();
        let fired = self.disk.fired();
        let names = match db.label_names(&select) {
            Ok(names) => names,
            Err(error) => return self.must_be_fault(fired, "listing label names", &error),
        };
        compare_labels(&self.model, None, &names)?;
        for name in names {
            match db.label_values(&name, &select) {
                Ok(values) => compare_labels(&self.model, Some(&name), &values)?,
                Err(error) => return self.must_be_fault(fired, "listing label values", &error),
            }
        }
        Ok(())
    }

    fn backup(&mut self, db: &Db) -> Result<(), String> {
        let target = MemoryDirectory::new();
        let fired = self.disk.fired();
        let view = self.model.view(&everything());
        let taken = db.snapshot().and_then(|snapshot| {
            self.model.synced_until(u64::MAX);
            snapshot.write_to(&self.disk.beside(Arc::new(target.clone())))
        });
        if let Err(error) = taken {
            return self.must_be_refused(db, fired, "a backup", &error);
        }
        let target = target.after_power_cut(|_| 0);
        backup::verify(&target).map_err(in_words("verifying a backup"))?;
        let restored = MemoryDirectory::new();
        backup::restore(&target, &restored).map_err(in_words("restoring a backup"))?;
        let again = self
            .builder(Arc::new(restored.after_power_cut(|_| 0)))
            .open()
            .map_err(in_words("opening a restored backup"))?;
        let Tried::Done(observed) = self.read(&again, &everything())? else {
            return Ok(());
        };
        compare(&view, &observed, true).map_err(|error| format!("in the backup: {error}"))?;
        again.verify().map_err(in_words("verifying a restored backup"))
    }

    fn read_only(&mut self) -> Result<(), String> {
        let fired = self.disk.fired();
        let reader = match self.try_open(true) {
            Ok(reader) => reader,
            Err(error) => return self.must_be_fault(fired, "opening read-only", &error),
        };
        if let Tried::Done(observed) = self.read(&reader, &everything())? {
            compare(self.model.all(), &observed, true)
                .map_err(|error| format!("seen by a read-only user: {error}"))?;
        }
        Ok(())
    }

    /// Appends something that must be taken.
    pub(super) fn append_one(&mut self, db: &Db) -> Result<(), String> {
        let planned = PlannedSample {
            series: 1,
            offset_ms: 300_000,
            value: PlannedValue::Float(0.5),
            by_reference: false,
            start_offset_ms: None,
        };
        let before = self.model.newest_ms;
        // Beyond all that may be from the future.
        while before.is_some_and(|before| before >= self.clock.now_ms() + planned.offset_ms) {
            self.clock.advance_ms(300_000);
        }
        self.append(db, &[planned])?;
        if self.model.newest_ms > before {
            Ok(())
        } else {
            Err("a sample newer than all others was not taken".to_owned())
        }
    }

    fn append(&mut self, db: &Db, planned: &[PlannedSample]) -> Result<(), String> {
        let prepared: Vec<Prepared> = planned.iter().map(|sample| self.prepare(sample)).collect();
        let mut batch = AppendBatch::new();
        for sample in &prepared {
            self.push(&mut batch, sample);
        }
        let fired = self.disk.fired();
        let now_ms = self.monotonic_ms();
        let outcome = db.append(&batch);
        let is_float = |sample: &&Prepared| matches!(sample.value, Value::Float(_));
        let (floats, histograms): (Vec<&Prepared>, Vec<&Prepared>) = prepared.iter().partition(is_float);
        match outcome {
            Ok(appended) => {
                if (appended.outcomes.len(), appended.histogram_outcomes.len())
                    != (floats.len(), histograms.len())
                {
                    return Err("outcomes are not parallel to the batch".to_owned());
                }
                let outcomes = appended.outcomes.iter().chain(&appended.histogram_outcomes);
                for (sample, outcome) in floats.into_iter().chain(histograms).zip(outcomes) {
                    self.outcome(sample, *outcome, now_ms)?;
                }
                Ok(())
            }
            Err(error) => {
                if self.disk.fired() > fired {
                    for sample in &prepared {
                        let read = self.as_read(sample);
                        self.model.failed(&sample.labels, &read, now_ms);
                    }
                }
                self.must_be_refused(db, fired, "an append", &error)
            }
        }
    }

    fn outcome(&mut self, sample: &Prepared, outcome: SampleOutcome, now_ms: u64) -> Result<(), String> {
        match outcome {
            Ok(reference) => {
                self.references.insert(sample.series, reference);
            }
            Err(SampleError::UnknownReference) => {
                self.references.remove(&sample.series);
            }
            Err(_) => {}
        }
        let read = self.as_read(sample);
        self.model
            .outcome(&sample.labels, &read, outcome.map(|_| ()), now_ms)
    }

    fn prepare(&mut self, planned: &PlannedSample) -> Prepared {
        let value = match planned.value {
            PlannedValue::Float(value) => Value::Float(value),
            PlannedValue::Integer(seed) => Value::Integer(random_histogram(&mut Random::new(seed))),
            PlannedValue::Fractional(seed) => {
                Value::Fractional(random_float_histogram(&mut Random::new(seed)))
            }
            PlannedValue::Counter => {
                let new = || HistogramSeries::counter_with_resets(planned.series, 10);
                let series = self.counters.entry(planned.series).or_insert_with(new);
                Value::Integer(series.next_sample())
            }
        };
        let time_ms = self.clock.now_ms() + planned.offset_ms;
        Prepared {
            series: planned.series,
            labels: labels_of(planned.series),
            time_ms,
            start_ms: planned.start_offset_ms.map_or(0, |offset_ms| time_ms + offset_ms),
            value,
            by_reference: planned.by_reference,
        }
    }

    fn push<'b>(&self, batch: &mut AppendBatch<'b>, sample: &'b Prepared) {
        let reference = self
            .references
            .get(&sample.series)
            .filter(|_| sample.by_reference);
        let key = reference.map_or(SeriesKey::Labels(&sample.labels), |reference| {
            SeriesKey::Reference(*reference)
        });
        let value = match &sample.value {
            Value::Float(value) => {
                match key {
                    SeriesKey::Labels(labels) => batch.push_labels(labels, sample.time_ms, *value),
                    SeriesKey::Reference(reference) => {
                        batch.push_reference(reference, sample.time_ms, *value);
                    }
                }
                batch.set_start_timestamp_ms(sample.start_ms);
                return;
            }
            Value::Integer(histogram) => HistogramValue::Integer(histogram),
            Value::Fractional(histogram) => HistogramValue::Float(histogram),
        };
        batch.histograms.push(HistogramEntry {
            series: key,
            timestamp_ms: sample.time_ms,
            start_timestamp_ms: sample.start_ms,
            value,
        });
    }

    /// The sample as a query must hand it out.
    fn as_read(&self, sample: &Prepared) -> ReadSample {
        let value = match &sample.value {
            Value::Float(value) => ReadValue::float(*value),
            Value::Integer(histogram) => {
                let mut stored = histogram.clone();
                // The generators make nothing that is refused.
                let _ = stored.reduce_for_storage();
                let floats = stored.to_float();
                ReadValue::histogram(HistogramView {
                    is_integer: true,
                    ..floats.view()
                })
            }
            Value::Fractional(histogram) => {
                let mut stored = histogram.clone();
                let _ = stored.reduce_for_storage();
                ReadValue::histogram(stored.view())
            }
        };
        let has_starts = self.plan.settings.start_timestamps;
        ReadSample {
            timestamp_ms: sample.time_ms,
            start_timestamp_ms: if has_starts { sample.start_ms } else { 0 },
            value,
        }
    }
}

fn check(view: &View, observed: &Observed, select: &Select) -> Result<(), String> {
    match select.limit {
        Some(limit) => compare_limited(view, observed, limit),
        None => compare(view, observed, false),
    }
}

fn name_of(operation: &Operation) -> String {
    let text = format!("{operation:?}");
    let end = text.find(['(', ' ']).unwrap_or(text.len());
    text.get(..end).unwrap_or_default().to_owned()
}
