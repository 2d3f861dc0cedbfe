//! Integration tests of the crate.

mod contract;
mod exposition;
mod histograms;
mod instrument;
mod instrument_pages;
mod labels;
mod messages;
mod other_messages;
mod otlp;
mod patterns;
mod protobuf_exposition;
mod remote_read;
mod remote_write;
mod text_format;
mod wire_model;
