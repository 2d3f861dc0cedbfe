//! [`Registry`]: everything a program measures, under names, in any format.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::content::{Content, Description, RegisteredCollector};
use super::naming::{check_label, check_name};
use super::{
    Collector, CollectorId, Counter, Family, GatherConflict, Gathered, Gauge, Histogram, HistogramOptions,
    Instrument, RegisterError,
};
use crate::exposition::{self, Format, Negotiated};
use crate::{Clock, Labels, Metric, MetricKind, MetricValue};

/// Names instruments, gathers their values and renders them.
///
/// Clones share what is registered. [`Registry::with_prefix`] and [`Registry::with_labels`] make views of the same registry that
/// name things differently: hand one to each part of a program. Different views may register the same name, as long as kind,
/// help and label names agree and the constant labels differ.
///
/// A name that ends in a base unit, such as `_seconds` or `_bytes_total`, gives its family that unit.
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
/// assert_eq!(registry.gather().families[0].metrics.len(), 2);
/// let error = registry.gauge("reads_total", "Reads.").unwrap_err();
/// assert_eq!(error.to_string(), "\"app_reads_total\" cannot name a metric of type gauge: _total is for counters");
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
    /// Replaced rather than changed while somebody gathers, who therefore holds no lock.
    content: Mutex<Arc<Content>>,
}

/// A page for a scraper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The value of the `Content-Type` header.
    pub content_type: String,
    /// The page.
    pub body: Vec<u8>,
    /// What is not on the page, because collectors contradict each other: to be logged.
    pub conflicts: Vec<GatherConflict>,
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

    /// Exposes as a counter what `read` returns whenever the registry is rendered. Its name ends in `_total`.
    ///
    /// # Errors
    ///
    /// See [`Registry::register`].
    pub fn counter_from(
        &self,
        name: &str,
        help: &str,
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Result<(), RegisterError> {
        self.register_reading(name, help, MetricKind::Counter, read)
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

    /// Exposes as a gauge what `read` returns whenever the registry is rendered.
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    ///
    /// use moheng_metrics::SystemClock;
    /// use moheng_metrics::instrument::Registry;
    ///
    /// let registry = Registry::new(Arc::new(SystemClock::new()));
    /// let queue = Arc::new(Mutex::new(vec!["a", "b"]));
    /// let seen = Arc::clone(&queue);
    /// registry.gauge_from("queue_length", "Waiting.", move || seen.lock().map_or(0, |queue| queue.len()) as f64)?;
    /// assert_eq!(registry.gather().families[0].metrics[0].value.as_number(), Some(2.0));
    /// # Ok::<(), moheng_metrics::instrument::RegisterError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// See [`Registry::register`].
    pub fn gauge_from(
        &self,
        name: &str,
        help: &str,
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Result<(), RegisterError> {
        self.register_reading(name, help, MetricKind::Gauge, read)
    }

    /// Creates a histogram.
    ///
    /// # Errors
    ///
    /// See [`Registry::register`]; and when the options make no sense.
    pub fn histogram(
        &self,
        name: &str,
        help: &str,
        options: &HistogramOptions,
    ) -> Result<Histogram, RegisterError> {
        self.check_buckets(name, options)?;
        let clock = Arc::clone(&self.shared.clock);
        self.register(name, help, Histogram::new(options, clock))
    }

    /// Creates histograms by label.
    ///
    /// # Errors
    ///
    /// See [`Registry::register`]; and when the options make no sense.
    pub fn histogram_family<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: [&str; N],
        options: &HistogramOptions,
    ) -> Result<Family<Histogram, N>, RegisterError> {
        self.check_buckets(name, options)?;
        let (clock, options) = (Arc::clone(&self.shared.clock), options.clone());
        let family = Family::new(labels, move || Histogram::new(&options, Arc::clone(&clock)));
        self.register(name, help, family)
    }

    /// Registers an instrument that was made elsewhere and hands it back.
    ///
    /// # Errors
    ///
    /// When the name or a label is not fit for it, or a name of one of its series is taken.
    pub fn register<I: Instrument>(&self, name: &str, help: &str, instrument: I) -> Result<I, RegisterError> {
        let name = format!("{}{name}", self.prefix);
        check_name(&name, I::KIND)?;
        let mut label_names = instrument.label_names(&name);
        label_names.sort_unstable();
        let constant = self.labels.iter().map(|(label, _)| label);
        for label in constant {
            check_label(&name, label, I::KIND, false)?;
        }
        let mut before = None;
        for label in &label_names {
            let is_taken = before == Some(label) || self.labels.get(label).is_some();
            check_label(&name, label, I::KIND, is_taken)?;
            before = Some(label);
        }
        let member = instrument.clone();
        let description = Description {
            kind: I::KIND,
            help: help.to_owned(),
            label_names,
        };
        Arc::make_mut(&mut self.content()).insert(
            name,
            self.labels.clone(),
            description,
            Arc::new(move |name, labels, metrics| member.collect_into(name, labels, metrics)),
        )?;
        Ok(instrument)
    }

    /// Registers something that hands out families when asked. Its names are checked only then: families that are named like
    /// others are put together with them, and what contradicts is left out and listed in [`Gathered::conflicts`].
    pub fn register_collector(&self, collector: impl Collector + 'static) -> CollectorId {
        Arc::make_mut(&mut self.content()).push_collector(RegisteredCollector {
            prefix: self.prefix.clone(),
            labels: self.labels.clone(),
            collector: Arc::new(collector),
        })
    }

    /// Forgets a collector, and returns whether it was there.
    pub fn unregister_collector(&self, id: CollectorId) -> bool {
        Arc::make_mut(&mut self.content()).remove_collector(id)
    }

    /// Forgets what was registered under this name through a view with the same prefix and labels, and returns whether there
    /// was such a thing.
    pub fn unregister(&self, name: &str) -> bool {
        let name = format!("{}{name}", self.prefix);
        Arc::make_mut(&mut self.content()).remove(&name, &self.labels)
    }

    /// The values of everything that is registered.
    pub fn gather(&self) -> Gathered {
        let content = Arc::clone(&self.content());
        content.gather()
    }

    /// A page in the format that suits a scraper best, which sent `accept` as its `Accept` header. An empty one gets the text
    /// format.
    pub fn render(&self, accept: &str) -> Rendered {
        self.render_as(exposition::negotiate(accept, &Format::ALL))
    }

    /// A page in this format.
    pub fn render_as(&self, answer: Negotiated) -> Rendered {
        let Gathered { families, conflicts } = self.gather();
        let mut body = Vec::new();
        exposition::write(answer.format, answer.escaping, &families, &mut body);
        Rendered {
            content_type: answer.content_type(),
            body,
            conflicts,
        }
    }

    fn register_reading(
        &self,
        name: &str,
        help: &str,
        kind: MetricKind,
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Result<(), RegisterError> {
        let name = format!("{}{name}", self.prefix);
        check_name(&name, kind)?;
        let description = Description {
            kind,
            help: help.to_owned(),
            label_names: Vec::new(),
        };
        let collect = move |_: &str, labels: &Labels, metrics: &mut Vec<Metric>| {
            metrics.push(Metric::new(labels.clone(), MetricValue::Number(read())));
        };
        Arc::make_mut(&mut self.content()).insert(name, self.labels.clone(), description, Arc::new(collect))
    }

    fn check_buckets(&self, name: &str, options: &HistogramOptions) -> Result<(), RegisterError> {
        match options.problem() {
            None => Ok(()),
            Some(reason) => Err(RegisterError::Buckets {
                name: format!("{}{name}", self.prefix),
                reason,
            }),
        }
    }

    fn content(&self) -> MutexGuard<'_, Arc<Content>> {
        self.shared.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
