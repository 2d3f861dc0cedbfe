//! Checks that everything in the head fits together.

use std::sync::Arc;

use moheng_metrics::SampleBuffer;

use super::mapped_chunks::MappedFiles;
use super::page::{PAGE_SERIES, Page, PageData};
use super::series::Series;
use super::{Head, SeriesId};

impl Head {
    /// Decodes every chunk and compares the index with the series.
    ///
    /// # Errors
    ///
    /// The first thing that does not fit, in words.
    pub(crate) fn verify(&self) -> Result<(), String> {
        let pages = self.pages().clone();
        let removed_on = |page: &Arc<Page>| page.tails().iter().map(|tail| tail.is_removed).collect();
        let removed: Vec<Vec<bool>> = pages.iter().map(removed_on).collect();
        let index = self.index();
        let files = self.mapped.files().clone();
        let mut samples = SampleBuffer::new();
        for (number, (page, is_removed)) in pages.iter().zip(&removed).enumerate() {
            let data: &PageData = &page.data();
            for (slot, series) in data.series.iter().enumerate() {
                let id = (number * PAGE_SERIES as usize + slot) as SeriesId;
                let labels = index.build(id);
                let fail = |message: &str| Err(format!("series {labels}: {message}"));
                if let Err(message) = verify_series(series, &files, &mut samples) {
                    return fail(&message);
                }
                let is_used = data.range_ms(slot).is_some();
                if index.used().binary_search(&id).is_ok() != is_used {
                    return fail("in the index without samples, or the reverse");
                }
                for &label in index.labels_of(id) {
                    if index.labels.series(label).binary_search(&id).is_ok() != is_used {
                        return fail("its labels do not lead to it");
                    }
                }
                let is_found = index.find(index.hash(&labels), &labels) == Some(id);
                if is_removed.get(slot) == Some(&is_found) {
                    return fail("is not found by its labels, or removed and still found");
                }
            }
        }
        Ok(())
    }
}

fn verify_series(series: &Series, files: &MappedFiles, samples: &mut SampleBuffer) -> Result<(), String> {
    let mut open_bytes = Vec::new();
    let open_encoding = series.write_open(&mut open_bytes);
    let open = series
        .open_range()
        .map(|range| (open_encoding, open_bytes.as_slice(), range));
    let mut last_ms = None;
    let mut buffer = Vec::new();
    let chunks = series.sealed.iter().map(Some).chain([None]);
    for chunk in chunks {
        let (encoding, bytes, range) = match (chunk, open) {
            (Some(chunk), _) => {
                let bytes = chunk.bytes(files, &mut buffer);
                let bytes = bytes.map_err(|error| error.to_string())?;
                (chunk.encoding, bytes, (chunk.start_ms, chunk.end_ms()))
            }
            (None, Some(open)) => open,
            (None, None) => break,
        };
        samples.clear();
        encoding
            .decode(bytes, samples)
            .map_err(|error| error.to_string())?;
        let times = if encoding.is_histogram() {
            &samples.histograms.timestamps_ms
        } else {
            &samples.floats.timestamps_ms
        };
        if times.first() != Some(&range.0) || times.last() != Some(&range.1) {
            return Err(format!("a chunk does not cover {range:?}"));
        }
        if !times.is_sorted_by(|a, b| a < b) || last_ms.is_some_and(|last_ms| last_ms >= range.0) {
            return Err("samples are not ascending".to_owned());
        }
        last_ms = Some(range.1);
    }
    Ok(())
}
