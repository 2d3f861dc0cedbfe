//! Whole counts as differences from bucket to bucket, the way integer histograms travel and are stored.

/// The count of each bucket less that of the one before it, the first as it is.
///
/// ```
/// use moheng_metrics::histogram::deltas_of_counts;
///
/// assert_eq!(deltas_of_counts(&[3, 5, 1]).collect::<Vec<_>>(), [3, 2, -4]);
/// ```
pub fn deltas_of_counts(counts: &[u64]) -> impl ExactSizeIterator<Item = i64> {
    let mut last = 0_u64;
    counts
        .iter()
        .map(move |count| count.wrapping_sub(std::mem::replace(&mut last, *count)) as i64)
}

/// The inverse of [`deltas_of_counts`], for all numbers.
///
/// Differences from elsewhere that lead below zero become counts above [`i64::MAX`], which
/// [`super::IntegerHistogram::validate`] refuses.
///
/// ```
/// use moheng_metrics::histogram::counts_of_deltas;
///
/// assert_eq!(counts_of_deltas([3, 2, -4]).collect::<Vec<_>>(), [3, 5, 1]);
/// ```
pub fn counts_of_deltas(deltas: impl IntoIterator<Item = i64>) -> impl Iterator<Item = u64> {
    let mut count = 0_u64;
    deltas.into_iter().map(move |delta| {
        count = count.wrapping_add_signed(delta);
        count
    })
}
