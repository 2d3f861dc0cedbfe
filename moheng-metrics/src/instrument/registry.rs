//! [`Registry`]: everything a program measures, under names, in any format.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;

use super::{Collector, Counter, Family, Gauge, Histogram, HistogramOptions, Instrument};
use crate::exposition::{self, Format};
use crate::{Clock, Labels, METRIC_NAME, Metric, MetricFamily, MetricKind};

/// Names instruments, gathers their values and renders them.
///
/// Clones share what is registered. [`Registry::with_prefix`] and [`Registry::with_labels`] make views of the same registry that
/// name things differently: hand one to each part of a program. Different views may register the same name, as long as kind, help and label
/// names agree and the constant labels differ.
///
/// ```
/// use std::sync::Arc;
///
/// use moheng_metrics::SystemClock;
/// use moheng_metrics::instrument::Registry;
///
/// let registry = Registry::new(Arc::new(SystemClock::new())).with_prefix("app_");
/// for disk in ["sda", "sdb"] {
///     let view = registry.with_labels([("disk", disk)])?;
///     view.counter("reads_total", "Reads.")?.increment();
/// }
/// assert_eq!(registry.gather()[0].metrics.len(), 2);
/// let error = registry.gauge("reads_total", "Reads.").unwrap_err();
/// assert_eq!(error.to_string(), "\"app_reads_total\" cannot name a gauge: _total is for counters");
/// # Ok::<(), moheng_metrics::instrument::RegisterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Registry {
    shared: Arc<Shared>,
    prefix: String,
    labels: Labels,
}

#[derive(Debug)]
struct Shared {
    clock: Arc<dyn Clock>,
    content: Mutex<Content>,
}

#[derive(Default)]
struct Content {
    /// By name.
    families: BTreeMap<String, Registered>,
    collectors: Vec<RegisteredCollector>,
}

struct Registered {
    kind: MetricKind,
    help: String,
    label_names: Vec<String>,
    members: Vec<(Labels, CollectMetrics)>,
}

/// Appends the metrics of an instrument, with these labels in front of its own.
type CollectMetrics = Box<dyn Fn(&Labels, &mut Vec<Metric>) + Send + Sync>;

struct RegisteredCollector {
    prefix: String,
    labels: Labels,
    collector: Box<dyn Collector>,
}

/// A page for a scraper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The value of the `Content-Type` header.
    pub content_type: String,
    /// The page.
    pub body: Vec<u8>,
}

/// Why an instrument was not registered: the program has to name it differently.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The name is empty, or a counter's does not end in `_total`.
    #[error("{name:?} cannot name a {kind}: {reason}")]
    Name {
        /// The name, with the registry's prefix.
        name: String,
        /// What it was to name.
        kind: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A label's name is empty, reserved, or used twice.
    #[error("{name} cannot have the label {label:?}: {reason}")]
    Label {
        /// The metric, with the registry's prefix.
        name: String,
        /// The label.
        label: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The name is taken by something else.
    #[error("{name} is registered already {difference}")]
    Taken {
        /// The name, with the registry's prefix.
        name: String,
        /// In what the two differ.
        difference: String,
    },
}

impl Registry {
    /// An empty registry. Counters and histograms it creates started when the clock says.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let content = Mutex::default();
        Self {
            shared: Arc::new(Shared { clock, content }),
            prefix: String::new(),
            labels: Labels::empty(),
        }
    }

    /// A view of the same registry that puts `prefix` in front of all names, behind the prefix of this one.
    #[must_use]
    pub fn with_prefix(&self, prefix: &str) -> Self {
        Self {
            prefix: format!("{}{prefix}", self.prefix),
            ..self.clone()
        }
    }

    /// A view of the same registry that adds labels to all metrics, beside those of this one.
    ///
    /// # Errors
    ///
    /// When a label is reserved or there already.
    pub fn with_labels<N: AsRef<str>, V: AsRef<str>>(
        &self,
        labels: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, RegisterError> {
        let mut builder = self.labels.to_builder();
        for (name, value) in labels {
            let name = name.as_ref();
            let is_taken = builder.get(name).is_some();
            check_label("the registry", name, MetricKind::Untyped, is_taken)?;
            builder.set(name, value.as_ref());
        }
        Ok(Self {
            labels: builder.finish(),
            ..self.clone()
        })
    }

    /// Creates a counter. Its name ends in `_total`.
    ///
    /// # Errors
    ///
    /// See [`Registry::register`].
    pub fn counter(&self, name: &str, help: &str) -> Result<Counter, RegisterError> {
        self.register(name, help, Counter::started_at(self.shared.clock.now_ms()))
    }

    /// Creates counters by label. Their name ends in `_total`.
    ///
    /// # Errors
    ///
    /// See [`Registry::register`].
    pub fn counter_family<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: [&str; N],
    ) -> Result<Family<Counter, N>, RegisterError> {
        let clock = Arc::clone(&self.shared.clock);
        let family = Family::new(labels, move || Counter::started_at(clock.now_ms()));
        self.register(name, help, family)
    }

    /// Creates a gauge.
    ///
    /// # Errors
    ///
    /// See [`Registry::register`].
    pub fn gauge(&self, name: &str, help: &str) -> Result<Gauge, RegisterError> {
        self.register(name, help, Gauge::new())
    }

    /// Creates gauges by label.
    ///
    /// # Errors
    ///
    /// See [`Registry::register`].
    pub fn gauge_family<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: [&str; N],
    ) -> Result<Family<Gauge, N>, RegisterError> {
        self.register(name, help, Family::new(labels, Gauge::new))
    }

    /// Creates a histogram.
    ///
    /// # Errors
    ///
    /// See [`Registry::register`].
    pub fn histogram(
        &self,
        name: &str,
        help: &str,
        options: &HistogramOptions,
    ) -> Result<Histogram, RegisterError> {
        let start_ms = self.shared.clock.now_ms();
        self.register(name, help, Histogram::started_at(options, start_ms))
    }

    /// Creates histograms by label.
    ///
    /// # Errors
    ///
    /// See [`Registry::register`].
    pub fn histogram_family<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: [&str; N],
        options: &HistogramOptions,
    ) -> Result<Family<Histogram, N>, RegisterError> {
        let (clock, options) = (Arc::clone(&self.shared.clock), options.clone());
        let family = Family::new(labels, move || Histogram::started_at(&options, clock.now_ms()));
        self.register(name, help, family)
    }

    /// Registers an instrument that was made elsewhere and hands it back.
    ///
    /// # Errors
    ///
    /// When the name or a label is not fit for it, or the name is taken.
    pub fn register<I: Instrument>(&self, name: &str, help: &str, instrument: I) -> Result<I, RegisterError> {
        let name = format!("{}{name}", self.prefix);
        check_name(&name, I::KIND)?;
        let mut label_names = instrument.label_names();
        label_names.sort_unstable();
        let mut before = None;
        for label in &label_names {
            let is_taken = before == Some(label) || self.labels.get(label).is_some();
            check_label(&name, label, I::KIND, is_taken)?;
            before = Some(label);
        }
        let member = instrument.clone();
        let collect: CollectMetrics = Box::new(move |labels, metrics| member.collect_into(labels, metrics));
        let mut content = self.content();
        content.check_parts(&name, I::KIND)?;
        match content.families.entry(name) {
            Entry::Vacant(entry) => {
                entry.insert(Registered {
                    kind: I::KIND,
                    help: help.to_owned(),
                    label_names,
                    members: vec![(self.labels.clone(), collect)],
                });
            }
            Entry::Occupied(mut entry) => {
                if let Some(difference) = entry.get().difference(I::KIND, help, &label_names, &self.labels) {
                    let name = entry.key().clone();
                    return Err(RegisterError::Taken { name, difference });
                }
                entry.get_mut().members.push((self.labels.clone(), collect));
            }
        }
        Ok(instrument)
    }

    /// Registers something that hands out families when asked. Its names are not checked: families that are named like
    /// others are put together with them.
    pub fn register_collector(&self, collector: impl Collector + 'static) {
        self.content().collectors.push(RegisteredCollector {
            prefix: self.prefix.clone(),
            labels: self.labels.clone(),
            collector: Box::new(collector),
        });
    }

    /// The values of everything that is registered, ascending by name.
    pub fn gather(&self) -> Vec<MetricFamily> {
        let content = self.content();
        let mut families = Vec::with_capacity(content.families.len());
        for (name, registered) in &content.families {
            let mut family = MetricFamily::new(name, registered.kind, registered.help.as_str());
            for (labels, collect) in &registered.members {
                collect(labels, &mut family.metrics);
            }
            families.push(family);
        }
        for registered in &content.collectors {
            registered.collect(&mut families);
        }
        drop(content);
        families.sort_by(|a, b| a.name.cmp(&b.name));
        families.dedup_by(|later, kept| {
            let is_same = later.name == kept.name;
            if is_same {
                kept.metrics.append(&mut later.metrics);
            }
            is_same
        });
        families
    }

    /// A page in the format that suits a scraper best, which sent `accept` as its `Accept` header. An empty one gets the text format.
    pub fn render(&self, accept: &str) -> Rendered {
        let answer = exposition::negotiate(accept, &Format::ALL);
        let mut body = Vec::new();
        exposition::write(answer.format, answer.escaping, &self.gather(), &mut body);
        Rendered {
            content_type: answer.content_type(),
            body,
        }
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.shared.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    /// Refuses names that would make a series of two families the same: `x_count` beside a histogram `x`.
    fn check_parts(&self, name: &str, kind: MetricKind) -> Result<(), RegisterError> {
        let taken_by = |other: &str| RegisterError::Taken {
            name: name.to_owned(),
            difference: format!("as a part of {other}"),
        };
        for suffix in PART_SUFFIXES {
            let whole = name.strip_suffix(suffix).unwrap_or_default();
            let other = self.families.get(whole);
            if other.is_some_and(|other| has_parts(other.kind)) {
                return Err(taken_by(whole));
            }
            let part = format!("{name}{suffix}");
            if has_parts(kind) && self.families.contains_key(&part) {
                return Err(taken_by(&part));
            }
        }
        Ok(())
    }
}

impl Registered {
    /// In what something to be registered under the same name differs too much, or not enough.
    fn difference(
        &self,
        kind: MetricKind,
        help: &str,
        label_names: &[String],
        labels: &Labels,
    ) -> Option<String> {
        if self.kind != kind {
            return Some(format!("as a {}", self.kind.as_str()));
        }
        if self.help != help {
            return Some(format!("with the help {:?}", self.help));
        }
        if self.label_names != label_names {
            return Some(format!("with the labels {:?}", self.label_names));
        }
        let is_same = |(other, _): &(Labels, CollectMetrics)| other == labels;
        self.members
            .iter()
            .any(is_same)
            .then(|| "with the same labels".to_owned())
    }
}

impl RegisteredCollector {
    fn collect(&self, families: &mut Vec<MetricFamily>) {
        let first = families.len();
        self.collector.collect(families);
        for family in families.iter_mut().skip(first) {
            family.name.insert_str(0, &self.prefix);
            if self.labels.is_empty() {
                continue;
            }
            for metric in &mut family.metrics {
                metric.labels = Labels::from_pairs(self.labels.iter().chain(&metric.labels));
            }
        }
    }
}

/// What histograms and summaries add to their names.
const PART_SUFFIXES: [&str; 3] = ["_bucket", "_sum", "_count"];

fn has_parts(kind: MetricKind) -> bool {
    matches!(
        kind,
        MetricKind::Histogram | MetricKind::GaugeHistogram | MetricKind::Summary
    )
}

fn check_name(name: &str, kind: MetricKind) -> Result<(), RegisterError> {
    let refuse = |reason| {
        Err(RegisterError::Name {
            name: name.to_owned(),
            kind: kind.as_str(),
            reason,
        })
    };
    if name.is_empty() {
        return refuse("it is empty");
    }
    match kind {
        MetricKind::Counter if !name.ends_with("_total") => refuse("it does not end in _total"),
        MetricKind::Info if !name.ends_with("_info") => refuse("it does not end in _info"),
        MetricKind::Gauge if name.ends_with("_total") => refuse("_total is for counters"),
        _ => Ok(()),
    }
}

fn check_label(name: &str, label: &str, kind: MetricKind, is_taken: bool) -> Result<(), RegisterError> {
    let reason = match label {
        "" => "its name is empty",
        METRIC_NAME => "it holds the metric's name",
        _ if label.starts_with("__") => "names that begin with two underscores are reserved",
        "le" if kind == MetricKind::Histogram => "it holds the bounds of buckets",
        "quantile" if kind == MetricKind::Summary => "it holds the quantiles",
        _ if is_taken => "it is there already",
        _ => return Ok(()),
    };
    Err(RegisterError::Label {
        name: name.to_owned(),
        label: label.to_owned(),
        reason,
    })
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&String> = self.families.keys().collect();
        f.debug_struct("Content")
            .field("families", &names)
            .field("collectors", &self.collectors.len())
            .finish()
    }
}
