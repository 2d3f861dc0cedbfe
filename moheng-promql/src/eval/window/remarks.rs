//! [`Remarks`]: what there is to remark on the samples of a series.

/// Something worth telling whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Remark {
    /// A sample started to count before the sample before it.
    StartTimesOverlap,
    /// Floats and histograms in one window.
    MixedKinds,
    /// Histograms with exponential and with custom buckets in one window.
    MixedBuckets,
    /// A rate of gauges.
    NotACounter,
    /// A difference of counters.
    NotAGauge,
    /// Histograms contradict each other about resets.
    ResetsCollide,
    /// Different custom bounds were added.
    BoundsAdded,
    /// Different custom bounds were subtracted.
    BoundsSubtracted,
    /// Different custom bounds were summed up.
    BoundsAggregated,
    /// A function of floats ignored the histograms beside them.
    HistogramsIgnored,
}

/// A set of remarks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Remarks {
    bits: u16,
}

impl Remarks {
    pub(crate) fn add(&mut self, remark: Remark) {
        self.bits |= 1 << remark as u8;
    }

    /// Adds a remark if there is reason to.
    pub(crate) fn add_if(&mut self, remark: Remark, applies: bool) {
        if applies {
            self.add(remark);
        }
    }

    pub(crate) fn contains(self, remark: Remark) -> bool {
        self.bits >> remark as u8 & 1 == 1
    }

    pub(crate) fn is_empty(self) -> bool {
        self.bits == 0
    }
}
