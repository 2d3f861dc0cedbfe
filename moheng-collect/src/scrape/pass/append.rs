//! The part of [`ScrapePass`] that talks to the sink.

use std::collections::HashSet;

use moheng_metrics::{AppendBatch, STALE_NAN, SampleError, SampleOutcome, SampleSink, SeriesRef, SinkError};

use super::{PassReport, Pending, Reading, ScrapePass};
use crate::scrape::report::ReportValues;
use crate::scrape::series_cache::Series;

impl ScrapePass {
    /// Appends what was read, stale markers and reports in one batch. What a sink that has forgotten series makes
    /// necessary beyond it is appended afterwards; when that fails, `report` says so.
    ///
    /// # Errors
    ///
    /// The batch was not stored.
    pub(super) fn append(
        &mut self,
        reading: &Reading,
        values: &ReportValues,
        timestamp_ms: i64,
        sink: &dyn SampleSink,
        report: &mut PassReport,
    ) -> Result<(), SinkError> {
        let vanished = self.vanished(reading);
        let batch = self.batch(reading, &vanished, values, timestamp_ms);
        let appended = sink.append(&batch)?;
        let outcomes = appended.outcomes.as_slice();
        let (samples, rest) = outcomes
            .split_at_checked(reading.pending.len())
            .unwrap_or_default();
        let (stale, reports) = rest.split_at_checked(vanished.len()).unwrap_or_default();
        report.stale_markers = stale.iter().filter(|outcome| outcome.is_ok()).count();
        let mut follow_up = self.learn(reading, samples, sink, report);
        follow_up = follow_up.and(self.learn_reports(reports, values, timestamp_ms, sink));
        follow_up = follow_up.and(self.mark_orphans(timestamp_ms, sink, report));
        if let Err(error) = follow_up {
            report.error = Some(error.into());
        }
        Ok(())
    }

    /// Series that were in the last stored scrape and are not in this one.
    fn vanished(&self, reading: &Reading) -> Vec<SeriesRef> {
        if self.tracking == 0 || reading.tracked_again == self.tracked_count {
            return Vec::new();
        }
        // What a failed scrape saw before it failed does not count.
        let is_empty = reading.scraped == 0;
        let is_vanished = |trackable: u32| is_empty || trackable != self.pass;
        let series = self.cache.series().iter();
        series
            .filter(|series| series.tracked == self.tracking && is_vanished(series.trackable))
            .filter_map(|series| series.reference)
            .collect()
    }

    /// Samples first, so that a stale marker that should not be there is refused as a duplicate.
    fn batch<'a>(
        &'a self,
        reading: &'a Reading,
        vanished: &[SeriesRef],
        values: &ReportValues,
        timestamp_ms: i64,
    ) -> AppendBatch<'a> {
        let mut batch = AppendBatch::new();
        let length = reading.pending.len() + vanished.len() + self.reports.len();
        batch.entries.reserve_exact(length);
        let mut labels = reading.labels.iter().peekable();
        let series = self.cache.series();
        for (index, pending) in reading.pending.iter().enumerate() {
            if let Some((_, labels)) = labels.next_if(|(place, _)| *place == index) {
                batch.push_labels(labels, pending.timestamp_ms, pending.value);
            } else if let Some(reference) = series
                .get(pending.series as usize)
                .and_then(|series| series.reference)
            {
                batch.push_reference(reference, pending.timestamp_ms, pending.value);
            }
        }
        debug_assert_eq!(
            batch.len(),
            reading.pending.len(),
            "a sample has neither reference nor labels"
        );
        for &reference in vanished {
            batch.push_reference(reference, timestamp_ms, STALE_NAN);
        }
        for series in &self.reports {
            let value = series.value(values);
            match series.reference {
                Some(reference) => batch.push_reference(reference, timestamp_ms, value),
                None => batch.push_labels(&series.labels, timestamp_ms, value),
            }
        }
        batch
    }

    /// Takes references over and counts rejections. Series the sink has forgotten are appended again by labels.
    fn learn(
        &mut self,
        reading: &Reading,
        outcomes: &[SampleOutcome],
        sink: &dyn SampleSink,
        report: &mut PassReport,
    ) -> Result<(), SinkError> {
        for &series in &reading.out_of_bounds {
            self.mark_stored(series);
        }
        let mut forgotten = Vec::new();
        for (pending, outcome) in reading.pending.iter().zip(outcomes) {
            match outcome {
                Err(SampleError::UnknownReference) => {
                    self.mark_stored(pending.series);
                    forgotten.extend(self.labels_of(pending.series).map(|labels| (*pending, labels)));
                }
                outcome => self.learn_outcome(pending, *outcome, report),
            }
        }
        if forgotten.is_empty() {
            return Ok(());
        }
        let mut batch = AppendBatch::new();
        for (pending, labels) in &forgotten {
            batch.push_labels(labels, pending.timestamp_ms, pending.value);
        }
        let appended = sink.append(&batch)?;
        for ((pending, _), outcome) in forgotten.iter().zip(appended.outcomes) {
            self.learn_outcome(pending, outcome, report);
        }
        Ok(())
    }

    #[inline]
    fn learn_outcome(&mut self, pending: &Pending, outcome: SampleOutcome, report: &mut PassReport) {
        let series = self.mark_stored(pending.series);
        match outcome {
            Ok(reference) => {
                if let Some(series) = series {
                    series.reference = Some(reference);
                }
                report.samples_appended += 1;
            }
            Err(SampleError::DuplicateTimestamp) => report.duplicates += 1,
            Err(SampleError::OutOfOrder) => report.out_of_order += 1,
            Err(SampleError::OutOfBounds) => report.out_of_bounds += 1,
            Err(_) => report.refused += 1,
        }
    }

    /// Notes that a series was part of a scrape that is stored, even if its sample was not taken.
    #[inline]
    fn mark_stored(&mut self, series: u32) -> Option<&mut Series> {
        let series = self.cache.get_mut(series)?;
        series.stored = self.pass;
        if series.trackable == self.pass {
            series.tracked = self.pass;
        }
        Some(series)
    }

    fn learn_reports(
        &mut self,
        outcomes: &[SampleOutcome],
        values: &ReportValues,
        timestamp_ms: i64,
        sink: &dyn SampleSink,
    ) -> Result<(), SinkError> {
        let mut is_forgotten = false;
        for (series, outcome) in self.reports.iter_mut().zip(outcomes) {
            match outcome {
                Ok(reference) => series.reference = Some(*reference),
                Err(SampleError::UnknownReference) => {
                    series.reference = None;
                    is_forgotten = true;
                }
                // As for a sample of the target that has the same name: the first one stays.
                Err(_) => {}
            }
        }
        if !is_forgotten {
            return Ok(());
        }
        let mut batch = AppendBatch::new();
        for series in self.reports.iter().filter(|series| series.reference.is_none()) {
            batch.push_labels(&series.labels, timestamp_ms, series.value(values));
        }
        let appended = sink.append(&batch)?;
        let forgotten = self
            .reports
            .iter_mut()
            .filter(|series| series.reference.is_none());
        for (series, outcome) in forgotten.zip(appended.outcomes) {
            series.reference = outcome.ok();
        }
        Ok(())
    }

    /// Marks series that left the cache before they were marked, unless this scrape has them under another text.
    fn mark_orphans(
        &mut self,
        timestamp_ms: i64,
        sink: &dyn SampleSink,
        report: &mut PassReport,
    ) -> Result<(), SinkError> {
        if self.orphans.is_empty() {
            return Ok(());
        }
        let current = self
            .cache
            .series()
            .iter()
            .filter(|series| series.stored == self.pass);
        let reports = self.reports.iter().filter_map(|series| series.reference);
        let current: HashSet<SeriesRef> = current
            .filter_map(|series| series.reference)
            .chain(reports)
            .collect();
        let mut batch = AppendBatch::new();
        for reference in self
            .orphans
            .iter()
            .filter(|reference| !current.contains(reference))
        {
            batch.push_reference(*reference, timestamp_ms, STALE_NAN);
        }
        if !batch.is_empty() {
            report.stale_markers += sink.append(&batch)?.accepted();
        }
        self.orphans.clear();
        Ok(())
    }
}
