//! One pass over a request.

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use super::attributes::{Candidates, Identity, LabelPairs};
use super::name::metric_name;
use super::unit::UnitWords;
use super::wire::{Data, DataKind, Message, Metric, PointTime, Resource};
use super::{OtlpError, OtlpOptions, TranslatedSeries, Translation, WarningKind};
use crate::{Labels, Metadata, MetricKind};

/// The name of the series that carries the attributes of a resource.
const TARGET_INFO: &str = "target_info";

/// `target_info` gets at most so many samples from one resource of a request.
const MAX_TARGET_INFO_SAMPLES: usize = 1000;

/// About what a series and a sample take in memory beside labels and buckets.
const SERIES_BYTES: usize = 256;
pub(super) const SAMPLE_BYTES: usize = 32;

const DELTA: u64 = 1;
const CUMULATIVE: u64 = 2;

/// What has been translated so far.
#[derive(Debug)]
pub(super) struct Translator<'o> {
    pub(super) options: &'o OtlpOptions,
    pub(super) output: Translation,
    /// Where each series is in the output.
    index: HashMap<Labels, usize>,
    output_bytes: usize,
    /// Where the metadata of `target_info` is in the output.
    target_info_metadata: Option<usize>,
}

/// What all series of a scope have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Common<'a, 'c> {
    resource: &'c Candidates<'a>,
    scope: &'c Candidates<'a>,
}

/// The metric that is being translated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family<'a, 'm> {
    pub(super) metric: &'m Metric<'a>,
    pub(super) data: Data<'a>,
    /// Its name here.
    pub(super) name: &'m str,
    /// Index into the output's metadata.
    pub(super) metadata: usize,
}

/// A point that has a time.
#[derive(Clone, Debug)]
pub(super) struct Point<'a> {
    pub(super) message: Message<'a>,
    pub(super) labels: LabelPairs<'a>,
    pub(super) timestamp_ms: i64,
    /// 0 when not known.
    pub(super) start_timestamp_ms: i64,
    pub(super) is_stale: bool,
}

/// The first and the last time of a resource's points, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug)]
struct TimeRange {
    first_ms: i64,
    last_ms: i64,
}

impl<'o> Translator<'o> {
    pub(super) fn new(options: &'o OtlpOptions) -> Self {
        Self {
            options,
            output: Translation::default(),
            index: HashMap::new(),
            output_bytes: 0,
            target_info_metadata: None,
        }
    }

    pub(super) fn translate(mut self, request: Message<'_>) -> Result<Translation, OtlpError> {
        for resource_metrics in request.resource_metrics() {
            self.resource(resource_metrics?)?;
        }
        for series in &mut self.output.series {
            series.floats.sort_by_key(|sample| sample.timestamp_ms);
            series
                .floats
                .dedup_by_key(|sample| (sample.timestamp_ms, sample.value.to_bits()));
            series.histograms.sort_by_key(|sample| sample.timestamp_ms);
            series.exemplars.sort_by_key(|(timestamp_ms, _)| *timestamp_ms);
        }
        Ok(self.output)
    }

    fn resource(&mut self, resource_metrics: Message<'_>) -> Result<(), OtlpError> {
        let resource = resource_metrics.resource()?;
        let identity = Identity::of(resource)?;
        let warnings = &mut self.output.warnings;
        let promoted = Candidates::of_resource(resource, &identity, self.options, warnings)?;
        let mut range = None;
        for scope_metrics in resource_metrics.scope_metrics() {
            let scope_metrics = scope_metrics?;
            let (scope, schema_url) = scope_metrics.scope()?;
            let scope = Candidates::of_scope(scope, schema_url, self.options)?;
            let common = Common {
                resource: &promoted,
                scope: &scope,
            };
            for metric in scope_metrics.metrics() {
                self.metric(&metric?, common, &mut range)?;
            }
        }
        match range {
            Some(range) if identity.needs_target_info() => self.target_info(resource, &identity, range),
            _ => Ok(()),
        }
    }

    fn metric<'a>(
        &mut self,
        metric: &Metric<'a>,
        common: Common<'a, '_>,
        range: &mut Option<TimeRange>,
    ) -> Result<(), OtlpError> {
        let warnings = &mut self.output.warnings;
        let Some(data) = metric.data else {
            warnings.add(WarningKind::NoData, metric.name, 1);
            return Ok(());
        };
        let points = data.points().count() as u64;
        if points == 0 {
            warnings.add(WarningKind::NoData, metric.name, 1);
        }
        let strategy = self.options.translation_strategy;
        let name = match temporality_problem(data, self.options) {
            Some(problem) => Err(problem),
            None => metric_name(metric, &data, strategy).ok_or(WarningKind::InvalidName),
        };
        let name = match name {
            Ok(name) => name,
            Err(problem) => {
                warnings.add(problem, metric.name, points);
                // What is dropped still has to be readable.
                return data.points().try_for_each(|point| point.map(drop));
            }
        };
        let metadata = Metadata {
            kind: kind_of(metric, data),
            unit: UnitWords::of(metric.unit, strategy.escapes()).text(),
            help: metric.description.to_owned(),
        };
        self.charge(SERIES_BYTES + metadata.help.len() + metadata.unit.len())?;
        self.output.metadata.push(metadata);
        let family = Family {
            metric,
            data,
            name: &name,
            metadata: self.output.metadata.len() - 1,
        };
        for message in data.points() {
            self.point(family, message?, common, range)?;
        }
        Ok(())
    }

    /// Where the series with these labels is in the output.
    pub(super) fn series(
        &mut self,
        labels: Labels,
        metadata: usize,
    ) -> Result<&mut TranslatedSeries, OtlpError> {
        // Labels count with every sample, since each took the work to make them.
        self.charge(SAMPLE_BYTES + labels.packed().len())?;
        let position = match self.index.entry(labels) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let position = self.output.series.len();
                self.output.series.push(TranslatedSeries {
                    labels: entry.key().clone(),
                    metadata,
                    floats: Vec::new(),
                    histograms: Vec::new(),
                    exemplars: Vec::new(),
                });
                entry.insert(position);
                self.charge(SERIES_BYTES)?;
                position
            }
        };
        let max_bytes = self.options.max_output_bytes;
        self.output
            .series
            .get_mut(position)
            .ok_or(OtlpError::TooLarge { max_bytes })
    }

    /// Counts bytes of the output.
    pub(super) fn charge(&mut self, bytes: usize) -> Result<(), OtlpError> {
        self.output_bytes = self.output_bytes.saturating_add(bytes);
        let max_bytes = self.options.max_output_bytes;
        if self.output_bytes > max_bytes {
            return Err(OtlpError::TooLarge { max_bytes });
        }
        Ok(())
    }

    /// What a point says about time and series, or `None` with a warning.
    pub(super) fn place<'a>(
        &mut self,
        family: Family<'a, '_>,
        (message, time): (Message<'a>, PointTime),
        common: Common<'a, '_>,
    ) -> Result<Option<Point<'a>>, OtlpError> {
        let name = family.metric.name;
        if time.time_ns == 0 {
            self.output.warnings.add(WarningKind::NoTimestamp, name, 1);
            return Ok(None);
        }
        let timestamp_ms = to_ms(time.time_ns);
        let start_timestamp_ms = to_ms(time.start_ns);
        let starts = family.data.kind != DataKind::Gauge
            && (family.data.kind != DataKind::Sum
                || family.data.is_monotonic
                || family.data.temporality == DELTA);
        let mut candidates = common.resource.with(common.scope)?;
        let attributes = family.data.attributes(message);
        candidates.push_attributes(attributes, self.options, name, &mut self.output.warnings)?;
        Ok(Some(Point {
            message,
            labels: candidates.resolve(),
            timestamp_ms,
            start_timestamp_ms: if starts && start_timestamp_ms < timestamp_ms {
                start_timestamp_ms
            } else {
                0
            },
            is_stale: time.is_stale,
        }))
    }

    fn point<'a>(
        &mut self,
        family: Family<'a, '_>,
        message: Message<'a>,
        common: Common<'a, '_>,
        range: &mut Option<TimeRange>,
    ) -> Result<(), OtlpError> {
        let timestamp_ms = match family.data.kind {
            DataKind::Gauge | DataKind::Sum => self.number(family, message, common)?,
            DataKind::Histogram => self.histogram(family, message, common)?,
            DataKind::ExponentialHistogram => self.exponential_histogram(family, message, common)?,
            DataKind::Summary => self.summary(family, message, common)?,
        };
        if let Some(timestamp_ms) = timestamp_ms {
            let range = range.get_or_insert(TimeRange {
                first_ms: timestamp_ms,
                last_ms: timestamp_ms,
            });
            range.first_ms = range.first_ms.min(timestamp_ms);
            range.last_ms = range.last_ms.max(timestamp_ms);
        }
        Ok(())
    }

    /// Adds `target_info` with samples from the first to the last time of the resource's points, so close that a query at
    /// any of these times finds one.
    fn target_info(
        &mut self,
        resource: Resource<'_>,
        identity: &Identity,
        range: TimeRange,
    ) -> Result<(), OtlpError> {
        let warnings = &mut self.output.warnings;
        let candidates = Candidates::of_target_info(resource, identity, self.options, warnings)?;
        let labels = candidates.resolve().series(TARGET_INFO, None);
        let interval_ms = self.options.target_info_interval_ms.max(1);
        let mut times: Vec<i64> = (0..MAX_TARGET_INFO_SAMPLES as i64)
            .map_while(|step| step.checked_mul(interval_ms)?.checked_add(range.first_ms))
            .take_while(|timestamp_ms| *timestamp_ms < range.last_ms)
            .collect();
        if times.len() == MAX_TARGET_INFO_SAMPLES {
            warnings.add(WarningKind::TargetInfoGap, TARGET_INFO, 1);
        }
        times.push(range.last_ms);
        let metadata = self.target_info_metadata();
        self.charge(times.len() * SAMPLE_BYTES)?;
        let series = self.series(labels, metadata)?;
        series
            .floats
            .extend(times.into_iter().map(|timestamp_ms| super::TranslatedFloat {
                timestamp_ms,
                start_timestamp_ms: 0,
                value: 1.0,
            }));
        Ok(())
    }

    fn target_info_metadata(&mut self) -> usize {
        *self.target_info_metadata.get_or_insert_with(|| {
            self.output.metadata.push(Metadata {
                kind: MetricKind::Gauge,
                unit: String::new(),
                help: "Target metadata".to_owned(),
            });
            self.output.metadata.len() - 1
        })
    }
}

fn temporality_problem(data: Data<'_>, options: &OtlpOptions) -> Option<WarningKind> {
    match (data.kind, data.temporality) {
        (DataKind::Gauge | DataKind::Summary, _) | (_, CUMULATIVE) => None,
        (_, DELTA) if options.accept_delta => None,
        (_, DELTA) => Some(WarningKind::DeltaTemporality),
        _ => Some(WarningKind::UnknownTemporality),
    }
}

fn kind_of(metric: &Metric<'_>, data: Data<'_>) -> MetricKind {
    match (data.kind, metric.prometheus_type) {
        (DataKind::Summary, _) => MetricKind::Summary,
        (DataKind::Gauge, "unknown") => MetricKind::Untyped,
        (DataKind::Gauge, _) => MetricKind::Gauge,
        // There is no word for delta yet.
        _ if data.temporality == DELTA => MetricKind::Untyped,
        (DataKind::Histogram | DataKind::ExponentialHistogram, _) => MetricKind::Histogram,
        (DataKind::Sum, _) if data.is_monotonic => MetricKind::Counter,
        (DataKind::Sum, "info") => MetricKind::Info,
        (DataKind::Sum, "stateset") => MetricKind::StateSet,
        (DataKind::Sum, _) => MetricKind::Gauge,
    }
}

pub(super) fn is_delta(data: Data<'_>) -> bool {
    data.temporality == DELTA
}

pub(super) fn to_ms(time_ns: u64) -> i64 {
    (time_ns / 1_000_000) as i64
}
