//! `/api/v1`: one file per group of endpoints, and the JSON they write.

mod admin;
mod deletions;
mod exemplars;
mod labels;
mod metadata;
mod query;
mod selectors;
mod series;
mod status;
mod targets;
mod time_texts;
mod tsdb_status;
mod wire;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use moheng_promql::{Annotations, QueryValue};

pub(super) use admin::{snapshot, snapshot_blocks};
pub(super) use deletions::{clean_tombstones, delete_series};
pub(super) use exemplars::query_exemplars;
pub(super) use labels::{label_names, label_values};
pub(super) use metadata::{metadata, target_metadata};
pub(super) use query::{instant_query, range_query};
pub(super) use series::series;
pub(super) use status::{COMPATIBLE_VERSION, build_info};
pub(super) use targets::targets;
pub(super) use tsdb_status::tsdb_status;
pub(super) use wire::error as error_envelope;

use super::body::{JSON_CONTENT_TYPE, Pages, respond};

/// The warning of an answer that `limit` cut short.
const TRUNCATED: &str = "results truncated due to limit";

/// The `data` of a query as the API writes it.
pub(crate) fn query_data_json(value: QueryValue) -> String {
    let mut pages = wire::query_data(value, None);
    let mut json = String::new();
    while pages(&mut json) {}
    json
}

/// A successful answer.
fn answer(gzip: bool, data: Pages, annotations: Annotations) -> Response<Body> {
    respond(
        StatusCode::OK,
        JSON_CONTENT_TYPE,
        gzip,
        wire::success(data, annotations),
    )
}

/// Cuts `items` to `limit`, and says so.
fn truncate<T>(items: &mut Vec<T>, limit: Option<usize>) -> Annotations {
    let mut annotations = Annotations::default();
    if let Some(limit) = limit
        && items.len() > limit
    {
        items.truncate(limit);
        annotations.warnings.push(TRUNCATED.to_owned());
    }
    annotations
}
