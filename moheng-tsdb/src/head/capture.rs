//! What a query reads: a copy of the little that changes, shared references to the rest.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use moheng_metrics::{Labels, SampleBuffer, Select, SeriesOrder};

use super::deletions::Deletions;
use super::isolation::ReadPoint;
use super::mapped_chunks::MappedFiles;
use super::page::{PageData, place};
use super::sealed::SealedChunk;
use super::{Head, SeriesId};
use crate::block::Interval;
use crate::chunk::Encoding;

/// All samples of a selection, encoded.
#[derive(Debug)]
pub(crate) struct Capture {
    pub(crate) series: Vec<CapturedSeries>,
    /// The open chunks of all series.
    pub(crate) open_bytes: Vec<u8>,
    /// The files that full chunks are in.
    pub(crate) files: MappedFiles,
    /// The last millisecond that is selected.
    pub(crate) end_ms: i64,
}

/// Which samples to capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    All,
    InOrder,
    Late,
}

/// The samples of one series, encoded.
#[derive(Debug)]
pub(crate) struct CapturedSeries {
    id: SeriesId,
    pub(crate) labels: Labels,
    pub(crate) sealed: Vec<SealedChunk>,
    /// Where the open chunk is in [`Capture::open_bytes`]; empty when it is not needed.
    pub(crate) open: Range<usize>,
    /// How the open chunk is encoded.
    pub(crate) open_encoding: Encoding,
    /// Chunks of visible late samples, the first written first; they overlap anything.
    pub(crate) late: Vec<(Encoding, Arc<[u8]>)>,
    /// The last millisecond that is selected and visible.
    pub(crate) end_ms: i64,
    /// The deleted ranges, ascending and apart from each other. No late sample is deleted.
    pub(crate) deleted: Option<Arc<[Interval]>>,
}

impl Head {
    /// Captures the series of a selection that have samples in its range, as they are now.
    pub(crate) fn capture(&self, select: &Select) -> Capture {
        self.capture_part(select, Part::All)
    }

    /// Captures like [`Head::capture`], but perhaps only a part of the samples.
    pub(crate) fn capture_part(&self, select: &Select, part: Part) -> Capture {
        let point = self.isolation.read_point();
        let deletions = self.notes.deletions();
        let index = self.index();
        let ids = index.matching(&select.matchers);
        let limit = select.limit.unwrap_or(usize::MAX);
        let early_limit = if select.order == SeriesOrder::Any {
            limit
        } else {
            usize::MAX
        };
        // No file goes before its chunks are captured.
        let files = self.mapped.files();
        let mut capture = Capture {
            series: Vec::new(),
            open_bytes: Vec::new(),
            files: MappedFiles::default(),
            end_ms: select.end_ms,
        };
        self.visit(&ids, |id, slot, data| {
            let mut is_added = part != Part::Late && capture.add(id, slot, data, &point, select);
            capture.hide(id, is_added, &deletions);
            if part != Part::InOrder {
                is_added = capture.add_late(id, slot, data, &point, (is_added, select));
            }
            if is_added && select.limit.is_some() && capture.last_is_empty(select.start_ms, &files) {
                capture.series.pop();
            }
            capture.series.len() < early_limit
        });
        capture.files.clone_from(&files);
        drop(files);
        let series = &mut capture.series;
        if select.order != SeriesOrder::Any {
            series.sort_unstable_by(|a, b| index.compare(a.id, b.id));
        }
        series.truncate(limit);
        for captured in series {
            captured.labels = index.build(captured.id);
        }
        capture
    }

    /// The names of the labels of the selected series, ascending.
    pub(crate) fn label_names(&self, select: &Select) -> Vec<String> {
        if !self.overlaps(select) {
            return Vec::new();
        }
        let index = self.index();
        let mut names: Vec<&str> = if select.matchers.is_empty() {
            index.labels.used_names().collect()
        } else {
            let mut found = BTreeSet::new();
            self.visit_in_range(&index.matching(&select.matchers), select, |id| {
                let labels = index.labels_of(id).iter();
                found.extend(labels.filter_map(|&label| index.labels.name_id(label)));
            });
            found.into_iter().map(|name| index.labels.name(name)).collect()
        };
        names.sort_unstable();
        names.truncate(select.limit.unwrap_or(usize::MAX));
        names.into_iter().map(str::to_owned).collect()
    }

    /// The values of a label of the selected series, ascending.
    pub(crate) fn label_values(&self, name: &str, select: &Select) -> Vec<String> {
        if !self.overlaps(select) {
            return Vec::new();
        }
        let index = self.index();
        let labels = index.labels.labels_of(name);
        let mut values: Vec<&str> = if select.matchers.is_empty() {
            let is_used = |label: &&u32| !index.labels.series(**label).is_empty();
            labels
                .iter()
                .filter(is_used)
                .map(|&label| index.labels.value(label))
                .collect()
        } else {
            let Some(name) = index.labels.find_name(name) else {
                return Vec::new();
            };
            let mut found = BTreeSet::new();
            self.visit_in_range(&index.matching(&select.matchers), select, |id| {
                let labels = index.labels_of(id).iter();
                found.extend(labels.filter(|&&label| index.labels.name_id(label) == Some(name)));
            });
            found
                .into_iter()
                .map(|&label| index.labels.value(label))
                .collect()
        };
        values.sort_unstable();
        values.truncate(select.limit.unwrap_or(usize::MAX));
        values.into_iter().map(str::to_owned).collect()
    }

    fn overlaps(&self, select: &Select) -> bool {
        self.time_range()
            .is_some_and(|(start_ms, end_ms)| start_ms <= select.end_ms && select.start_ms <= end_ms)
    }

    /// Calls `visitor` for ids, ascending, whose series has samples in the range.
    fn visit_in_range(&self, ids: &[SeriesId], select: &Select, mut visitor: impl FnMut(SeriesId)) {
        self.visit(ids, |id, slot, data| {
            let range = data.range_ms(slot);
            if range.is_some_and(|(start_ms, end_ms)| start_ms <= select.end_ms && select.start_ms <= end_ms)
            {
                visitor(id);
            }
            true
        });
    }

    /// Calls `visitor(id, place on its page, page)` for ids, ascending, until it returns `false`.
    fn visit(&self, ids: &[SeriesId], mut visitor: impl FnMut(SeriesId, usize, &PageData) -> bool) {
        let pages = self.pages();
        for same_page in ids.chunk_by(|a, b| place(*a).0 == place(*b).0) {
            let Some(page) = same_page.first().and_then(|&id| pages.get(place(id).0)) else {
                continue;
            };
            let data = page.data();
            for &id in same_page {
                if !visitor(id, place(id).1, &data) {
                    return;
                }
            }
        }
    }
}

impl Capture {
    /// Takes the late samples out, into a capture of their own, if there are any.
    pub(crate) fn split_late(&mut self) -> Option<Self> {
        let with_late = self.series.iter_mut().filter(|series| !series.late.is_empty());
        let late = with_late.map(|series| CapturedSeries {
            id: series.id,
            labels: series.labels.clone(),
            sealed: Vec::new(),
            open: 0..0,
            open_encoding: Encoding::Xor,
            late: std::mem::take(&mut series.late),
            end_ms: self.end_ms,
            deleted: None,
        });
        let late: Vec<CapturedSeries> = late.collect();
        self.series
            .retain(|series| !series.sealed.is_empty() || !series.open.is_empty());
        (!late.is_empty()).then(|| Self {
            series: late,
            open_bytes: Vec::new(),
            files: MappedFiles::default(),
            end_ms: self.end_ms,
        })
    }

    /// Captures a series and returns whether it may have samples in the range.
    fn add(
        &mut self,
        id: SeriesId,
        slot: usize,
        data: &PageData,
        point: &ReadPoint<'_>,
        select: &Select,
    ) -> bool {
        let Some(series) = data.series.get(slot) else {
            return false;
        };
        let (Some(start_ms), Some(visible_ms)) = (series.start_ms(), data.visible_end_ms(slot, point)) else {
            return false;
        };
        let end_ms = select.end_ms.min(visible_ms);
        if start_ms > end_ms || visible_ms < select.start_ms {
            return false;
        }
        let first = series
            .sealed
            .partition_point(|chunk| chunk.end_ms() < select.start_ms);
        let sealed: Vec<SealedChunk> = series
            .sealed
            .get(first..)
            .unwrap_or_default()
            .iter()
            .take_while(|chunk| chunk.start_ms <= end_ms)
            .cloned()
            .collect();
        let needs_open = series
            .open_range()
            .is_some_and(|(start_ms, last_ms)| start_ms <= end_ms && last_ms >= select.start_ms);
        let open_start = self.open_bytes.len();
        let open_encoding = if needs_open {
            series.write_open(&mut self.open_bytes)
        } else {
            Encoding::Xor
        };
        let is_added = needs_open || !sealed.is_empty();
        if is_added {
            self.series.push(CapturedSeries {
                id,
                labels: Labels::empty(),
                sealed,
                open: open_start..self.open_bytes.len(),
                open_encoding,
                late: Vec::new(),
                end_ms,
                deleted: None,
            });
        }
        is_added
    }

    /// Captures the late samples of a series, whose other samples may be captured already, and returns whether it is.
    #[inline]
    fn add_late(
        &mut self,
        id: SeriesId,
        slot: usize,
        data: &PageData,
        point: &ReadPoint<'_>,
        (is_added, select): (bool, &Select),
    ) -> bool {
        let Some(late) = data.late(slot) else {
            return is_added;
        };
        let chunks = late.visible(point, select.start_ms, select.end_ms);
        if chunks.is_empty() {
            return is_added;
        }
        if let Some(series) = self.series.last_mut().filter(|_| is_added) {
            series.late = chunks;
            return true;
        }
        self.series.push(CapturedSeries {
            id,
            labels: Labels::empty(),
            sealed: Vec::new(),
            open: 0..0,
            open_encoding: Encoding::Xor,
            late: chunks,
            end_ms: select.end_ms,
            deleted: None,
        });
        true
    }

    /// Notes the deletions of a series whose samples in order were just captured.
    fn hide(&mut self, id: SeriesId, is_added: bool, deletions: &Deletions) {
        if let Some(series) = self.series.last_mut().filter(|_| is_added) {
            series.deleted = deletions.of(id).cloned();
        }
    }

    /// Whether the range lies in a gap of the series captured last. A limit must count only series with samples.
    fn last_is_empty(&self, start_ms: i64, files: &MappedFiles) -> bool {
        let Some(series) = self.series.last() else {
            return true;
        };
        let is_selected = |time: i64, end_ms: i64| {
            let mut intervals = series.deleted.iter().flat_map(|deleted| deleted.iter());
            (start_ms..=end_ms).contains(&time) && !intervals.any(|interval| interval.overlaps(time, time))
        };
        let is_late_selected = |time: i64| (start_ms..=self.end_ms).contains(&time);
        let mut samples = SampleBuffer::new();
        let mut has_some = |encoding: Encoding, chunk: &[u8], is_wanted: &dyn Fn(i64) -> bool| {
            samples.clear();
            // A damaged chunk is handed out, so that the query fails.
            encoding.decode(chunk, &mut samples).is_err()
                || [&samples.floats.timestamps_ms, &samples.histograms.timestamps_ms]
                    .into_iter()
                    .flatten()
                    .any(|&time| is_wanted(time))
        };
        let is_wanted = |time: i64| is_selected(time, series.end_ms);
        let mut buffer = Vec::new();
        for chunk in &series.sealed {
            // A chunk begins and ends with a sample.
            if is_selected(chunk.start_ms, series.end_ms)
                || is_selected(chunk.end_ms(), series.end_ms)
                || chunk
                    .bytes(files, &mut buffer)
                    .map_or(true, |bytes| has_some(chunk.encoding, bytes, &is_wanted))
            {
                return false;
            }
        }
        let open = self.open_bytes.get(series.open.clone()).unwrap_or_default();
        let mut late = series.late.iter();
        (open.is_empty() || !has_some(series.open_encoding, open, &is_wanted))
            && !late.any(|(encoding, chunk)| has_some(*encoding, chunk, &is_late_selected))
    }
}
