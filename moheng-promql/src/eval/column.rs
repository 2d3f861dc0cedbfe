//! [`Column`]: one value per step, some of which may be missing.

use std::borrow::Cow;
use std::sync::Arc;

use moheng_metrics::histogram::FloatHistogram;

use super::limits::histogram_samples;

/// Which steps of a column have a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mask {
    words: Vec<u64>,
}

const WORD_STEPS: usize = u64::BITS as usize;

impl Mask {
    pub(crate) fn empty(steps: usize) -> Self {
        Self {
            words: vec![0; steps.div_ceil(WORD_STEPS)],
        }
    }

    /// All steps.
    pub(crate) fn full(steps: usize) -> Self {
        let mut column = Column::default();
        column.fill(steps, 0.0);
        column.present
    }

    fn reset(&mut self, steps: usize) {
        self.words.clear();
        self.words.resize(steps.div_ceil(WORD_STEPS), 0);
    }

    #[inline]
    pub(crate) fn insert(&mut self, step: usize) {
        self.words[step / WORD_STEPS] |= 1 << (step % WORD_STEPS);
    }

    fn remove(&mut self, step: usize) {
        self.words[step / WORD_STEPS] &= !(1 << (step % WORD_STEPS));
    }

    #[inline]
    pub(crate) fn contains(&self, step: usize) -> bool {
        self.words[step / WORD_STEPS] >> (step % WORD_STEPS) & 1 == 1
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    pub(crate) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Adds the steps of `other`.
    pub(crate) fn unite(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
    }

    /// Keeps the steps that `other` has too.
    pub(crate) fn intersect(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= other;
        }
    }

    /// Drops the steps that `other` has.
    pub(crate) fn subtract(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= !other;
        }
    }

    /// Whether some step is in both.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).any(|(a, b)| a & b != 0)
    }

    /// The steps, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                (rest != 0).then(|| {
                    let bit = rest.trailing_zeros() as usize;
                    rest &= rest - 1;
                    index * WORD_STEPS + bit
                })
            })
        })
    }
}

/// One value per step, with a mask of those that are there. What lies under missing steps is arbitrary.
///
/// A value is a float or, at other steps, a native histogram. Most columns have no histograms and pay nothing for them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Column {
    values: Vec<f64>,
    /// Where there are floats.
    present: Mask,
    /// `None` when there is no histogram.
    histograms: Option<Box<Histograms>>,
}

/// The histograms of a column.
#[derive(Clone, Debug)]
struct Histograms {
    present: Mask,
    cells: Vec<Option<Arc<FloatHistogram>>>,
}

/// What a column has at a step.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cell<'c> {
    Float(f64),
    Histogram(&'c Arc<FloatHistogram>),
}

impl Column {
    /// A column without any value.
    pub(crate) fn empty(steps: usize) -> Self {
        Self {
            values: vec![0.0; steps],
            present: Mask::empty(steps),
            histograms: None,
        }
    }

    /// Makes it a column without any value, keeping its memory.
    pub(crate) fn reset(&mut self, steps: usize) {
        self.values.resize(steps, 0.0);
        self.present.reset(steps);
        self.histograms = None;
    }

    /// Makes it a column with `value` at every step, keeping its memory.
    pub(crate) fn fill(&mut self, steps: usize, value: f64) {
        self.histograms = None;
        self.values.clear();
        self.values.resize(steps, value);
        self.present.reset(steps);
        for (index, word) in self.present.words.iter_mut().enumerate() {
            let covered = (steps - index * WORD_STEPS).min(WORD_STEPS);
            *word = u64::MAX >> (WORD_STEPS - covered);
        }
    }

    pub(crate) fn steps(&self) -> usize {
        self.values.len()
    }

    #[inline]
    pub(crate) fn set(&mut self, step: usize, value: f64) {
        self.values[step] = value;
        self.present.insert(step);
    }

    /// Sets the floats that `value` has, asked for step by step.
    #[inline]
    pub(crate) fn set_each(&mut self, mut value: impl FnMut(usize) -> Option<f64>) {
        let chunks = self.values.chunks_mut(WORD_STEPS).zip(&mut self.present.words);
        for (index, (values, word)) in chunks.enumerate() {
            let mut present = 0;
            for (bit, place) in values.iter_mut().enumerate() {
                if let Some(value) = value(index * WORD_STEPS + bit) {
                    *place = value;
                    present |= 1 << bit;
                }
            }
            *word |= present;
        }
    }

    #[inline]
    pub(crate) fn get(&self, step: usize) -> Option<f64> {
        self.present.contains(step).then(|| self.values[step])
    }

    /// Where there are floats.
    pub(crate) fn present(&self) -> &Mask {
        &self.present
    }

    /// Where there are values, floats or histograms.
    pub(crate) fn any_present(&self) -> Cow<'_, Mask> {
        match &self.histograms {
            None => Cow::Borrowed(&self.present),
            Some(histograms) => {
                let mut any = self.present.clone();
                any.unite(&histograms.present);
                Cow::Owned(any)
            }
        }
    }

    /// Whether there is neither a float nor a histogram.
    pub(crate) fn is_empty(&self) -> bool {
        self.present.is_empty() && !self.has_histograms()
    }

    /// Whether there is a histogram.
    #[inline]
    pub(crate) fn has_histograms(&self) -> bool {
        self.histograms
            .as_ref()
            .is_some_and(|histograms| !histograms.present.is_empty())
    }

    /// How many values there are.
    pub(crate) fn count(&self) -> usize {
        let histograms = self.histograms.as_ref();
        self.present.count() + histograms.map_or(0, |histograms| histograms.present.count())
    }

    /// What it takes to hold the column, in samples.
    pub(crate) fn weight(&self) -> usize {
        let histograms = self.histograms();
        self.steps()
            + histograms
                .map(|(_, histogram)| histogram_samples(histogram.view()))
                .sum::<usize>()
    }

    /// Keeps the values at these steps.
    pub(crate) fn intersect(&mut self, steps: &Mask) {
        self.present.intersect(steps);
        if let Some(histograms) = &mut self.histograms {
            histograms.present.intersect(steps);
        }
    }

    /// Drops the values at these steps.
    pub(crate) fn subtract(&mut self, steps: &Mask) {
        self.present.subtract(steps);
        if let Some(histograms) = &mut self.histograms {
            histograms.present.subtract(steps);
        }
    }

    /// Drops the value at a step.
    pub(crate) fn clear(&mut self, step: usize) {
        self.present.remove(step);
        if let Some(histograms) = &mut self.histograms {
            histograms.present.remove(step);
        }
    }

    pub(crate) fn drop_histograms(&mut self) {
        self.histograms = None;
    }

    pub(crate) fn drop_floats(&mut self) {
        self.present.reset(self.values.len());
    }

    /// Sets the value at a step to a histogram.
    pub(crate) fn set_histogram(&mut self, step: usize, histogram: Arc<FloatHistogram>) {
        let steps = self.values.len();
        let histograms = self.histograms.get_or_insert_with(|| {
            Box::new(Histograms {
                present: Mask::empty(steps),
                cells: vec![None; steps],
            })
        });
        histograms.cells[step] = Some(histogram);
        histograms.present.insert(step);
        self.present.remove(step);
    }

    /// Makes it a column with the histogram at every step.
    pub(crate) fn fill_histogram(&mut self, steps: usize, histogram: &Arc<FloatHistogram>) {
        self.reset(steps);
        self.histograms = Some(Box::new(Histograms {
            present: Mask::full(steps),
            cells: vec![Some(Arc::clone(histogram)); steps],
        }));
    }

    pub(crate) fn histogram(&self, step: usize) -> Option<&Arc<FloatHistogram>> {
        let histograms = self.histograms.as_ref()?;
        let cell = histograms.cells[step].as_ref();
        cell.filter(|_| histograms.present.contains(step))
    }

    /// The value at a step, of whatever kind.
    pub(crate) fn cell(&self, step: usize) -> Option<Cell<'_>> {
        match self.get(step) {
            Some(value) => Some(Cell::Float(value)),
            None => self.histogram(step).map(Cell::Histogram),
        }
    }

    /// Sets the value at a step, of whatever kind.
    pub(crate) fn set_cell(&mut self, step: usize, cell: Cell<'_>) {
        match cell {
            Cell::Float(value) => {
                self.clear(step);
                self.set(step, value);
            }
            Cell::Histogram(histogram) => self.set_histogram(step, Arc::clone(histogram)),
        }
    }

    /// The histograms with their steps, ascending.
    pub(crate) fn histograms(&self) -> impl Iterator<Item = (usize, &Arc<FloatHistogram>)> {
        self.histograms.iter().flat_map(|histograms| {
            let present = histograms.present.iter();
            present.filter_map(|step| Some((step, histograms.cells[step].as_ref()?)))
        })
    }

    /// Replaces every histogram; `None` drops it.
    pub(crate) fn map_histograms(
        &mut self,
        mut change: impl FnMut(usize, &FloatHistogram) -> Option<FloatHistogram>,
    ) {
        let Some(histograms) = &mut self.histograms else {
            return;
        };
        for (step, cell) in histograms.cells.iter_mut().enumerate() {
            if !histograms.present.contains(step) {
                continue;
            }
            *cell = cell.as_ref().and_then(|cell| change(step, cell)).map(Arc::new);
            if cell.is_none() {
                histograms.present.remove(step);
            }
        }
    }

    /// Replaces every histogram by a float.
    pub(crate) fn histograms_to_floats(&mut self, mut value: impl FnMut(usize, &FloatHistogram) -> f64) {
        let Some(histograms) = self.histograms.take() else {
            return;
        };
        for step in histograms.present.iter() {
            if let Some(histogram) = &histograms.cells[step] {
                self.set(step, value(step, histogram));
            }
        }
    }

    /// Keeps the steps `keep` says yes to, whatever they hold.
    pub(crate) fn retain_steps(&mut self, mut keep: impl FnMut(usize) -> bool) {
        let present = self.any_present().into_owned();
        for step in present.iter() {
            if !keep(step) {
                self.clear(step);
            }
        }
    }

    /// The floats that are there with their steps, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, f64)> {
        self.present.iter().map(|step| (step, self.values[step]))
    }

    /// Calls `visit` with step and value of all floats; runs of full words go without looking at bits.
    #[inline]
    pub(crate) fn for_each(&self, mut visit: impl FnMut(usize, f64)) {
        for (index, word) in self.present.words.iter().enumerate() {
            let first = index * WORD_STEPS;
            if *word == u64::MAX {
                for (offset, value) in self.values[first..first + WORD_STEPS].iter().enumerate() {
                    visit(first + offset, *value);
                }
                continue;
            }
            let mut rest = *word;
            while rest != 0 {
                let step = first + rest.trailing_zeros() as usize;
                rest &= rest - 1;
                visit(step, self.values[step]);
            }
        }
    }

    /// Replaces every float.
    #[inline]
    pub(crate) fn map(&mut self, mut f: impl FnMut(f64) -> f64) {
        for value in &mut self.values {
            *value = f(*value);
        }
    }

    /// Replaces every float, knowing its step.
    #[inline]
    pub(crate) fn map_steps(&mut self, mut f: impl FnMut(usize, f64) -> f64) {
        for (step, value) in self.values.iter_mut().enumerate() {
            *value = f(step, *value);
        }
    }

    /// Keeps the floats `keep` says yes to.
    #[inline]
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(usize, f64) -> bool) {
        for (index, word) in self.present.words.iter_mut().enumerate() {
            let first = index * WORD_STEPS;
            let mut rest = *word;
            while rest != 0 {
                let bit = rest.trailing_zeros() as usize;
                rest &= rest - 1;
                if !keep(first + bit, self.values[first + bit]) {
                    *word &= !(1 << bit);
                }
            }
        }
    }

    /// Takes over the values of `other` where it has some.
    pub(crate) fn overlay(&mut self, other: &Self) {
        other.for_each(|step, value| self.set(step, value));
        for (step, histogram) in other.histograms() {
            self.set_histogram(step, Arc::clone(histogram));
        }
    }
}
