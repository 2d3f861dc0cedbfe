//! `series`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use moheng_metrics::{Labels, SampleBuffer, Select, SeriesSource, SourceError};

use super::selectors::{read, selection};
use super::{answer, truncate, wire};
use crate::http::error::ApiError;
use crate::http::params::Params;
use crate::http::server::Server;

/// `/api/v1/series`
pub(crate) async fn series(State(server): State<Arc<Server>>, params: Params) -> Result<Response, ApiError> {
    if params.get("match[]").is_none() {
        return Err(ApiError::bad_data("no match[] parameter provided"));
    }
    let selection = selection(&params)?;
    let limit = selection.limit;
    let mut series = read(&server, move |db| {
        // One more than wanted shows whether something was left out.
        let wanted = limit.map_or(usize::MAX, |limit| limit.saturating_add(1));
        let mut found = BTreeSet::new();
        for select in &selection.selects {
            collect(db, select, wanted, &mut found)?;
        }
        Ok(found.into_iter().collect::<Vec<Labels>>())
    })
    .await?;
    let annotations = truncate(&mut series, limit);
    let data = wire::list(series, wire::push_labels);
    Ok(answer(params.gzip, data, annotations))
}

/// Adds the first `wanted` series of a selection that have a sample in its range.
fn collect(
    source: &dyn SeriesSource,
    select: &Select,
    wanted: usize,
    found: &mut BTreeSet<Labels>,
) -> Result<(), SourceError> {
    let mut cursor = source.select(select)?;
    let mut samples = SampleBuffer::new();
    let mut count = 0;
    while count < wanted
        && let Some(mut series) = cursor.next_series()?
    {
        samples.clear();
        if series.samples.read(&mut samples)? {
            found.insert(series.labels);
            count += 1;
        }
    }
    Ok(())
}
