//! [`Column`]: one value per step, some of which may be missing.

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
#[derive(Clone, Debug, Default)]
pub(crate) struct Column {
    values: Vec<f64>,
    present: Mask,
}

impl Column {
    /// A column without any value.
    pub(crate) fn empty(steps: usize) -> Self {
        Self {
            values: vec![0.0; steps],
            present: Mask::empty(steps),
        }
    }

    /// Makes it a column without any value, keeping its memory.
    pub(crate) fn reset(&mut self, steps: usize) {
        self.values.resize(steps, 0.0);
        self.present.reset(steps);
    }

    /// Makes it a column with `value` at every step, keeping its memory.
    pub(crate) fn fill(&mut self, steps: usize, value: f64) {
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

    #[inline]
    pub(crate) fn get(&self, step: usize) -> Option<f64> {
        self.present.contains(step).then(|| self.values[step])
    }

    pub(crate) fn present(&self) -> &Mask {
        &self.present
    }

    pub(crate) fn present_mut(&mut self) -> &mut Mask {
        &mut self.present
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.present.is_empty()
    }

    /// The values that are there with their steps, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, f64)> {
        self.present.iter().map(|step| (step, self.values[step]))
    }

    /// Calls `visit` with step and value of all that are there; runs of full words go without looking at bits.
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

    /// Replaces every value.
    #[inline]
    pub(crate) fn map(&mut self, mut f: impl FnMut(f64) -> f64) {
        for value in &mut self.values {
            *value = f(*value);
        }
    }

    /// Replaces every value, knowing its step.
    #[inline]
    pub(crate) fn map_steps(&mut self, mut f: impl FnMut(usize, f64) -> f64) {
        for (step, value) in self.values.iter_mut().enumerate() {
            *value = f(step, *value);
        }
    }

    /// Keeps the values `keep` says yes to.
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
    }
}
