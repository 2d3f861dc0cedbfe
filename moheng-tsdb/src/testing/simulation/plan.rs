//! [`Plan`]: settings and operations, as plain data that can be shown and shortened.

use std::time::Duration;

use moheng_metrics::{Labels, MatchOp, Matcher, STALE_NAN, Select};

use super::choices::Choices;
use crate::compact::Retention;
use crate::{Settings, WalSync};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// What a simulation does.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) settings: Settings,
    /// What the clock shows at first.
    pub(super) start_ms: i64,
    pub(super) operations: Vec<Operation>,
}

/// One step of a user, or of fate.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    Append(Vec<PlannedSample>),
    Sync,
    /// Time goes on, and what is due is done.
    Pass {
        milliseconds: u64,
    },
    Compact,
    /// Samples of some series in a range are deleted.
    Delete(PlannedQuery),
    CleanTombstones,
    /// Late samples are taken within this window from now on, as after a change of the configuration.
    Window {
        milliseconds: i64,
    },
    Query(PlannedQuery),
    /// A query that is read later, or never.
    Hold(PlannedQuery),
    ReadHeld,
    Labels,
    /// A snapshot, written somewhere, verified, restored, opened and compared.
    Backup,
    /// A second, read-only user of the directory.
    ReadOnly,
    Verify,
    /// Closed and opened again.
    Reopen,
    /// The process dies.
    Kill,
    /// The machine loses power: nothing that was not synced is left, or anything of it.
    PowerCut {
        torn: Option<u64>,
    },
}

#[derive(Clone, Copy, Debug)]
pub(super) struct PlannedSample {
    pub(super) series: u64,
    /// From the clock's time.
    pub(super) offset_ms: i64,
    pub(super) value: PlannedValue,
    pub(super) by_reference: bool,
    /// From the sample's time, when it has a start.
    pub(super) start_offset_ms: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum PlannedValue {
    Float(f64),
    /// Any histogram, made of this seed.
    Integer(u64),
    Fractional(u64),
    /// The next sample of the histogram that the series is.
    Counter,
}

#[derive(Clone, Debug)]
pub(super) struct PlannedQuery {
    /// Operator, and indexes of name and value.
    matchers: Vec<(u64, u64, u64)>,
    /// How long ago it begins and ends; `None` for everything.
    range_ms: Option<(i64, i64)>,
    pub(super) limit: Option<usize>,
    is_in_any_order: bool,
    /// So many series are handed out at once; for held ones.
    pub(super) handed_out: usize,
}

impl Plan {
    /// A plan of about so many operations.
    pub(super) fn new(choices: &mut Choices<'_>, length: u64) -> Self {
        let mut plan = Self {
            settings: settings(choices),
            start_ms: [1_700_000_000_000, 1_700_000_000_000, 0, -7 * HOUR_MS]
                .get(choices.below(4) as usize)
                .copied()
                .unwrap_or_default(),
            operations: Vec::new(),
        };
        let shape = Shape {
            series: 1 + choices.below(24),
            batch: 1 + choices.below(40),
            churn: choices.below(8),
            wide: choices.one_in(4),
            late: [16, 16, 6, 2]
                .get(choices.below(4) as usize)
                .copied()
                .unwrap_or(16),
        };
        let length = length / 2 + choices.below(length);
        for step in 0..length {
            if choices.is_over() {
                break;
            }
            let operation = shape.operation(choices, step);
            plan.operations.push(operation);
        }
        plan
    }
}

fn settings(choices: &mut Choices<'_>) -> Settings {
    let wal_sync = match choices.below(5) {
        0 | 1 => WalSync::Always,
        2 | 3 => WalSync::Interval(Duration::from_secs(1 + choices.below(30))),
        _ => WalSync::Os,
    };
    let start_timestamps = choices.below(2) == 0;
    let retention = match choices.below(8) {
        0 => Retention {
            time_ms: Some(choices.between(1..24) * HOUR_MS),
            ..Retention::default()
        },
        1 => Retention {
            size_bytes: Some(4096 << choices.below(6)),
            ..Retention::default()
        },
        _ => Retention::default(),
    };
    Settings {
        wal_sync,
        wal_segment_bytes: 32 << 10,
        retention,
        start_timestamps,
        out_of_order_window_ms: window_ms(choices),
        snapshot_on_close: choices.below(2) == 0,
        ..Settings::default()
    }
}

fn window_ms(choices: &mut Choices<'_>) -> i64 {
    let windows = [0, 0, 0, 10 * MINUTE_MS, 2 * HOUR_MS, 30 * HOUR_MS];
    windows
        .get(choices.below(6) as usize)
        .copied()
        .unwrap_or_default()
}

/// What the workload of a plan looks like.
#[derive(Clone, Copy, Debug)]
struct Shape {
    /// How many series are alive at a time.
    series: u64,
    /// Samples per batch, at most.
    batch: u64,
    /// How many operations it takes until an old series gives way to a new one; never when 0.
    churn: u64,
    /// Batches that are ten times as large.
    wide: bool,
    /// One in so many samples is older than others.
    late: u64,
}

impl Shape {
    fn operation(&self, choices: &mut Choices<'_>, step: u64) -> Operation {
        const WEIGHTS: [u64; 18] = [24, 3, 10, 6, 5, 6, 2, 2, 1, 1, 1, 1, 2, 2, 2, 2, 1, 1];
        match choices.weighted(&WEIGHTS) {
            0 => Operation::Append(self.batch(choices, step)),
            1 => Operation::Sync,
            2 => Operation::Pass {
                milliseconds: choices.below(60_000),
            },
            3 => Operation::Pass {
                milliseconds: (choices.between(1..300) * MINUTE_MS) as u64,
            },
            4 => Operation::Compact,
            5 => Operation::Query(query(choices)),
            6 => Operation::Hold(query(choices)),
            7 => Operation::ReadHeld,
            8 => Operation::Labels,
            9 => Operation::Backup,
            10 => Operation::ReadOnly,
            11 => Operation::Verify,
            12 => Operation::Reopen,
            13 => Operation::Kill,
            15 => Operation::Delete(query(choices)),
            16 => Operation::CleanTombstones,
            17 => Operation::Window {
                milliseconds: window_ms(choices),
            },
            _ => Operation::PowerCut {
                torn: (choices.below(4) > 0).then(|| choices.below(u64::MAX)),
            },
        }
    }

    fn batch(&self, choices: &mut Choices<'_>, step: u64) -> Vec<PlannedSample> {
        let length = (1 + choices.below(self.batch)) * if self.wide { 10 } else { 1 };
        let first = step.checked_div(self.churn).unwrap_or_default();
        let is_regular = choices.below(2) == 0;
        (0..length)
            .map(|number| {
                // A scrape has each series once, all at one time; anything else is somebody's remote write.
                let series = if is_regular {
                    first + number % self.series
                } else {
                    first + choices.below(self.series)
                };
                self.sample(
                    choices,
                    series,
                    if is_regular { number / self.series } else { number },
                )
            })
            .collect()
    }

    fn sample(&self, choices: &mut Choices<'_>, series: u64, position: u64) -> PlannedSample {
        let offset_ms = match choices.below(16) {
            _ if choices.one_in(self.late) => {
                -choices.between(0..5 * HOUR_MS)
                    / [1, 60, 1000].get(choices.below(3) as usize).copied().unwrap_or(1)
            }
            1 => choices.between(0..2 * MINUTE_MS),
            2 => 0,
            _ => position as i64,
        };
        let value = match (series % 4, choices.below(12)) {
            (0 | 1, 0) | (2, 0..6) => PlannedValue::Counter,
            (2, 6..8) => PlannedValue::Integer(choices.below(1 << 16)),
            (2, 8..10) => PlannedValue::Fractional(choices.below(1 << 16)),
            (_, 1) => {
                let special = [STALE_NAN, f64::NAN, f64::INFINITY, -0.0, f64::MAX];
                PlannedValue::Float(
                    special
                        .get(choices.below(5) as usize)
                        .copied()
                        .unwrap_or_default(),
                )
            }
            (_, 2..5) => PlannedValue::Float(f64::from_bits(choices.below(u64::MAX))),
            _ => PlannedValue::Float(choices.below(4) as f64),
        };
        let has_start = series.is_multiple_of(3) && choices.below(4) > 0;
        PlannedSample {
            series,
            offset_ms,
            value,
            by_reference: choices.below(3) > 0,
            start_offset_ms: has_start.then(|| -choices.between(0..HOUR_MS)),
        }
    }
}

fn query(choices: &mut Choices<'_>) -> PlannedQuery {
    let matchers = (0..choices.below(3))
        .map(|_| {
            (
                choices.below(4),
                choices.below(NAMES.len() as u64),
                choices.below(VALUES.len() as u64),
            )
        })
        .collect();
    let range_ms = (choices.below(3) > 0).then(|| {
        let from = choices.between(0..12 * HOUR_MS);
        (from, from - choices.between(-MINUTE_MS..6 * HOUR_MS))
    });
    PlannedQuery {
        matchers,
        range_ms,
        limit: choices.one_in(6).then(|| choices.below(6) as usize),
        is_in_any_order: choices.one_in(4),
        handed_out: choices.below(4) as usize,
    }
}

const NAMES: [&str; 4] = ["__name__", "instance", "path", "none"];
const VALUES: [&str; 12] = [
    "m1",
    "m0|m1",
    "m.*",
    "",
    ".*",
    ".+",
    "h0",
    "h[12]",
    "h0|h3|h5",
    "/ü/2",
    "/ü/[0-3]",
    "m2",
];

impl PlannedQuery {
    pub(super) fn select(&self, now_ms: i64) -> Select {
        let matchers = self.matchers.iter().filter_map(|&(op, name, value)| {
            let op = match op {
                0 => MatchOp::Equal,
                1 => MatchOp::NotEqual,
                2 => MatchOp::Regex,
                _ => MatchOp::NotRegex,
            };
            let name = NAMES.get(name as usize)?;
            let value = VALUES.get(value as usize)?;
            Matcher::new(op, *name, *value).ok()
        });
        let (start_ms, end_ms) = match self.range_ms {
            Some((from, to)) => (now_ms - from, now_ms - to),
            None => (i64::MIN, i64::MAX),
        };
        let mut select = Select::new(matchers.collect(), start_ms, end_ms);
        select.limit = self.limit;
        if self.is_in_any_order {
            select.in_any_order()
        } else {
            select
        }
    }
}

/// The labels of a series.
pub(super) fn labels_of(series: u64) -> Labels {
    let mut pairs = vec![
        ("__name__".to_owned(), format!("m{}", series % 5)),
        ("instance".to_owned(), format!("h{}", series / 5)),
    ];
    if series.is_multiple_of(2) {
        pairs.push(("path".to_owned(), format!("/ü/{}", series % 7)));
    }
    Labels::from_pairs(pairs)
}
