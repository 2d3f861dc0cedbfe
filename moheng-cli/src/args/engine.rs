//! Flags of whatever evaluates queries, under Prometheus's names.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::Args;
use moheng_promql::EngineSettings;

use super::feature::Feature;
use super::values::{parse_duration, parse_positive};

/// How queries are evaluated, and what they may cost.
#[derive(Args, Debug)]
pub(crate) struct EngineArgs {
    /// How far back an instant selector looks for the newest sample.
    #[arg(
        long = "query.lookback-delta",
        env = "MOHENG_QUERY_LOOKBACK_DELTA",
        value_name = "DURATION",
        default_value = "5m",
        value_parser = parse_duration
    )]
    pub(crate) lookback_delta: Duration,

    /// How long a query may take before it is stopped.
    #[arg(
        long = "query.timeout",
        env = "MOHENG_QUERY_TIMEOUT",
        value_name = "DURATION",
        default_value = "2m",
        value_parser = parse_duration
    )]
    pub(crate) timeout: Duration,

    /// How many samples a query may hold in memory at once.
    #[arg(
        long = "query.max-samples",
        env = "MOHENG_QUERY_MAX_SAMPLES",
        value_name = "COUNT",
        default_value = "50000000",
        value_parser = parse_positive
    )]
    pub(crate) max_samples: usize,

    /// How many threads evaluate one query; without it as many as there are processors.
    #[arg(
        long = "query.threads",
        env = "MOHENG_QUERY_THREADS",
        value_name = "COUNT",
        value_parser = parse_positive
    )]
    pub(crate) threads: Option<usize>,

    /// Features to turn on, separated by commas; can be given several times.
    #[arg(
        long = "enable-feature",
        env = "MOHENG_ENABLE_FEATURE",
        value_name = "FEATURE",
        value_delimiter = ','
    )]
    pub(crate) features: Vec<Feature>,
}

impl EngineArgs {
    /// What the flags say.
    pub(crate) fn settings(&self) -> EngineSettings {
        let mut settings = EngineSettings::default();
        settings.lookback_delta_ms = self.lookback_delta.as_millis() as i64;
        settings.max_samples = self.max_samples as u64;
        settings.timeout = self.timeout;
        settings.threads = match self.threads {
            Some(threads) => threads,
            None => available_parallelism().map_or(1, NonZeroUsize::get),
        };
        for feature in &self.features {
            match feature {
                Feature::PromqlExperimentalFunctions => settings.parser.experimental_functions = true,
                Feature::PromqlBinopFillModifiers => settings.parser.fill_modifiers = true,
                Feature::PromqlExtendedRangeSelectors => settings.parser.edge_modifiers = true,
                Feature::PromqlDelayedNameRemoval => settings.delayed_name_removal = true,
                Feature::UseStartTimestamps => settings.use_start_timestamps = true,
                Feature::MemorySnapshotOnShutdown
                | Feature::PromqlDurationExpr
                | Feature::PromqlPerStepStats
                | Feature::PromqlAtModifier
                | Feature::PromqlNegativeOffset
                | Feature::NativeHistograms
                | Feature::ExemplarStorage => {}
            }
        }
        settings
    }
}
