//! The HTTP server: Prometheus's API, probes, and our own metrics.

mod api;
mod body;
mod counted;
mod error;
mod metrics;
mod metrics_page;
mod pages;
mod params;
mod pipe;
mod routes;
mod security;
mod serve;
mod server;
mod statistics;

pub(crate) use api::query_data_json;
pub(crate) use body::{Pages, push_json_string};
pub(crate) use metrics::own_families;
pub(crate) use metrics_page::metrics_page;
pub(crate) use routes::routes;
pub(crate) use security::Security;
pub(crate) use serve::{ConnectionLimits, bind, serve};
pub(crate) use server::{Server, ServerSettings};
