//! Checks that everything in the head fits together.

use moheng_metrics::FloatColumns;

use super::page::PageData;
use super::series::Series;
use super::{Head, SeriesId};
use crate::chunk::Encoding;

impl Head {
    /// Decodes every chunk and compares the index with the series.
    ///
    /// # Errors
    ///
    /// The first thing that does not fit, in words.
    pub(crate) fn verify(&self) -> Result<(), String> {
        let index = self.index();
        let pages = self.pages().clone();
        let mut id: SeriesId = 0;
        let mut floats = FloatColumns::default();
        for page in &pages {
            let data: &PageData = &page.data();
            for series in &data.series {
                let labels = index.build(id);
                let fail = |message: &str| Err(format!("series {labels}: {message}"));
                if let Err(message) = verify_series(series, &mut floats) {
                    return fail(&message);
                }
                let is_used = series.end_ms().is_some();
                if index.used().binary_search(&id).is_ok() != is_used {
                    return fail("in the index without samples, or the reverse");
                }
                for &label in index.labels_of(id) {
                    if index.labels.series(label).binary_search(&id).is_ok() != is_used {
                        return fail("its labels do not lead to it");
                    }
                }
                if index.find(index.hash(&labels), &labels) != Some(id) {
                    return fail("is not found by its labels");
                }
                id += 1;
            }
        }
        Ok(())
    }
}

fn verify_series(series: &Series, floats: &mut FloatColumns) -> Result<(), String> {
    let mut open_bytes = Vec::new();
    series.open.write_to(&mut open_bytes);
    let open = (!open_bytes.is_empty()).then(|| {
        let range = (series.open_start_ms, series.open.end_ms());
        (open_bytes.as_slice(), range)
    });
    let sealed = series
        .sealed
        .iter()
        .map(|chunk| (&*chunk.bytes, (chunk.start_ms, chunk.end_ms)));
    let mut last_ms = None;
    for (bytes, range) in sealed.chain(open) {
        floats.clear();
        Encoding::Xor
            .decode(bytes, floats)
            .map_err(|error| error.to_string())?;
        let times = &floats.timestamps_ms;
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
