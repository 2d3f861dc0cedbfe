//! `status/tsdb`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use moheng_promql::Annotations;
use moheng_tsdb::{Cardinality, HeadStats};

use super::answer;
use super::selectors::read;
use super::wire::whole;
use crate::http::error::ApiError;
use crate::http::params::Params;
use crate::http::push_json_string;
use crate::http::server::Server;

/// How many of each kind are listed.
const LIMIT: usize = 10;
/// How many may be asked for.
const LIMIT_MAX: usize = 10_000;

/// `/api/v1/status/tsdb`: how much is in memory, and which metrics and labels most series have.
pub(crate) async fn tsdb_status(
    State(server): State<Arc<Server>>,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = limit(&params)?;
    let (head, cardinality) = read(&server, move |db| Ok((db.stats().head, db.cardinality(limit)))).await?;
    let json = tsdb_status_json(&head, &cardinality);
    Ok(answer(params.gzip, whole(json), Annotations::default()))
}

fn limit(params: &Params) -> Result<usize, ApiError> {
    let Some(text) = params.get("limit") else {
        return Ok(LIMIT);
    };
    match text.parse::<usize>() {
        Ok(limit) if limit > LIMIT_MAX => Err(ApiError::bad_data(format!(
            "invalid parameter \"limit\": it must not exceed {LIMIT_MAX}"
        ))),
        Ok(limit) if limit > 0 => Ok(limit),
        _ => Err(ApiError::bad_data(
            "invalid parameter \"limit\": limit must be a positive number",
        )),
    }
}

fn tsdb_status_json(head: &HeadStats, cardinality: &Cardinality) -> String {
    // Without samples the range is empty.
    let mut json = format!(
        r#"{{"headStats":{{"numSeries":{},"numLabelPairs":{},"chunkCount":{},"minTime":{},"maxTime":{}}}"#,
        head.series,
        cardinality.label_pairs,
        head.chunks,
        head.start_ms.unwrap_or(i64::MAX),
        head.end_ms.unwrap_or(i64::MIN),
    );
    for (key, counts) in [
        ("seriesCountByMetricName", &cardinality.series_by_metric),
        ("labelValueCountByLabelName", &cardinality.values_by_label),
        ("memoryInBytesByLabelName", &cardinality.bytes_by_label),
        ("seriesCountByLabelValuePair", &cardinality.series_by_pair),
    ] {
        json.push_str(",\"");
        json.push_str(key);
        json.push_str("\":[");
        for (index, (name, count)) in counts.iter().enumerate() {
            json.push_str(if index > 0 { r#",{"name":"# } else { r#"{"name":"# });
            push_json_string(name, &mut json);
            json.push_str(r#","value":"#);
            json.push_str(&count.to_string());
            json.push('}');
        }
        json.push(']');
    }
    json.push('}');
    json
}
