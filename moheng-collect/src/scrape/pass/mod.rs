//! [`ScrapePass`]: one scrape after the other, from exposition text to appended samples.

mod append;

use std::sync::Arc;
use std::time::Duration;

use moheng_metrics::{
    AppendBatch, Clock, Labels, MetricKind, STALE_NAN, SampleSink, SeriesRef, SinkError, TextEntry,
    TextParser, TextSample,
};

use super::body::MAX_BODY_BYTES;
use super::comments::Comments;
use super::metadata::MetadataCache;
use super::report::{ReportSeries, ReportValues, report_series};
use super::series_cache::{Known, SeriesCache};
use super::{FetchError, MetricMetadata, SampleRules, ScrapeError, ScrapeLimits};

/// How far in the future an exposed timestamp may be.
const MAX_AHEAD_MS: i64 = 10 * 60 * 1000;

/// What [`ScrapePass`] needs to know of a target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PassSettings {
    /// The labels every series of the target gets.
    pub labels: Labels,
    /// How samples are treated.
    pub samples: SampleRules,
    /// What makes a scrape fail; `body_size_bytes`, `targets` and `kept_dropped_targets` are not looked at.
    pub limits: ScrapeLimits,
    /// The scrape timeout, for `scrape_timeout_seconds`.
    pub timeout_seconds: f64,
}

/// Turns the successive expositions of one target into samples: parses, relabels, limits, appends, marks series that
/// vanished as stale, and adds `up` and friends. Synchronous; no network.
///
/// What a target exposed last time is remembered as text, so that a series is recognised by comparing bytes and
/// appended by reference.
///
/// ```
/// use moheng_collect::{PassSettings, Scrape, ScrapePass};
/// use moheng_metrics::{Labels, MemorySource, SystemClock};
///
/// let store = MemorySource::new();
/// let clock = SystemClock::new();
/// let labels = Labels::from_pairs([("instance", "a:1"), ("job", "test")]);
/// let mut pass = ScrapePass::new(PassSettings { labels, ..PassSettings::default() });
/// let report = pass.apply(Scrape::new(b"load 0.5\n", 15_000), &store, &clock);
/// assert!(report.error.is_none());
/// assert_eq!(store.series_count(), 1 + 5);
///
/// let report = pass.apply(Scrape::new(b"load zero\n", 30_000), &store, &clock);
/// assert!(report.error.unwrap().to_string().contains("expected a number"));
/// ```
#[derive(Debug)]
pub struct ScrapePass {
    settings: PassSettings,
    cache: SeriesCache,
    comments: Comments,
    metadata: MetadataCache,
    reports: Vec<ReportSeries>,
    /// The number of the pass that runs or ran last.
    pass: u32,
    /// The last pass whose samples were stored.
    last_stored: u32,
    /// The pass whose trackable series have no stale marker yet; 0 when there is none.
    tracking: u32,
    /// How many series that are.
    tracked_count: usize,
    /// Series that have no stale marker yet and are not in the cache.
    orphans: Vec<SeriesRef>,
}

/// One scrape of a target.
#[derive(Debug)]
#[non_exhaustive]
pub struct Scrape<'a> {
    /// The exposition, or why there is none.
    pub body: Result<&'a [u8], ScrapeError>,
    /// The time of the scrape, in milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// When the scrape began, by the monotonic clock; `None` for now.
    pub started: Option<Duration>,
}

impl<'a> Scrape<'a> {
    /// A scrape that fetched `body` in no time.
    pub fn new(body: &'a [u8], timestamp_ms: i64) -> Self {
        Self {
            body: Ok(body),
            timestamp_ms,
            started: None,
        }
    }
}

/// What became of a scrape.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct PassReport {
    /// Why the scrape failed, if it did.
    pub error: Option<ScrapeError>,
    /// From the start of the scrape to when its samples were ready, in seconds.
    pub duration_seconds: f64,
    /// The size of the exposition in bytes.
    pub body_size_bytes: usize,
    /// Samples exposed.
    pub samples_scraped: usize,
    /// Samples left after relabelling.
    pub samples_kept: usize,
    /// Series that the last successful scrape did not have.
    pub series_added: usize,
    /// Samples appended, without reports and stale markers.
    pub samples_appended: usize,
    /// Stale markers appended.
    pub stale_markers: usize,
    /// Samples not taken because their series had one at that time already.
    pub duplicates: usize,
    /// Samples not taken because they are older than the newest of their series.
    pub out_of_order: usize,
    /// Samples not taken because they are too old, or too far in the future.
    pub out_of_bounds: usize,
    /// Samples not taken because the sink limits series or labels.
    pub refused: usize,
}

impl ScrapePass {
    /// The state of a target that was not scraped yet.
    pub fn new(settings: PassSettings) -> Self {
        Self {
            reports: report_series(settings.samples.reports, &settings.labels),
            settings,
            cache: SeriesCache::default(),
            comments: Comments::default(),
            metadata: MetadataCache::default(),
            pass: 0,
            last_stored: 0,
            tracking: 0,
            tracked_count: 0,
            orphans: Vec::new(),
        }
    }

    /// Changes the settings. Series that will no longer come are marked as stale by the next scrape.
    pub fn set_settings(&mut self, settings: PassSettings) {
        if settings == self.settings {
            return;
        }
        if settings.samples.reports != self.settings.samples.reports
            || settings.labels != self.settings.labels
        {
            self.orphans
                .extend(self.reports.iter().filter_map(|report| report.reference));
            self.reports = report_series(settings.samples.reports, &settings.labels);
        }
        self.settings = settings;
        self.clear_cache();
    }

    /// Whether nothing was scraped yet.
    pub fn is_new(&self) -> bool {
        self.pass == 0
    }

    /// Appends one scrape to `sink`: its samples, or, when it failed, none of them; stale markers for series of the last
    /// scrape that are missing in this one; and the series about the scrape itself. All in one batch.
    ///
    /// When the sink fails nothing was appended, and the next scrape marks as stale what this one should have.
    pub fn apply(&mut self, scrape: Scrape<'_>, sink: &dyn SampleSink, clock: &dyn Clock) -> PassReport {
        let begun = clock.monotonic();
        let mut report = PassReport::default();
        let mut reading = Reading::default();
        self.begin();
        let body_state = match &scrape.body {
            Ok(body) => body.len() as i64,
            Err(ScrapeError::Fetch(FetchError::BodyTooLarge { .. })) => -1,
            Err(_) => 0,
        };
        let outcome = scrape.body.and_then(|body| {
            report.body_size_bytes = body.len();
            self.read(body, scrape.timestamp_ms, &mut reading)
        });
        reading.fill(&mut report);
        if let Err(error) = outcome {
            reading = Reading::default();
            report.series_added = 0;
            report.error = Some(error);
        }
        let elapsed = clock.monotonic().saturating_sub(scrape.started.unwrap_or(begun));
        report.duration_seconds = elapsed.as_secs_f64();
        let values = self.report_values(&report, body_state);
        let is_success = report.error.is_none();
        match self.append(&reading, &values, scrape.timestamp_ms, sink, &mut report) {
            Ok(()) => self.end(is_success, report.body_size_bytes, reading.tracked),
            Err(error) => report.error = Some(error.into()),
        }
        if self.cache.is_too_large() {
            self.clear_cache();
        }
        report
    }

    /// Marks all series of the target as stale, those about the scrape itself included, because it will not be scraped
    /// any more.
    ///
    /// # Errors
    ///
    /// See [`SinkError`]; nothing was appended.
    pub fn finish(&mut self, timestamp_ms: i64, sink: &dyn SampleSink) -> Result<usize, SinkError> {
        self.clear_cache();
        let reports = self.reports.iter().filter_map(|report| report.reference);
        let mut batch = AppendBatch::new();
        for reference in self.orphans.iter().copied().chain(reports) {
            batch.push_reference(reference, timestamp_ms, STALE_NAN);
        }
        if batch.is_empty() {
            return Ok(0);
        }
        let appended = sink.append(&batch)?;
        self.orphans.clear();
        Ok(appended.accepted())
    }

    /// Types and help texts of what the target exposes, if they changed since the last call.
    pub fn take_changed_metadata(&mut self) -> Option<Arc<[Arc<MetricMetadata>]>> {
        self.metadata.take_changed()
    }

    fn begin(&mut self) {
        self.pass += 1;
        self.cache.begin();
        self.comments.begin();
        self.metadata.begin();
    }

    fn read(&mut self, body: &[u8], timestamp_ms: i64, reading: &mut Reading) -> Result<(), ScrapeError> {
        if body.len() as u64 > MAX_BODY_BYTES {
            let limit_bytes = MAX_BODY_BYTES;
            return Err(FetchError::BodyTooLarge { limit_bytes }.into());
        }
        reading.pending.reserve(self.tracked_count);
        self.read_entries(body, timestamp_ms, reading)
            .inspect_err(|_| self.comments.roll_back())?;
        let has_read_all = self.comments.commit();
        self.metadata.commit(has_read_all);
        match self.settings.limits.samples {
            Some(limit) if reading.counted > limit => Err(ScrapeError::SampleLimit {
                limit,
                samples: reading.counted,
            }),
            _ => Ok(()),
        }
    }

    fn read_entries(
        &mut self,
        body: &[u8],
        timestamp_ms: i64,
        reading: &mut Reading,
    ) -> Result<(), ScrapeError> {
        let mut parser = TextParser::new(body);
        let mut kind = MetricKind::Untyped;
        // Where the comments began that are being read, and how much was left behind the last of them.
        let mut comments = parser.rest();
        let mut behind_comments = None;
        loop {
            if let Some(skipped_kind) = self.comments.skip(&mut parser) {
                kind = skipped_kind;
                comments = parser.rest();
                if behind_comments.take().is_some() {
                    self.comments.add(&[], kind);
                }
                continue;
            }
            let entry = parser.next_entry(self.cache.expected())?;
            match &entry {
                Some(TextEntry::Help { name, help }) => self.metadata.set_help(name, help),
                Some(TextEntry::Type { name, kind: stated }) => {
                    kind = *stated;
                    self.metadata.set_kind(name, kind);
                }
                // Only OpenMetrics has any.
                Some(TextEntry::Unit { .. }) => {}
                Some(TextEntry::Sample(_)) | None => {
                    if let Some(left) = behind_comments.take() {
                        let lines = comments.get(..comments.len() - left);
                        self.comments.add(lines.unwrap_or_default(), kind);
                    }
                }
            }
            match entry {
                None => return Ok(()),
                Some(TextEntry::Sample(sample)) => {
                    self.read_sample(&sample, kind, timestamp_ms, reading)?;
                    comments = parser.rest();
                }
                Some(_) => behind_comments = Some(parser.rest().len()),
            }
        }
    }

    #[inline]
    fn read_sample(
        &mut self,
        sample: &TextSample<'_>,
        kind: MetricKind,
        scrape_ms: i64,
        reading: &mut Reading,
    ) -> Result<(), ScrapeError> {
        reading.scraped += 1;
        let (known, new_labels) = match self.cache.find(sample.series) {
            Some(known) => (known, None),
            None => self.recognise(sample, kind)?,
        };
        let Known::Series(index) = known else {
            return Ok(());
        };
        reading.kept += 1;
        let rules = &self.settings.samples;
        let own_ms = sample.timestamp_ms.filter(|_| rules.honor_timestamps);
        let is_trackable = own_ms.is_none() || rules.track_timestamps_staleness;
        let Some(series) = self.cache.get_mut(index) else {
            return Ok(());
        };
        if series.seen == self.pass && own_ms.is_none() {
            reading.duplicates += 1;
            return Ok(());
        }
        if series.seen != self.pass {
            series.seen = self.pass;
            reading.added += usize::from(series.stored == 0 || series.stored != self.last_stored);
        }
        if is_trackable && series.trackable != self.pass {
            series.trackable = self.pass;
            reading.tracked += 1;
            reading.tracked_again += usize::from(self.tracking != 0 && series.tracked == self.tracking);
        }
        let timestamp_ms = own_ms.unwrap_or(scrape_ms);
        if timestamp_ms > scrape_ms.saturating_add(MAX_AHEAD_MS) {
            reading.out_of_bounds.push(index);
            return Ok(());
        }
        reading.counted += 1;
        let reference = series.reference;
        if reference.is_none() {
            let labels = new_labels.or_else(|| self.labels_of(index)).ok_or_else(|| {
                let series = String::from_utf8_lossy(sample.series);
                ScrapeError::InvalidSeries(format!("{series} cannot be read a second time"))
            })?;
            reading.labels.push((reading.pending.len(), labels));
        }
        reading.pending.push(Pending {
            series: index,
            timestamp_ms,
            value: sample.value,
        });
        Ok(())
    }

    /// Finds out what a text is that was not exposed before.
    #[cold]
    fn recognise(
        &mut self,
        sample: &TextSample<'_>,
        kind: MetricKind,
    ) -> Result<(Known, Option<Labels>), ScrapeError> {
        let labels = self.settings.decode(sample)?;
        let settings = &self.settings;
        let known = self
            .cache
            .insert(sample.series, kind, labels.as_ref(), |text, kind| {
                settings.decode_again(text, kind)
            });
        Ok((known, labels))
    }

    fn labels_of(&self, series: u32) -> Option<Labels> {
        let (text, kind) = self.cache.text_of(series);
        self.settings.decode_again(text, kind)
    }

    fn report_values(&self, report: &PassReport, body_size_bytes: i64) -> ReportValues {
        ReportValues {
            is_up: report.error.is_none(),
            duration_seconds: report.duration_seconds,
            samples_scraped: report.samples_scraped,
            samples_kept: report.samples_kept,
            series_added: report.series_added,
            timeout_seconds: self.settings.timeout_seconds,
            sample_limit: self.settings.limits.samples.unwrap_or(0),
            body_size_bytes,
        }
    }

    /// Ends a pass whose batch was stored.
    fn end(&mut self, is_success: bool, body_bytes: usize, tracked_count: usize) {
        if is_success {
            self.last_stored = self.pass;
            self.tracking = self.pass;
            self.tracked_count = tracked_count;
            self.cache.commit(body_bytes);
        } else {
            self.tracking = 0;
            self.tracked_count = 0;
        }
    }

    /// Forgets all texts. Series that are still to be marked as stale are remembered by reference.
    fn clear_cache(&mut self) {
        if self.tracking != 0 {
            let tracked = self
                .cache
                .series()
                .iter()
                .filter(|series| series.tracked == self.tracking);
            self.orphans.extend(tracked.filter_map(|series| series.reference));
        }
        self.tracking = 0;
        self.tracked_count = 0;
        self.cache.clear();
    }
}

/// What was read of one exposition.
#[derive(Debug, Default)]
struct Reading {
    pending: Vec<Pending>,
    /// Labels of samples whose series has no reference, by index in `pending`.
    labels: Vec<(usize, Labels)>,
    scraped: usize,
    kept: usize,
    added: usize,
    duplicates: usize,
    /// Series with a sample too far in the future.
    out_of_bounds: Vec<u32>,
    /// Samples the limit counts.
    counted: usize,
    /// Trackable series.
    tracked: usize,
    /// Those that were tracked in the last stored scrape, too.
    tracked_again: usize,
}

impl Reading {
    fn fill(&self, report: &mut PassReport) {
        report.samples_scraped = self.scraped;
        report.samples_kept = self.kept;
        report.series_added = self.added;
        report.duplicates = self.duplicates;
        report.out_of_bounds = self.out_of_bounds.len();
    }
}

/// A sample to append.
#[derive(Clone, Copy, Debug)]
struct Pending {
    series: u32,
    timestamp_ms: i64,
    value: f64,
}

#[cfg(test)]
mod tests;
