//! `metadata` and `targets/metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use moheng_collect::{MetricMetadata, TargetMetadata};
use moheng_metrics::{Labels, MetricKind};
use moheng_promql::Annotations;

use super::selectors::selector;
use super::wire::{push_labels, whole};
use super::{answer, truncate};
use crate::http::error::ApiError;
use crate::http::params::Params;
use crate::http::push_json_string;
use crate::http::server::Server;

/// Type, help text and unit.
type Meaning = (&'static str, String, String);

/// `/api/v1/metadata`
pub(crate) async fn metadata(
    State(server): State<Arc<Server>>,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = params.limit("limit")?;
    let limit_per_metric = params.limit("limit_per_metric")?;
    let targets = server.scrapes()?.metadata();
    let mut metrics = meanings(&targets, params.get("metric"));
    for (_, meanings) in &mut metrics {
        meanings.truncate(limit_per_metric.unwrap_or(usize::MAX));
    }
    let annotations = truncate(&mut metrics, limit);
    Ok(answer(params.gzip, whole(metadata_json(&metrics)), annotations))
}

/// `/api/v1/targets/metadata`
pub(crate) async fn target_metadata(
    State(server): State<Arc<Server>>,
    params: Params,
) -> Result<Response, ApiError> {
    let limit = params.limit("limit")?.unwrap_or(usize::MAX);
    let matchers = params
        .get("match_target")
        .map(|text| selector(text, "match_target"));
    let matchers = matchers.transpose()?.unwrap_or_default();
    let wanted = params.get("metric");
    let targets = server.scrapes()?.metadata();
    let mut found: Vec<(&Labels, &MetricMetadata)> = Vec::new();
    for target in &targets {
        // The limit is one of targets: what the last one says is answered whole.
        if found.len() >= limit {
            break;
        }
        if matchers.iter().all(|matcher| matcher.matches(&target.labels)) {
            let metrics = target.metrics.iter().map(|metric| &**metric);
            let metrics = metrics.filter(|metric| wanted.is_none_or(|wanted| wanted == metric.name));
            found.extend(metrics.map(|metric| (&target.labels, metric)));
        }
    }
    let json = target_metadata_json(&found, wanted.is_none());
    Ok(answer(params.gzip, whole(json), Annotations::default()))
}

fn target_metadata_json(found: &[(&Labels, &MetricMetadata)], with_name: bool) -> String {
    let mut json = String::from("[");
    for (index, (labels, metric)) in found.iter().enumerate() {
        json.push_str(if index > 0 {
            r#",{"target":"#
        } else {
            r#"{"target":"#
        });
        push_labels(labels, &mut json);
        if with_name {
            json.push_str(r#","metric":"#);
            push_json_string(&metric.name, &mut json);
        }
        json.push_str(r#","type":"#);
        push_json_string(kind_name(metric.kind), &mut json);
        json.push_str(r#","help":"#);
        push_json_string(&metric.help, &mut json);
        json.push_str(r#","unit":"#);
        push_json_string(&metric.unit, &mut json);
        json.push('}');
    }
    json.push(']');
    json
}

/// What all targets together say about metrics, each different statement once.
fn meanings(targets: &[TargetMetadata], wanted: Option<&str>) -> Vec<(String, Vec<Meaning>)> {
    let mut metrics: BTreeMap<&str, BTreeSet<Meaning>> = BTreeMap::new();
    for metric in targets.iter().flat_map(|target| target.metrics.iter()) {
        if wanted.is_none_or(|wanted| wanted == metric.name) {
            let meaning = (kind_name(metric.kind), metric.help.clone(), metric.unit.clone());
            metrics.entry(&metric.name).or_default().insert(meaning);
        }
    }
    metrics
        .into_iter()
        .map(|(name, meanings)| (name.to_owned(), meanings.into_iter().collect()))
        .collect()
}

fn kind_name(kind: MetricKind) -> &'static str {
    match kind {
        MetricKind::Untyped => "unknown",
        kind => kind.as_str(),
    }
}

fn metadata_json(metrics: &[(String, Vec<Meaning>)]) -> String {
    let mut json = String::from("{");
    for (index, (name, meanings)) in metrics.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        push_json_string(name, &mut json);
        json.push_str(":[");
        for (index, (kind, help, unit)) in meanings.iter().enumerate() {
            json.push_str(if index > 0 { r#",{"type":"# } else { r#"{"type":"# });
            push_json_string(kind, &mut json);
            json.push_str(r#","help":"#);
            push_json_string(help, &mut json);
            json.push_str(r#","unit":"#);
            push_json_string(unit, &mut json);
            json.push('}');
        }
        json.push(']');
    }
    json.push('}');
    json
}
