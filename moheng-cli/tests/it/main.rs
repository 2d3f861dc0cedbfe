//! Integration tests: the built binary, from outside.

mod api_errors;
mod api_query;
mod api_series;
mod api_status;
mod backup;
mod command_line;
mod lifecycle;
mod query_command;
mod support;
