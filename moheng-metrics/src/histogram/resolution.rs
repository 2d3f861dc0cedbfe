//! Fewer buckets: compaction, lower schemas and limits.

use std::sync::Arc;

use super::bounds::reduced_index;
use super::side::Side;
use super::{
    BucketCount, BucketSpan, HistogramError, HistogramLayout, MAX_SCHEMA, MIN_SCHEMA, NativeHistogram,
};

impl<Count: BucketCount> NativeHistogram<Count> {
    /// Drops empty buckets, but for those between populated ones that are at most `max_empty_buckets` in a row, which become
    /// part of their span: they often cost less than another span does.
    ///
    /// Nothing is touched when nothing is to be dropped, so the layout stays shared.
    pub fn compact(&mut self, max_empty_buckets: u32) {
        let layout = &self.layout;
        let is_compact = is_compact(&layout.positive, &self.positive, max_empty_buckets)
            && is_compact(&layout.negative, &self.negative, max_empty_buckets);
        if is_compact {
            return;
        }
        let parts = self.parts();
        let positive = compacted(parts.positive_counts(), max_empty_buckets);
        let negative = compacted(parts.negative_counts(), max_empty_buckets);
        let schema = self.layout.schema;
        self.set_sides(schema, positive, negative);
    }

    /// Puts buckets together so that the schema is at most `schema`. Custom buckets stay as they are.
    ///
    /// # Errors
    ///
    /// [`HistogramError::UnknownSchema`] when the histogram's own schema, or `schema`, is not an exponential one.
    pub fn reduce_schema(&mut self, schema: i8) -> Result<(), HistogramError> {
        if self.layout.is_custom() {
            return Ok(());
        }
        if !self.layout.is_exponential() {
            return Err(HistogramError::UnknownSchema(self.layout.schema));
        }
        if schema < MIN_SCHEMA {
            return Err(HistogramError::UnknownSchema(schema));
        }
        let Ok(shift @ 1..) = u32::try_from(i32::from(self.layout.schema) - i32::from(schema)) else {
            return Ok(());
        };
        let parts = self.parts();
        let reduced = |(index, count)| (reduced_index(index, shift), count);
        let positive = Side::of(parts.positive_counts().map(reduced));
        let negative = Side::of(parts.negative_counts().map(reduced));
        self.set_sides(schema, positive, negative);
        Ok(())
    }

    /// Brings the schema down to [`MAX_SCHEMA`], as is done with what is received.
    ///
    /// # Errors
    ///
    /// [`HistogramError::UnknownSchema`] when the schema is not one that may be received.
    pub fn reduce_for_storage(&mut self) -> Result<(), HistogramError> {
        self.reduce_schema(MAX_SCHEMA)
    }

    /// Lowers the schema until at most `max_buckets` buckets are left, the zero bucket not counted.
    ///
    /// # Errors
    ///
    /// [`HistogramError::TooManyBuckets`] when even the lowest schema has more, or the buckets are custom.
    pub fn limit_buckets(&mut self, max_buckets: usize) -> Result<(), HistogramError> {
        loop {
            let buckets = self.positive.len() + self.negative.len();
            if buckets <= max_buckets {
                return Ok(());
            }
            if self.layout.schema <= MIN_SCHEMA {
                let limit = max_buckets;
                return Err(HistogramError::TooManyBuckets { buckets, limit });
            }
            self.reduce_schema(self.layout.schema - 1)?;
        }
    }

    pub(super) fn set_sides(&mut self, schema: i8, positive: Side<Count>, negative: Side<Count>) {
        let custom_bounds = match Arc::get_mut(&mut self.layout) {
            Some(layout) => std::mem::take(&mut layout.custom_bounds),
            None => self.layout.custom_bounds.clone(),
        };
        self.layout = Arc::new(HistogramLayout {
            schema,
            zero_threshold: self.layout.zero_threshold,
            positive: positive.spans,
            negative: negative.spans,
            custom_bounds,
        });
        self.positive = positive.counts;
        self.negative = negative.counts;
    }
}

/// Whether no bucket is empty and no span could join the one before.
fn is_compact<Count: BucketCount>(spans: &[BucketSpan], counts: &[Count], max_empty_buckets: u32) -> bool {
    let needless = |(number, span): (usize, &BucketSpan)| {
        span.length == 0 || (number > 0 && i64::from(span.offset) <= i64::from(max_empty_buckets))
    };
    !counts.iter().any(|count| count.is_zero()) && !spans.iter().enumerate().any(needless)
}

fn compacted<Count: BucketCount>(
    counts: impl Iterator<Item = (i32, Count)>,
    max_empty_buckets: u32,
) -> Side<Count> {
    let mut side = Side::new();
    for (index, count) in counts.filter(|(_, count)| !count.is_zero()) {
        let gap = i64::from(index) - i64::from(side.end());
        if !side.counts.is_empty() && (1..=i64::from(max_empty_buckets)).contains(&gap) {
            side.push_empty(gap as u32);
        }
        side.push(index, count);
    }
    side
}
