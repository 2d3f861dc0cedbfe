//! [`Family`]: one instrument for each combination of label values.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use hashbrown::hash_table::OccupiedEntry;
use hashbrown::{DefaultHashBuilder, HashTable};

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
///
/// That there are as many values as names is checked when the program is compiled:
///
/// ```compile_fail
/// # use moheng_metrics::instrument::{Counter, Family};
/// let requests = Family::new(["method", "code"], Counter::new);
/// requests.with(["GET"]).increment();
/// ```
#[derive(Debug)]
pub struct Family<I, const N: usize> {
    state: Arc<State<I, N>>,
}

struct State<I, const N: usize> {
    names: [String; N],
    make: Box<dyn Fn() -> I + Send + Sync>,
    limit: usize,
    members: RwLock<Members<I, N>>,
    hasher: DefaultHashBuilder,
    other: I,
    overflowed: AtomicU64,
}

struct Members<I, const N: usize> {
    by_values: HashTable<Member<I, N>>,
    /// The same, in the order of a page; made when it is needed, and dropped when members come or go.
    by_labels: Option<ByLabels<I>>,
}

type ByLabels<I> = Arc<[(Labels, I)]>;

struct Member<I, const N: usize> {
    values: [Box<str>; N],
    labels: Labels,
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
                hasher: DefaultHashBuilder::default(),
                overflowed: AtomicU64::new(0),
            }),
        }
    }

    /// The member with these values, in the order of the names.
    pub fn with(&self, values: [&str; N]) -> I {
        let state = &*self.state;
        let hash = state.hash(values);
        let is_equal = |member: &Member<I, N>| member.has(values);
        let members = state.read();
        if let Some(member) = members.by_values.find(hash, is_equal) {
            return member.instrument.clone();
        }
        let is_full = members.by_values.len() >= state.limit;
        drop(members);
        if is_full || (N > 0 && values == [OTHER_VALUE; N]) {
            return state.overflow();
        }
        // Made without the lock, since it is the caller's code that makes it.
        let instrument = (state.make)();
        let mut members = state.write();
        // Another thread may have been faster.
        if let Some(member) = members.by_values.find(hash, is_equal) {
            return member.instrument.clone();
        }
        if members.by_values.len() >= state.limit {
            return state.overflow();
        }
        let member = Member {
            values: values.map(Box::from),
            labels: state.labels(values),
            instrument: instrument.clone(),
        };
        let hash_of = |member: &Member<I, N>| state.hash(member.values.each_ref().map(|value| &**value));
        members.by_labels = None;
        members.by_values.insert_unique(hash, member, hash_of);
        instrument
    }

    /// Forgets the member with these values and returns whether it was there. Handles that are still held count on, unseen.
    pub fn remove(&self, values: [&str; N]) -> bool {
        let mut members = self.state.write();
        members.by_labels = None;
        let hash = self.state.hash(values);
        let entry = members.by_values.find_entry(hash, |member| member.has(values));
        entry.map(OccupiedEntry::remove).is_ok()
    }

    /// Forgets all members.
    pub fn clear(&self) {
        *self.state.write() = Members::default();
    }

    /// How many members there are, without the one that stands in for others.
    pub fn len(&self) -> usize {
        self.state.read().by_values.len()
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

    fn collect_into(&self, name: &str, labels: &Labels, metrics: &mut Vec<Metric>) {
        let state = &*self.state;
        let together = |own: &Labels| {
            if labels.is_empty() {
                own.clone()
            } else {
                Labels::from_pairs(labels.iter().chain(own))
            }
        };
        // Instruments are asked without the lock: those of other crates may do anything.
        let members = state.by_labels();
        metrics.reserve(members.len());
        for (own, instrument) in &*members {
            instrument.collect_into(name, &together(own), metrics);
        }
        if self.overflowed() > 0 {
            let own = state.labels([OTHER_VALUE; N]);
            state.other.collect_into(name, &together(&own), metrics);
        }
    }

    fn label_names(&self, name: &str) -> Vec<String> {
        let mut names = self.state.names.to_vec();
        names.extend(self.state.other.label_names(name));
        names
    }
}

impl<I: Clone, const N: usize> State<I, N> {
    fn overflow(&self) -> I {
        self.overflowed.fetch_add(1, Ordering::Relaxed);
        self.other.clone()
    }

    fn by_labels(&self) -> ByLabels<I> {
        if let Some(members) = &self.read().by_labels {
            return Arc::clone(members);
        }
        let mut members = self.write();
        let sorted = members.sorted();
        members.by_labels = Some(Arc::clone(&sorted));
        sorted
    }
}

impl<I: Clone, const N: usize> Members<I, N> {
    fn sorted(&self) -> ByLabels<I> {
        let members = self.by_values.iter();
        let mut sorted: Vec<(Labels, I)> = members
            .map(|member| (member.labels.clone(), member.instrument.clone()))
            .collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        sorted.into()
    }
}

impl<I, const N: usize> Default for Members<I, N> {
    fn default() -> Self {
        Self {
            by_values: HashTable::new(),
            by_labels: None,
        }
    }
}

impl<I, const N: usize> State<I, N> {
    fn hash(&self, values: [&str; N]) -> u64 {
        self.hasher.hash_one(values)
    }

    fn labels(&self, values: [&str; N]) -> Labels {
        Labels::from_pairs(self.names.iter().map(String::as_str).zip(values))
    }

    fn read(&self) -> RwLockReadGuard<'_, Members<I, N>> {
        self.members.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Members<I, N>> {
        self.members.write().unwrap_or_else(PoisonError::into_inner)
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
