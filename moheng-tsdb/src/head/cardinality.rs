//! Which metrics, names and labels most series in memory have.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use moheng_metrics::METRIC_NAME;

use super::Head;
use crate::Cardinality;

/// What a label takes for each series that has it: its number there, and that of the series in the list of the label.
const BYTES_PER_SERIES: u64 = 8;

/// The items with the highest counts; of those with the same the first in their order.
struct Top<T> {
    limit: usize,
    /// The one to be dropped next is on top.
    kept: BinaryHeap<(Reverse<u64>, T)>,
}

impl<T: Ord> Top<T> {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            kept: BinaryHeap::new(),
        }
    }

    fn push(&mut self, count: u64, item: T) {
        if self.kept.len() < self.limit {
            self.kept.push((Reverse(count), item));
        } else if let Some(mut worst) = self.kept.peek_mut()
            && (Reverse(count), &item) < (worst.0, &worst.1)
        {
            *worst = (Reverse(count), item);
        }
    }

    /// The highest counts first.
    fn into_sorted(self, text: impl Fn(T) -> String) -> Vec<(String, u64)> {
        let sorted = self.kept.into_sorted_vec().into_iter();
        sorted.map(|(Reverse(count), item)| (text(item), count)).collect()
    }
}

impl Head {
    /// The `limit` highest counts of each kind.
    pub(crate) fn cardinality(&self, limit: usize) -> Cardinality {
        let index = self.index();
        let labels = &index.labels;
        let mut label_pairs = 0;
        let (mut metrics, mut pairs) = (Top::new(limit), Top::new(limit));
        let (mut values_by_label, mut bytes_by_label) = (Top::new(limit), Top::new(limit));
        for name in labels.used_names() {
            let (mut values, mut size_bytes) = (0, 0);
            for &label in labels.labels_of(name) {
                let series = labels.series(label).len() as u64;
                if series == 0 {
                    continue;
                }
                let value = labels.value(label);
                values += 1;
                size_bytes += value.len() as u64 + series * BYTES_PER_SERIES;
                pairs.push(series, (name, value));
                if name == METRIC_NAME {
                    metrics.push(series, value);
                }
            }
            label_pairs += values;
            values_by_label.push(values, name);
            bytes_by_label.push(size_bytes, name);
        }
        Cardinality {
            label_pairs,
            series_by_metric: metrics.into_sorted(str::to_owned),
            values_by_label: values_by_label.into_sorted(str::to_owned),
            bytes_by_label: bytes_by_label.into_sorted(str::to_owned),
            series_by_pair: pairs.into_sorted(|(name, value)| format!("{name}={value}")),
        }
    }
}
