//! What `--enable-feature` turns on, under Prometheus's names.

use clap::ValueEnum;

/// A feature that is off unless it is asked for, or that Prometheus has such a switch for and that is always on here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Feature {
    /// Functions and aggregations that may still change.
    PromqlExperimentalFunctions,
    /// `fill`, `fill_left` and `fill_right`.
    PromqlBinopFillModifiers,
    /// `anchored` and `smoothed`.
    PromqlExtendedRangeSelectors,
    /// Metric names are dropped at the end of a query and not at once.
    PromqlDelayedNameRemoval,
    /// Counters start at zero at the time their samples say they started.
    UseStartTimestamps,
    /// A chunk snapshot when the server ends; on unless `--storage.snapshot-on-shutdown=false` is given.
    MemorySnapshotOnShutdown,
    /// Arithmetic in durations; always on.
    PromqlDurationExpr,
    /// The samples each step of a query sees, with `stats=all`; always on.
    PromqlPerStepStats,
    /// `@`; always on.
    PromqlAtModifier,
    /// Negative offsets; always on.
    PromqlNegativeOffset,
    /// Native histograms in storage and queries; always on.
    NativeHistograms,
    /// Exemplars are kept; always on.
    ExemplarStorage,
}
