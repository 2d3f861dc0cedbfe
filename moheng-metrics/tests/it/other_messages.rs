//! The messages of remote read and of the protobuf exposition as prost reads and writes them.

pub(crate) mod read {
    use crate::messages::common::Label;
    use crate::messages::v1::Series;

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Request {
        #[prost(message, repeated, tag = "1")]
        pub(crate) queries: Vec<Query>,
        #[prost(int32, repeated, tag = "2")]
        pub(crate) accepted_response_types: Vec<i32>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Query {
        #[prost(int64, tag = "1")]
        pub(crate) start_timestamp_ms: i64,
        #[prost(int64, tag = "2")]
        pub(crate) end_timestamp_ms: i64,
        #[prost(message, repeated, tag = "3")]
        pub(crate) matchers: Vec<Matcher>,
        #[prost(message, optional, tag = "4")]
        pub(crate) hints: Option<Hints>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Matcher {
        #[prost(int32, tag = "1")]
        pub(crate) kind: i32,
        #[prost(string, tag = "2")]
        pub(crate) name: String,
        #[prost(string, tag = "3")]
        pub(crate) value: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Hints {
        #[prost(int64, tag = "1")]
        pub(crate) step_ms: i64,
        #[prost(string, tag = "2")]
        pub(crate) func: String,
        #[prost(int64, tag = "3")]
        pub(crate) start_ms: i64,
        #[prost(int64, tag = "4")]
        pub(crate) end_ms: i64,
        #[prost(string, repeated, tag = "5")]
        pub(crate) grouping: Vec<String>,
        #[prost(bool, tag = "6")]
        pub(crate) by: bool,
        #[prost(int64, tag = "7")]
        pub(crate) range_ms: i64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Response {
        #[prost(message, repeated, tag = "1")]
        pub(crate) results: Vec<QueryResult>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct QueryResult {
        #[prost(message, repeated, tag = "1")]
        pub(crate) timeseries: Vec<Series>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct ChunkedResponse {
        #[prost(message, repeated, tag = "1")]
        pub(crate) chunked_series: Vec<ChunkedSeries>,
        #[prost(int64, tag = "2")]
        pub(crate) query_index: i64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct ChunkedSeries {
        #[prost(message, repeated, tag = "1")]
        pub(crate) labels: Vec<Label>,
        #[prost(message, repeated, tag = "2")]
        pub(crate) chunks: Vec<Chunk>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Chunk {
        #[prost(int64, tag = "1")]
        pub(crate) min_time_ms: i64,
        #[prost(int64, tag = "2")]
        pub(crate) max_time_ms: i64,
        #[prost(int32, tag = "3")]
        pub(crate) kind: i32,
        #[prost(bytes = "vec", tag = "4")]
        pub(crate) data: Vec<u8>,
    }
}

/// The exposition, as its definition in proto2 has it: with optional fields.
pub(crate) mod client {
    use crate::messages::common::{Label, Span};

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Family {
        #[prost(string, optional, tag = "1")]
        pub(crate) name: Option<String>,
        #[prost(string, optional, tag = "2")]
        pub(crate) help: Option<String>,
        #[prost(int32, optional, tag = "3")]
        pub(crate) kind: Option<i32>,
        #[prost(message, repeated, tag = "4")]
        pub(crate) metric: Vec<Metric>,
        #[prost(string, optional, tag = "5")]
        pub(crate) unit: Option<String>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Metric {
        #[prost(message, repeated, tag = "1")]
        pub(crate) label: Vec<Label>,
        #[prost(message, optional, tag = "2")]
        pub(crate) gauge: Option<Number>,
        #[prost(message, optional, tag = "3")]
        pub(crate) counter: Option<Counter>,
        #[prost(message, optional, tag = "4")]
        pub(crate) summary: Option<Summary>,
        #[prost(message, optional, tag = "5")]
        pub(crate) untyped: Option<Number>,
        #[prost(int64, optional, tag = "6")]
        pub(crate) timestamp_ms: Option<i64>,
        #[prost(message, optional, tag = "7")]
        pub(crate) histogram: Option<Histogram>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Number {
        #[prost(double, optional, tag = "1")]
        pub(crate) value: Option<f64>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Counter {
        #[prost(double, optional, tag = "1")]
        pub(crate) value: Option<f64>,
        #[prost(message, optional, tag = "2")]
        pub(crate) exemplar: Option<Exemplar>,
        #[prost(message, optional, tag = "3")]
        pub(crate) created_timestamp: Option<Timestamp>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Summary {
        #[prost(uint64, optional, tag = "1")]
        pub(crate) sample_count: Option<u64>,
        #[prost(double, optional, tag = "2")]
        pub(crate) sample_sum: Option<f64>,
        #[prost(message, repeated, tag = "3")]
        pub(crate) quantile: Vec<Quantile>,
        #[prost(message, optional, tag = "4")]
        pub(crate) created_timestamp: Option<Timestamp>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Quantile {
        #[prost(double, optional, tag = "1")]
        pub(crate) quantile: Option<f64>,
        #[prost(double, optional, tag = "2")]
        pub(crate) value: Option<f64>,
    }

    /// Lists of numbers are not packed in proto2, unless that is stated.
    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Histogram {
        #[prost(uint64, optional, tag = "1")]
        pub(crate) sample_count: Option<u64>,
        #[prost(double, optional, tag = "2")]
        pub(crate) sample_sum: Option<f64>,
        #[prost(message, repeated, tag = "3")]
        pub(crate) bucket: Vec<Bucket>,
        #[prost(double, optional, tag = "4")]
        pub(crate) sample_count_float: Option<f64>,
        #[prost(sint32, optional, tag = "5")]
        pub(crate) schema: Option<i32>,
        #[prost(double, optional, tag = "6")]
        pub(crate) zero_threshold: Option<f64>,
        #[prost(uint64, optional, tag = "7")]
        pub(crate) zero_count: Option<u64>,
        #[prost(double, optional, tag = "8")]
        pub(crate) zero_count_float: Option<f64>,
        #[prost(message, repeated, tag = "9")]
        pub(crate) negative_span: Vec<Span>,
        #[prost(sint64, repeated, packed = "false", tag = "10")]
        pub(crate) negative_delta: Vec<i64>,
        #[prost(double, repeated, packed = "false", tag = "11")]
        pub(crate) negative_count: Vec<f64>,
        #[prost(message, repeated, tag = "12")]
        pub(crate) positive_span: Vec<Span>,
        #[prost(sint64, repeated, packed = "false", tag = "13")]
        pub(crate) positive_delta: Vec<i64>,
        #[prost(double, repeated, packed = "false", tag = "14")]
        pub(crate) positive_count: Vec<f64>,
        #[prost(message, optional, tag = "15")]
        pub(crate) created_timestamp: Option<Timestamp>,
        #[prost(message, repeated, tag = "16")]
        pub(crate) exemplars: Vec<Exemplar>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Bucket {
        #[prost(uint64, optional, tag = "1")]
        pub(crate) cumulative_count: Option<u64>,
        #[prost(double, optional, tag = "2")]
        pub(crate) upper_bound: Option<f64>,
        #[prost(message, optional, tag = "3")]
        pub(crate) exemplar: Option<Exemplar>,
        #[prost(double, optional, tag = "4")]
        pub(crate) cumulative_count_float: Option<f64>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Exemplar {
        #[prost(message, repeated, tag = "1")]
        pub(crate) label: Vec<Label>,
        #[prost(double, optional, tag = "2")]
        pub(crate) value: Option<f64>,
        #[prost(message, optional, tag = "3")]
        pub(crate) timestamp: Option<Timestamp>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(crate) struct Timestamp {
        #[prost(int64, tag = "1")]
        pub(crate) seconds: i64,
        #[prost(int32, tag = "2")]
        pub(crate) nanos: i32,
    }
}
