//! Integration tests: the built binary, from outside.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests say what is wrong by panicking"
)]

mod api_errors;
mod api_notes;
mod api_query;
mod api_series;
mod api_status;
mod backup;
mod collect_command;
mod command_line;
mod exporter_command;
mod lifecycle;
mod query_command;
mod support;
mod tidy;
mod tsdb_command;
mod web_config;
