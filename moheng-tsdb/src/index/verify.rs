//! Checks an index: every checksum and every reference between series, symbols and postings.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};
use std::ops::ControlFlow;
use std::sync::Arc;

use foldhash::fast::FixedState;
use moheng_metrics::Labels;

use super::reader::MANY_LISTS_BYTES;
use super::{IndexReader, SeriesReader};
use crate::Error;
use crate::format::index_series::ChunkMeta;
use crate::storage::Window;
use crate::verify::Problem;

/// Calls `on_series(series, labels, chunks)` for every series, until it breaks off, and `on_problem` for everything that does not fit.
///
/// Symbols and the postings table were checked when the index was opened. An error means the disk failed.
pub(crate) fn verify_index(
    index: &Arc<IndexReader>,
    mut on_series: impl FnMut(u32, &Labels, &[ChunkMeta]) -> ControlFlow<()>,
    mut on_problem: impl FnMut(Problem),
) -> Result<(), Error> {
    let all = match index.all_series() {
        Ok(all) => all,
        Err(error) => return report(error, "all of the block", &mut on_problem),
    };
    let mut expected: HashMap<u64, Tally, FixedState> = HashMap::default();
    let mut reader = SeriesReader::new(Arc::clone(index));
    let mut last: Option<Labels> = None;
    for &series in &all {
        let labels = match reader.read(series).and_then(|()| reader.labels()) {
            Ok(labels) => labels,
            Err(error) => {
                report(error, "a series", &mut on_problem)?;
                continue;
            }
        };
        if let Some(last) = last.filter(|last| *last >= labels) {
            let message = format!("series {labels} comes after {last}");
            on_problem(Problem::damage(index.blob.path(), message));
        }
        for (name, value) in &labels {
            expected.entry(hash(name, value)).or_default().add(series);
        }
        if on_series(series, &labels, reader.chunks()).is_break() {
            return Ok(());
        }
        last = Some(labels);
    }
    verify_postings(index, &mut expected, &mut on_problem)
}

/// Compares every list of postings with the series that have the label.
fn verify_postings(
    index: &IndexReader,
    expected: &mut HashMap<u64, Tally, FixedState>,
    on_problem: &mut impl FnMut(Problem),
) -> Result<(), Error> {
    let path = index.blob.path();
    let names: Vec<String> = index.names().map(str::to_owned).collect();
    let mut window = Window::default();
    let mut series = Vec::new();
    for name in &names {
        let outcome = index.visit_values(name, "", |value, offset| {
            series.clear();
            let known = expected.remove(&hash(name, value)).unwrap_or_default();
            match index.read_postings(offset, &mut window, MANY_LISTS_BYTES, &mut series) {
                Ok(()) => {
                    let mut found = Tally::default();
                    for &series in &series {
                        found.add(series);
                    }
                    if found != known {
                        let (found, known) = (found.count, known.count);
                        let message = format!(
                            "the postings of {name}={value:?} name {found} series, not the {known} that have the label"
                        );
                        let problem = Problem::damage(path, message).at(offset);
                        on_problem(problem.affecting(format!("queries for {name}={value:?}")));
                    }
                }
                Err(error) => {
                    report(error, &format!("queries for {name}={value:?}"), on_problem)?;
                }
            }
            Ok(ControlFlow::Continue(()))
        });
        if let Err(error) = outcome {
            report(error, &format!("queries for {name}"), on_problem)?;
        }
    }
    if !expected.is_empty() {
        let message = format!("{} labels of series have no postings", expected.len());
        on_problem(Problem::damage(path, message).affecting("queries for them"));
    }
    Ok(())
}

/// Tells damage, which is reported, from a failing disk.
fn report(error: Error, affected: &str, on_problem: &mut impl FnMut(Problem)) -> Result<(), Error> {
    on_problem(Problem::of(error)?.affecting(affected));
    Ok(())
}

/// A set of series, to be compared only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    count: u32,
    sum: u64,
}

impl Tally {
    fn add(&mut self, series: u32) {
        self.count += 1;
        let mixed = (u64::from(series) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.sum = self.sum.wrapping_add(mixed ^ (mixed >> 29));
    }
}

fn hash(name: &str, value: &str) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    hasher.write(name.as_bytes());
    hasher.write_usize(name.len());
    hasher.write(value.as_bytes());
    hasher.finish()
}
