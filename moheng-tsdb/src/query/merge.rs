//! [`MergeCursor`]: the series of several cursors as one selection; [`MergedSamples`]: the samples of several as one series.

use moheng_metrics::{SampleBuffer, SampleCursor, SelectedSeries, SeriesCursor, SourceError};

use super::rows::{append_float, append_floats, append_histogram};

/// Hands out the series of several cursors, each once. All of them must come in label order.
///
/// Of samples with the same timestamp that of the cursor listed first is handed out.
pub(crate) struct MergeCursor<'a> {
    sources: Vec<Source<'a>>,
    limit: usize,
}

struct Source<'a> {
    cursor: Box<dyn SeriesCursor<'a> + 'a>,
    next: Option<SelectedSeries<'a>>,
    is_finished: bool,
}

impl<'a> MergeCursor<'a> {
    /// A cursor over all of these that hands out at most `limit` series.
    pub(crate) fn new(cursors: Vec<Box<dyn SeriesCursor<'a> + 'a>>, limit: Option<usize>) -> Self {
        let sources = cursors.into_iter().map(|cursor| Source {
            cursor,
            next: None,
            is_finished: false,
        });
        Self {
            sources: sources.collect(),
            limit: limit.unwrap_or(usize::MAX),
        }
    }

    fn fill(&mut self) -> Result<(), SourceError> {
        for source in &mut self.sources {
            if source.next.is_none() && !source.is_finished {
                source.next = source.cursor.next_series()?;
                source.is_finished = source.next.is_none();
            }
        }
        self.sources.retain(|source| !source.is_finished);
        Ok(())
    }
}

impl<'a> SeriesCursor<'a> for MergeCursor<'a> {
    fn next_series(&mut self) -> Result<Option<SelectedSeries<'a>>, SourceError> {
        if self.limit == 0 {
            return Ok(None);
        }
        self.fill()?;
        let next = self.sources.iter().filter_map(|source| source.next.as_ref());
        let Some(labels) = next.map(|series| &series.labels).min().cloned() else {
            return Ok(None);
        };
        self.limit -= 1;
        let mut cursors: Vec<Box<dyn SampleCursor + 'a>> = Vec::new();
        for source in &mut self.sources {
            if let Some(series) = source.next.take_if(|series| series.labels == labels) {
                cursors.push(series.samples);
            }
        }
        let samples = match cursors.pop() {
            Some(only) if cursors.is_empty() => only,
            last => {
                cursors.extend(last);
                Box::new(MergedSamples::new(cursors))
            }
        };
        Ok(Some(SelectedSeries { labels, samples }))
    }

    fn remaining_hint(&self) -> Option<usize> {
        let waiting = self.sources.iter().filter(|source| source.next.is_some()).count();
        let rest = self.sources.iter().map(|source| source.cursor.remaining_hint());
        let rest: Option<usize> = rest.sum();
        Some((waiting + rest?).min(self.limit))
    }
}

/// The samples of several cursors, ascending by time and each timestamp once: that of the cursor listed first.
pub(crate) struct MergedSamples<'a> {
    parts: Vec<Part<'a>>,
    /// Which part the last sample came from.
    last_part: Option<usize>,
}

/// A cursor and what was read of it: samples behind the two indices are to come.
struct Part<'a> {
    cursor: Box<dyn SampleCursor + 'a>,
    number: usize,
    buffer: SampleBuffer,
    float: usize,
    histogram: usize,
}

impl<'a> MergedSamples<'a> {
    pub(crate) fn new(cursors: Vec<Box<dyn SampleCursor + 'a>>) -> Self {
        let parts = cursors.into_iter().enumerate().map(|(number, cursor)| Part {
            cursor,
            number,
            buffer: SampleBuffer::new(),
            float: 0,
            histogram: 0,
        });
        Self {
            parts: parts.collect(),
            last_part: None,
        }
    }

    /// Reads on where a buffer is used up, and forgets parts without more samples.
    fn fill(&mut self) -> Result<(), SourceError> {
        let mut error = None;
        self.parts.retain_mut(|part| match part.fill() {
            Ok(has_samples) => has_samples,
            Err(failed) => {
                error.get_or_insert(failed);
                false
            }
        });
        error.map_or(Ok(()), Err)
    }

    /// The index of the part that is to be read from next, and until when it is the only one.
    fn front(&self) -> Option<(usize, i64)> {
        let times = self.parts.iter().map(Part::next_ms).enumerate();
        let (front, time_ms) = times.min_by_key(|&(index, time_ms)| (time_ms, index))?;
        let others = self.parts.iter().enumerate().filter(|&(index, _)| index != front);
        let until_ms = others.map(|(_, part)| part.next_ms()).min().unwrap_or(i64::MAX);
        Some((front, if until_ms == time_ms { time_ms } else { until_ms }))
    }
}

impl SampleCursor for MergedSamples<'_> {
    fn read(&mut self, buffer: &mut SampleBuffer) -> Result<bool, SourceError> {
        if let [only] = self.parts.as_mut_slice()
            && only.is_used_up()
            && self.last_part == Some(only.number)
        {
            return only.cursor.read(buffer);
        }
        self.fill()?;
        if self.parts.is_empty() {
            return Ok(false);
        }
        // Behind the first end of a buffer, samples of that part may be missing.
        let horizon_ms = self.parts.iter().map(Part::last_ms).min().unwrap_or(i64::MAX);
        while let Some((front, until_ms)) = self.front() {
            let is_only = self.parts.len() == 1;
            let Some(part) = self.parts.get_mut(front) else {
                break;
            };
            let next_ms = part.next_ms();
            if next_ms > horizon_ms || part.is_used_up() {
                break;
            }
            let number = part.number;
            let is_switch = self.last_part != Some(number);
            self.last_part = Some(number);
            let last_ms = if is_only {
                i64::MAX
            } else {
                next_ms.max(until_ms.saturating_sub(1)).min(horizon_ms)
            };
            part.move_until(last_ms, buffer, is_switch);
            for other in &mut self.parts {
                other.skip(next_ms);
            }
        }
        Ok(true)
    }
}

impl Part<'_> {
    /// Whether there are samples to come.
    fn fill(&mut self) -> Result<bool, SourceError> {
        if !self.is_used_up() {
            return Ok(true);
        }
        self.buffer.clear();
        self.float = 0;
        self.histogram = 0;
        self.cursor.read(&mut self.buffer)
    }

    fn is_used_up(&self) -> bool {
        self.float >= self.buffer.floats.len() && self.histogram >= self.buffer.histograms.len()
    }

    fn float_ms(&self) -> Option<i64> {
        self.buffer.floats.timestamps_ms.get(self.float).copied()
    }

    fn histogram_ms(&self) -> Option<i64> {
        self.buffer.histograms.timestamps_ms.get(self.histogram).copied()
    }

    /// The time of the next sample; the end of time when there is none.
    fn next_ms(&self) -> i64 {
        let float_ms = self.float_ms().unwrap_or(i64::MAX);
        float_ms.min(self.histogram_ms().unwrap_or(i64::MAX))
    }

    fn last_ms(&self) -> i64 {
        let float_ms = self.buffer.floats.timestamps_ms.last().copied();
        float_ms
            .max(self.buffer.histograms.timestamps_ms.last().copied())
            .unwrap_or(i64::MAX)
    }

    /// Moves samples up to `last_ms`, which follow one of another part when that is a switch.
    fn move_until(&mut self, last_ms: i64, to: &mut SampleBuffer, mut is_switch: bool) {
        while self.histogram_ms().is_some() && self.next_ms() <= last_ms {
            self.move_next(to, is_switch);
            is_switch = false;
        }
        if self.histogram_ms().is_none() {
            let rest = self
                .buffer
                .floats
                .timestamps_ms
                .get(self.float..)
                .unwrap_or_default();
            let end = self.float + rest.partition_point(|&time_ms| time_ms <= last_ms);
            append_floats(&self.buffer, self.float..end, to);
            self.float = end;
        }
    }

    fn move_next(&mut self, to: &mut SampleBuffer, is_switch: bool) {
        let (float_ms, histogram_ms) = (self.float_ms(), self.histogram_ms());
        if float_ms.is_some() && (histogram_ms.is_none() || float_ms <= histogram_ms) {
            append_float(&self.buffer, self.float, to);
            self.float += 1;
        } else {
            append_histogram(&self.buffer, self.histogram, to, is_switch);
            self.histogram += 1;
        }
    }

    /// Drops samples up to `time_ms`.
    fn skip(&mut self, time_ms: i64) {
        while !self.is_used_up() && self.next_ms() <= time_ms {
            if self.float_ms() == Some(self.next_ms()) {
                self.float += 1;
            } else {
                self.histogram += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests;
