//! What is scraped: the jobs of a configuration, or this host and moheng itself.

use std::sync::Arc;

use moheng_collect::{
    FirstScrape, HostCollectors, HostOptions, HttpSettings, HttpTransport, InProcessTransport, ScrapeJob,
    TargetGroup,
};
use moheng_metrics::{Clock, Labels, MetricFamily};

use super::AppError;
use crate::config::{Config, ScrapeConfig};
use crate::http::{Server, own_families};

/// How often everything is collected without a configuration.
const ZERO_CONFIG_INTERVAL_MS: i64 = 15_000;

/// The jobs of a configuration file.
pub(super) fn configured(config: Config) -> Vec<ScrapeJob> {
    config.scrape_configs.into_iter().map(configured_job).collect()
}

fn configured_job(config: ScrapeConfig) -> ScrapeJob {
    let settings = HttpSettings {
        enable_compression: config.request.enable_compression,
        follow_redirects: config.request.follow_redirects,
        protocols: config.request.protocols,
        ..HttpSettings::default()
    };
    let mut job = ScrapeJob::new(config.job_name, Arc::new(HttpTransport::new(settings)));
    job.scrape_interval_ms = config.scrape_interval_ms;
    job.scrape_timeout_ms = config.scrape_timeout_ms;
    job.metrics_path = config.request.metrics_path;
    job.params = config.request.params;
    job.samples = config.samples;
    job.limits = config.limits;
    job.relabel = config.relabel;
    job.target_groups = config.target_groups;
    job
}

/// This host as job `node`, and moheng itself as job `moheng`.
pub(super) fn zero_config(server: &Arc<Server>, clock: &Arc<dyn Clock>) -> Result<Vec<ScrapeJob>, AppError> {
    let instance = host_name();
    let host = HostCollectors::new(&HostOptions::default(), Arc::clone(clock))?;
    // The jobs belong to the scrapes, which belong to the server: a strong reference would keep all of them alive.
    let server = Arc::downgrade(server);
    Ok(vec![
        in_process_job("node", &instance, move || host.collect()),
        in_process_job("moheng", &instance, move || {
            server
                .upgrade()
                .map(|server| own_families(&server))
                .unwrap_or_default()
        }),
    ])
}

fn in_process_job(
    name: &str,
    instance: &str,
    collect: impl Fn() -> Vec<MetricFamily> + Send + Sync + 'static,
) -> ScrapeJob {
    let mut job = ScrapeJob::new(name, Arc::new(InProcessTransport::from_families(collect)));
    job.scrape_interval_ms = ZERO_CONFIG_INTERVAL_MS;
    job.target_groups = vec![TargetGroup {
        targets: vec![instance.to_owned()],
        labels: Labels::empty(),
    }];
    job.first_scrape = FirstScrape::Immediately;
    job
}

fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() {
        "localhost".to_owned()
    } else {
        name
    }
}
