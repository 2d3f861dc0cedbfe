//! [`BlockAnalysis`]: which labels make a block large, and which come and go.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::FixedState;
use moheng_metrics::METRIC_NAME;

use super::meta::BlockMeta;
use super::reader::Block;
use crate::Error;
use crate::index::SeriesReader;

/// Which labels make a block large, and which come and go. Lists are by count, highest first, equal ones by name.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BlockAnalysis {
    /// What the block says of itself.
    pub meta: BlockMeta,
    /// Series.
    pub series: u64,
    /// Distinct label names.
    pub label_names: u64,
    /// Distinct labels: pairs of a name and a value.
    pub label_pairs: u64,
    /// Labels of all series together.
    pub labels_of_series: u64,
    /// Samples per chunk, on average; 0 when there are no chunks.
    pub samples_per_chunk: f64,
    /// Labels whose series were not there all the time, written `name=value`: for how many series' worth of the time of the block there
    /// was none.
    pub churn_by_pair: Vec<(String, u64)>,
    /// The same by label name.
    pub churn_by_name: Vec<(String, u64)>,
    /// Series by label, written `name=value`.
    pub series_by_pair: Vec<(String, u64)>,
    /// The texts of the distinct values, in bytes, by label name.
    pub value_bytes_by_name: Vec<(String, u64)>,
    /// Distinct values by label name.
    pub values_by_name: Vec<(String, u64)>,
    /// Series by metric name.
    pub series_by_metric: Vec<(String, u64)>,
}

/// What is summed up for a label.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    series: u64,
    /// Milliseconds in which series were not there.
    absent_ms: u64,
}

impl Block {
    /// Looks which labels make the block large, and which come and go; `limit` of each kind. Reads the index, not the chunks.
    ///
    /// # Errors
    ///
    /// When the index is damaged or the disk fails.
    pub fn analyze(&self, limit: usize) -> Result<BlockAnalysis, Error> {
        let meta = self.meta();
        let mut by_pair: HashMap<(u32, u32), Tally, FixedState> = HashMap::default();
        let mut reader = SeriesReader::new(Arc::clone(self.index()));
        let (mut series_count, mut labels_of_series) = (0, 0);
        let block_ms = meta.end_ms.abs_diff(meta.start_ms);
        for series in self.index().all_series()? {
            reader.read(series)?;
            let present_ms: u64 = reader
                .chunks()
                .iter()
                .map(|chunk| chunk.end_ms.abs_diff(chunk.start_ms))
                .sum();
            for &pair in reader.symbols() {
                let tally = by_pair.entry(pair).or_default();
                tally.series += 1;
                tally.absent_ms += block_ms.saturating_sub(present_ms);
                labels_of_series += 1;
            }
            series_count += 1;
        }
        let mut texts = HashMap::<u32, String, FixedState>::default();
        for symbol in by_pair.keys().flat_map(|&(name, value)| [name, value]) {
            if let std::collections::hash_map::Entry::Vacant(place) = texts.entry(symbol) {
                place.insert(reader.text(symbol)?.to_owned());
            }
        }
        let counts = Counts {
            by_pair,
            texts,
            block_ms: block_ms.max(1),
            limit,
        };
        let samples_per_chunk = meta.stats.samples as f64 / meta.stats.chunks.max(1) as f64;
        Ok(counts.analysis(meta, series_count, labels_of_series, samples_per_chunk))
    }
}

/// What the series of a block add up to.
struct Counts {
    by_pair: HashMap<(u32, u32), Tally, FixedState>,
    texts: HashMap<u32, String, FixedState>,
    block_ms: u64,
    limit: usize,
}

impl Counts {
    fn analysis(
        &self,
        meta: BlockMeta,
        series: u64,
        labels_of_series: u64,
        samples_per_chunk: f64,
    ) -> BlockAnalysis {
        // Distinct values, bytes of them, milliseconds of absence.
        let mut by_name: HashMap<u32, (u64, u64, u64), FixedState> = HashMap::default();
        for (&(name, value), tally) in &self.by_pair {
            let sums = by_name.entry(name).or_default();
            sums.0 += 1;
            sums.1 += self.text(value).len() as u64;
            sums.2 += tally.absent_ms;
        }
        let pair = |&(name, value): &(u32, u32)| format!("{}={}", self.text(name), self.text(value));
        let name = |&name: &u32| self.text(name).to_owned();
        let metric = |(key, _): &(&(u32, u32), &Tally)| self.text(key.0) == METRIC_NAME;
        let metrics = self.by_pair.iter().filter(metric);
        BlockAnalysis {
            meta,
            series,
            label_names: by_name.len() as u64,
            label_pairs: self.by_pair.len() as u64,
            labels_of_series,
            samples_per_chunk,
            churn_by_pair: self.top(
                self.by_pair
                    .iter()
                    .map(|(key, tally)| (key, tally.absent_ms / self.block_ms)),
                pair,
            ),
            churn_by_name: self.top(
                by_name.iter().map(|(key, sums)| (key, sums.2 / self.block_ms)),
                name,
            ),
            series_by_pair: self.top(self.by_pair.iter().map(|(key, tally)| (key, tally.series)), pair),
            value_bytes_by_name: self.top(by_name.iter().map(|(key, sums)| (key, sums.1)), name),
            values_by_name: self.top(by_name.iter().map(|(key, sums)| (key, sums.0)), name),
            series_by_metric: self.top(metrics.map(|((_, value), tally)| (value, tally.series)), name),
        }
    }

    /// The highest counts, those of 0 left out.
    fn top<'a, K: 'a>(
        &self,
        counts: impl Iterator<Item = (&'a K, u64)>,
        text: impl Fn(&K) -> String,
    ) -> Vec<(String, u64)> {
        let mut all: Vec<(String, u64)> = counts
            .filter(|(_, count)| *count > 0)
            .map(|(key, count)| (text(key), count))
            .collect();
        all.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        all.truncate(self.limit);
        all
    }

    fn text(&self, symbol: u32) -> &str {
        self.texts.get(&symbol).map_or("", String::as_str)
    }
}
