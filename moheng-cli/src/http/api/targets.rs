//! `targets`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use moheng_collect::{DroppedTarget, TargetStatus};
use moheng_metrics::format_duration;
use moheng_promql::Annotations;

use super::answer;
use super::wire::{push_labels, whole};
use crate::http::error::ApiError;
use crate::http::params::Params;
use crate::http::push_json_string;
use crate::http::server::Server;
use crate::time::format_time;

/// What Prometheus says of a target that was never scraped.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// `/api/v1/targets`
pub(crate) async fn targets(State(server): State<Arc<Server>>, params: Params) -> Result<Response, ApiError> {
    let scrapes = server.scrapes()?;
    let state = params.get("state").unwrap_or_default().to_ascii_lowercase();
    let is_wanted = |pool: &str| params.get("scrapePool").is_none_or(|wanted| wanted == pool);
    let mut active = Vec::new();
    let mut dropped = Vec::new();
    let mut counts = BTreeMap::new();
    if state != "dropped" {
        active = scrapes.targets();
        active.retain(|target| is_wanted(&target.scrape_pool));
    }
    if state != "active" {
        dropped = scrapes.dropped_targets();
        dropped.retain(|target| is_wanted(&target.scrape_pool));
        counts = scrapes.dropped_target_counts();
        counts.retain(|pool, _| is_wanted(pool));
    }
    let json = whole(targets_json(&active, &dropped, &counts));
    Ok(answer(params.gzip, json, Annotations::default()))
}

fn targets_json(
    active: &[TargetStatus],
    dropped: &[DroppedTarget],
    counts: &BTreeMap<String, usize>,
) -> String {
    let mut json = String::from(r#"{"activeTargets":["#);
    for (index, target) in active.iter().enumerate() {
        push_separator(index, &mut json);
        push_active(target, &mut json);
    }
    json.push_str(r#"],"droppedTargets":["#);
    for (index, target) in dropped.iter().enumerate() {
        push_separator(index, &mut json);
        json.push_str(r#"{"discoveredLabels":"#);
        push_labels(&target.discovered_labels, &mut json);
        push_text("scrapePool", &target.scrape_pool, &mut json);
        json.push('}');
    }
    json.push_str(r#"],"droppedTargetCounts":{"#);
    for (index, (pool, count)) in counts.iter().enumerate() {
        push_separator(index, &mut json);
        push_json_string(pool, &mut json);
        json.push(':');
        json.push_str(&count.to_string());
    }
    json.push_str("}}");
    json
}

fn push_active(target: &TargetStatus, json: &mut String) {
    json.push_str(r#"{"discoveredLabels":"#);
    push_labels(&target.discovered_labels, json);
    json.push_str(r#","labels":"#);
    push_labels(&target.labels, json);
    let last_scrape = target
        .last_scrape_ms
        .map_or_else(|| NEVER.to_owned(), format_time);
    push_text("scrapePool", &target.scrape_pool, json);
    push_text("scrapeUrl", &target.scrape_url, json);
    push_text("globalUrl", &target.scrape_url, json);
    push_text("lastError", &target.last_error, json);
    push_text("lastScrape", &last_scrape, json);
    json.push_str(r#","lastScrapeDuration":"#);
    json.push_str(&target.last_scrape_duration_seconds.to_string());
    push_text("health", target.health.as_str(), json);
    push_text(
        "scrapeInterval",
        &format_duration(target.scrape_interval_ms),
        json,
    );
    push_text("scrapeTimeout", &format_duration(target.scrape_timeout_ms), json);
    json.push('}');
}

fn push_text(name: &str, value: &str, json: &mut String) {
    json.push_str(",\"");
    json.push_str(name);
    json.push_str("\":");
    push_json_string(value, json);
}

fn push_separator(index: usize, json: &mut String) {
    if index > 0 {
        json.push(',');
    }
}
