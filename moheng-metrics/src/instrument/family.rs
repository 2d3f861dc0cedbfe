//! [`Family`]: one instrument for each combination of label values.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use hashbrown::HashTable;

use super::Instrument;
use crate::{Labels, Metric, MetricKind};

/// The value of every label of the member that stands in for those beyond the limit.
pub const OTHER_VALUE: &str = "_other";

/// How many members a family has at most when nothing else is said.
const DEFAULT_LIMIT: usize = 10_000;

/// Instruments of one kind, one for each combination of values of `N` labels.
///
/// Members are created when they are first asked for. Who counts often keeps what [`Family::with`] returns: a lookup takes a
/// shared lock and hashes the values, counting takes neither. Values that come from outside can be any number; beyond the
/// family's limit all new combinations share one member, whose labels all have the value [`OTHER_VALUE`], and
/// [`Family::overflowed`] counts the lookups that ended there.
///
/// ```
/// use moheng_metrics::instrument::{Counter, Family};
///
/// let requests = Family::new(["method", "code"], Counter::new);
/// let good = requests.with(["GET", "200"]);
/// good.increment();
/// requests.with(["GET", "200"]).increment();
/// assert_eq!(good.value(), 2.0);
/// assert_eq!(requests.len(), 1);
/// ```
#[derive(Debug)]
pub struct Family<I, const N: usize> {
    state: Arc<State<I, N>>,
}

struct State<I, const N: usize> {
    names: [String; N],
    make: Box<dyn Fn() -> I + Send + Sync>,
    limit: usize,
    members: RwLock<HashTable<Member<I, N>>>,
    hasher: RandomState,
    other: I,
    overflowed: AtomicU64,
}

struct Member<I, const N: usize> {
    values: [Box<str>; N],
    instrument: I,
}

impl<I: Instrument, const N: usize> Family<I, N> {
    /// A family without members, with up to 10,000 of them; `make` makes a new one.
    pub fn new(names: [&str; N], make: impl Fn() -> I + Send + Sync + 'static) -> Self {
        Self::with_limit(names, DEFAULT_LIMIT, make)
    }

    /// A family without members, with up to `limit` of them; `make` makes a new one.
    pub fn with_limit(names: [&str; N], limit: usize, make: impl Fn() -> I + Send + Sync + 'static) -> Self {
        Self {
            state: Arc::new(State {
                names: names.map(str::to_owned),
                other: make(),
                make: Box::new(make),
                limit,
                members: RwLock::default(),
                hasher: RandomState::new(),
                overflowed: AtomicU64::new(0),
            }),
        }
    }

    /// The member with these values, in the order of the names.
    pub fn with(&self, values: [&str; N]) -> I {
        let state = &*self.state;
        let hash = state.hash(values);
        let is_equal = |member: &Member<I, N>| member.has(values);
        let members = state.members.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(member) = members.find(hash, is_equal) {
            return member.instrument.clone();
        }
        drop(members);
        let mut members = state.members.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been faster.
        if let Some(member) = members.find(hash, is_equal) {
            return member.instrument.clone();
        }
        if members.len() >= state.limit {
            state.overflowed.fetch_add(1, Ordering::Relaxed);
            return state.other.clone();
        }
        let instrument = (state.make)();
        let member = Member {
            values: values.map(Box::from),
            instrument: instrument.clone(),
        };
        members.insert_unique(hash, member, |member| {
            state.hash(member.values.each_ref().map(|value| &**value))
        });
        instrument
    }

    /// Forgets the member with these values. Handles that are still held count on, unseen.
    pub fn remove(&self, values: [&str; N]) {
        let mut members = self.state.members.write().unwrap_or_else(PoisonError::into_inner);
        if let Ok(entry) = members.find_entry(self.state.hash(values), |member| member.has(values)) {
            entry.remove();
        }
    }

    /// Forgets all members.
    pub fn clear(&self) {
        self.state
            .members
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.state
            .members
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many lookups ended at the member that stands in for those beyond the limit.
    pub fn overflowed(&self) -> u64 {
        self.state.overflowed.load(Ordering::Relaxed)
    }
}

impl<I, const N: usize> Clone for Family<I, N> {
    fn clone(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
        }
    }
}

impl<I: Instrument, const N: usize> Instrument for Family<I, N> {
    const KIND: MetricKind = I::KIND;

    fn collect_into(&self, labels: &Labels, metrics: &mut Vec<Metric>) {
        let state = &*self.state;
        let first = metrics.len();
        let with_values = |values: [&str; N]| {
            let names = state.names.iter().map(String::as_str);
            Labels::from_pairs(labels.iter().chain(names.zip(values)))
        };
        let members = state.members.read().unwrap_or_else(PoisonError::into_inner);
        for member in members.iter() {
            let labels = with_values(member.values.each_ref().map(|value| &**value));
            member.instrument.collect_into(&labels, metrics);
        }
        drop(members);
        if self.overflowed() > 0 {
            state.other.collect_into(&with_values([OTHER_VALUE; N]), metrics);
        }
        if let Some(new) = metrics.get_mut(first..) {
            new.sort_by(|a, b| a.labels.cmp(&b.labels));
        }
    }

    fn label_names(&self) -> Vec<String> {
        self.state.names.to_vec()
    }
}

impl<I, const N: usize> State<I, N> {
    fn hash(&self, values: [&str; N]) -> u64 {
        self.hasher.hash_one(values)
    }
}

impl<I, const N: usize> Member<I, N> {
    fn has(&self, values: [&str; N]) -> bool {
        self.values.iter().zip(values).all(|(own, other)| &**own == other)
    }
}

impl<I, const N: usize> std::fmt::Debug for State<I, N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}
