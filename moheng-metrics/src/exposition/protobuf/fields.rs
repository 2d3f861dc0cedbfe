//! The numbers of the fields, by message.

pub(super) mod metric_family {
    pub(in super::super) const NAME: u32 = 1;
    pub(in super::super) const HELP: u32 = 2;
    pub(in super::super) const TYPE: u32 = 3;
    pub(in super::super) const METRIC: u32 = 4;
    pub(in super::super) const UNIT: u32 = 5;
}

pub(super) mod metric {
    pub(in super::super) const LABEL: u32 = 1;
    pub(in super::super) const GAUGE: u32 = 2;
    pub(in super::super) const COUNTER: u32 = 3;
    pub(in super::super) const SUMMARY: u32 = 4;
    pub(in super::super) const UNTYPED: u32 = 5;
    pub(in super::super) const TIMESTAMP_MS: u32 = 6;
    pub(in super::super) const HISTOGRAM: u32 = 7;
}

/// Counters, gauges and untyped values.
pub(super) mod number {
    pub(in super::super) const VALUE: u32 = 1;
    /// Of counters only.
    pub(in super::super) const EXEMPLAR: u32 = 2;
    /// Of counters only.
    pub(in super::super) const CREATED: u32 = 3;
}

pub(super) mod summary {
    pub(in super::super) const COUNT: u32 = 1;
    pub(in super::super) const SUM: u32 = 2;
    pub(in super::super) const QUANTILE: u32 = 3;
    pub(in super::super) const CREATED: u32 = 4;
    pub(in super::super) const RANK: u32 = 1;
    pub(in super::super) const VALUE: u32 = 2;
}

pub(super) mod histogram {
    pub(in super::super) const COUNT: u32 = 1;
    pub(in super::super) const SUM: u32 = 2;
    pub(in super::super) const BUCKET: u32 = 3;
    pub(in super::super) const COUNT_FLOAT: u32 = 4;
    pub(in super::super) const SCHEMA: u32 = 5;
    pub(in super::super) const ZERO_THRESHOLD: u32 = 6;
    pub(in super::super) const ZERO_COUNT: u32 = 7;
    pub(in super::super) const ZERO_COUNT_FLOAT: u32 = 8;
    pub(in super::super) const NEGATIVE_SPAN: u32 = 9;
    pub(in super::super) const NEGATIVE_DELTA: u32 = 10;
    pub(in super::super) const NEGATIVE_COUNT: u32 = 11;
    pub(in super::super) const POSITIVE_SPAN: u32 = 12;
    pub(in super::super) const POSITIVE_DELTA: u32 = 13;
    pub(in super::super) const POSITIVE_COUNT: u32 = 14;
    pub(in super::super) const CREATED: u32 = 15;
    pub(in super::super) const EXEMPLAR: u32 = 16;
}

pub(super) mod bucket {
    pub(in super::super) const COUNT: u32 = 1;
    pub(in super::super) const BOUND: u32 = 2;
    pub(in super::super) const EXEMPLAR: u32 = 3;
    pub(in super::super) const COUNT_FLOAT: u32 = 4;
}

pub(super) mod exemplar {
    pub(in super::super) const LABEL: u32 = 1;
    pub(in super::super) const VALUE: u32 = 2;
    pub(in super::super) const TIMESTAMP: u32 = 3;
}

/// Of protobuf itself.
pub(super) mod timestamp {
    pub(in super::super) const SECONDS: u32 = 1;
    pub(in super::super) const NANOSECONDS: u32 = 2;
}
