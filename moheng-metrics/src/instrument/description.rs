//! [`Info`] and [`StateSet`]: metrics whose labels are the message.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Instrument;
use crate::{Labels, Metric, MetricKind, MetricValue};

/// Labels that describe something and do not change while the program runs, such as its version. Its name ends in `_info`.
///
/// ```
/// use std::sync::Arc;
///
/// use moheng_metrics::SystemClock;
/// use moheng_metrics::instrument::{Info, Registry};
///
/// let registry = Registry::new(Arc::new(SystemClock::new()));
/// registry.register("app_build_info", "What runs here.", Info::new([("version", "1.2.3")]))?;
/// let text = String::from_utf8(registry.render("text/plain").body)?;
/// assert!(text.contains("app_build_info{version=\"1.2.3\"} 1\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Info {
    labels: Labels,
}

impl Info {
    /// A description by labels.
    pub fn new<N: AsRef<str>, V: AsRef<str>>(labels: impl IntoIterator<Item = (N, V)>) -> Self {
        Self {
            labels: Labels::from_pairs(labels),
        }
    }
}

impl Instrument for Info {
    const KIND: MetricKind = MetricKind::Info;

    fn collect_into(&self, _: &str, labels: &Labels, metrics: &mut Vec<Metric>) {
        let labels = Labels::from_pairs(self.labels.iter().chain(labels));
        metrics.push(Metric::new(labels, MetricValue::Number(1.0)));
    }

    fn label_names(&self, _: &str) -> Vec<String> {
        self.labels.iter().map(|(name, _)| name.to_owned()).collect()
    }
}

/// Which one of a fixed list of states something is in.
///
/// It is exposed as one series per state, 1 for the current one and 0 for all others. The state is in a label that has the
/// metric's name, as OpenMetrics has it.
///
/// ```
/// use std::sync::Arc;
///
/// use moheng_metrics::SystemClock;
/// use moheng_metrics::instrument::{Registry, StateSet};
///
/// let registry = Registry::new(Arc::new(SystemClock::new()));
/// let phase = registry.register("phase", "Where we are.", StateSet::new(["starting", "running"]))?;
/// assert!(phase.set("running"));
/// assert!(!phase.set("flying"));
/// assert_eq!(phase.current(), "running");
/// let text = String::from_utf8(registry.render("text/plain").body)?;
/// assert!(text.contains("phase{phase=\"starting\"} 0\nphase{phase=\"running\"} 1\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct StateSet {
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    names: Vec<String>,
    current: AtomicUsize,
}

impl StateSet {
    /// A set of states of which the first one is current. A name that stands there twice is one state; an empty name is none,
    /// since a label without a value is no label.
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        let mut unique: Vec<String> = Vec::new();
        for name in names {
            let name = name.into();
            if !name.is_empty() && !unique.contains(&name) {
                unique.push(name);
            }
        }
        Self {
            state: Arc::new(State {
                names: unique,
                current: AtomicUsize::new(0),
            }),
        }
    }

    /// Makes a state the current one and returns `true`, or returns `false` when there is no such state.
    pub fn set(&self, name: &str) -> bool {
        let position = self.state.names.iter().position(|other| other == name);
        if let Some(position) = position {
            self.state.current.store(position, Ordering::Relaxed);
        }
        position.is_some()
    }

    /// The name of the current state; empty when there are none.
    pub fn current(&self) -> &str {
        let current = self.state.current.load(Ordering::Relaxed);
        self.state.names.get(current).map_or("", String::as_str)
    }
}

impl Instrument for StateSet {
    const KIND: MetricKind = MetricKind::StateSet;

    fn collect_into(&self, name: &str, labels: &Labels, metrics: &mut Vec<Metric>) {
        let current = self.state.current.load(Ordering::Relaxed);
        for (position, state) in self.state.names.iter().enumerate() {
            let labels = labels.to_builder().with(name, state).finish();
            let value = if position == current { 1.0 } else { 0.0 };
            metrics.push(Metric::new(labels, MetricValue::Number(value)));
        }
    }

    fn label_names(&self, name: &str) -> Vec<String> {
        vec![name.to_owned()]
    }
}
