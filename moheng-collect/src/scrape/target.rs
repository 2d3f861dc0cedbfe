//! [`Target`]: what a job's target groups become after relabelling.

use std::collections::BTreeMap;

use moheng_metrics::{Labels, LabelsBuilder, format_duration, parse_duration_ms};

use super::job::check_times;
use super::{ScrapeJob, ScrapeUrl, TargetGroup};
use crate::relabel;

const ADDRESS: &str = "__address__";
const SCHEME: &str = "__scheme__";
const METRICS_PATH: &str = "__metrics_path__";
const PARAM_PREFIX: &str = "__param_";
const SCRAPE_INTERVAL: &str = "__scrape_interval__";
const SCRAPE_TIMEOUT: &str = "__scrape_timeout__";
/// Labels with this prefix are gone after relabelling.
const INTERNAL_PREFIX: &str = "__";

/// One thing to scrape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The labels before relabelling.
    pub(super) discovered_labels: Labels,
    /// The labels every series of the target gets.
    pub(super) labels: Labels,
    pub(super) url: ScrapeUrl,
    pub(super) interval_ms: i64,
    pub(super) timeout_ms: i64,
}

impl Target {
    /// Depends on nothing but labels and URL; the same in every process.
    pub(super) fn hash(&self) -> u64 {
        self.labels
            .to_builder()
            .with("__url__", &self.url.to_string())
            .finish()
            .stable_hash()
    }
}

/// The targets of a job.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    /// By labels and URL, which is what makes two targets the same.
    pub(super) targets: BTreeMap<(Labels, ScrapeUrl), Target>,
    /// Discovered labels of targets that relabelling dropped.
    pub(super) dropped: Vec<Labels>,
    /// Why targets that were neither kept nor dropped cannot be scraped.
    pub(super) errors: Vec<String>,
}

/// Makes the targets of a job: default labels, relabelling, checks.
pub(super) fn resolve(job: &ScrapeJob) -> Resolved {
    let mut resolved = Resolved::default();
    for group in &job.target_groups {
        for address in &group.targets {
            let discovered_labels = discovered(job, group, address);
            let mut labels = discovered_labels.to_builder();
            if !relabel(&job.relabel, &mut labels) {
                resolved.dropped.push(discovered_labels);
                continue;
            }
            match finish(job, discovered_labels, labels) {
                Ok(target) => {
                    let key = (target.labels.clone(), target.url.clone());
                    resolved.targets.insert(key, target);
                }
                Err(message) => resolved.errors.push(format!("target {address:?}: {message}")),
            }
        }
    }
    resolved
}

fn discovered(job: &ScrapeJob, group: &TargetGroup, address: &str) -> Labels {
    let mut labels = group.labels.to_builder().with(ADDRESS, address);
    set_default(&mut labels, "job", &job.job_name);
    set_default(
        &mut labels,
        SCRAPE_INTERVAL,
        &format_duration(job.scrape_interval_ms),
    );
    set_default(
        &mut labels,
        SCRAPE_TIMEOUT,
        &format_duration(job.scrape_timeout_ms),
    );
    set_default(&mut labels, METRICS_PATH, &job.metrics_path);
    set_default(&mut labels, SCHEME, &job.scheme);
    for (name, values) in &job.params {
        if let Some(first) = values.first() {
            set_default(&mut labels, &format!("{PARAM_PREFIX}{name}"), first);
        }
    }
    labels.finish()
}

fn set_default(labels: &mut LabelsBuilder, name: &str, value: &str) {
    if labels.get(name).is_none() {
        labels.set(name, value);
    }
}

fn finish(job: &ScrapeJob, discovered_labels: Labels, mut labels: LabelsBuilder) -> Result<Target, String> {
    let get = |labels: &LabelsBuilder, name: &str| labels.get(name).unwrap_or_default().to_owned();
    let address = get(&labels, ADDRESS);
    if address.is_empty() {
        return Err("no address".to_owned());
    }
    if address.contains(['/', '?', '#', '@']) || address.contains(char::is_whitespace) {
        return Err(format!("{address:?} is not a valid address, expected host:port"));
    }
    let scheme = get(&labels, SCHEME);
    job.transport.check_scheme(&scheme)?;
    let interval_ms = duration_ms(&labels, SCRAPE_INTERVAL)?;
    let timeout_ms = duration_ms(&labels, SCRAPE_TIMEOUT)?;
    check_times(interval_ms, timeout_ms)?;
    let mut params = job.params.clone();
    for (name, value) in labels.iter() {
        if let Some(param) = name.strip_prefix(PARAM_PREFIX) {
            match params.get_mut(param).and_then(|values| values.first_mut()) {
                Some(first) => value.clone_into(first),
                None => {
                    params.insert(param.to_owned(), vec![value.to_owned()]);
                }
            }
        }
    }
    let url = ScrapeUrl::new(&scheme, &address, &get(&labels, METRICS_PATH), &params);
    set_default(&mut labels, "instance", &address);
    labels.retain(|name, _| !name.starts_with(INTERNAL_PREFIX));
    Ok(Target {
        discovered_labels,
        labels: labels.finish(),
        url,
        interval_ms,
        timeout_ms,
    })
}

fn duration_ms(labels: &LabelsBuilder, name: &str) -> Result<i64, String> {
    let text = labels.get(name).unwrap_or_default();
    parse_duration_ms(text).map_err(|error| format!("{name}: {error}"))
}

#[cfg(test)]
mod tests;
