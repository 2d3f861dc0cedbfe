//! What scraping counts, as metric families.

use moheng_collect::{ScrapeManager, ScrapeStats};
use moheng_metrics::{MetricFamily, MetricKind};

/// The families of scraping, with Prometheus's names where the meaning is the same.
pub(crate) fn scrape_families(scrapes: &ScrapeManager) -> Vec<MetricFamily> {
    let stats = scrapes.stats();
    let mut targets = MetricFamily::new(
        "prometheus_target_scrape_pool_targets",
        MetricKind::Gauge,
        "Active targets by job.",
    );
    for (job, count) in &stats.targets {
        targets.push([("scrape_job", job)], *count as f64);
    }
    let mut families = vec![targets, failures(&stats)];
    families.extend(prometheus_counters(&stats).map(counter));
    families.extend(own_counters(&stats).map(counter));
    families
}

fn counter((name, help, value): (&str, &str, u64)) -> MetricFamily {
    MetricFamily::single(name, MetricKind::Counter, help, value as f64)
}

fn prometheus_counters(stats: &ScrapeStats) -> [(&'static str, &'static str, u64); 9] {
    [
        (
            "prometheus_target_scrape_pools_total",
            "Jobs that were set up.",
            stats.targets.len() as u64,
        ),
        (
            "prometheus_target_scrape_pool_reloads_total",
            "How often jobs were applied.",
            stats.reloads,
        ),
        (
            "prometheus_target_scrapes_exceeded_sample_limit_total",
            "Scrapes that failed for too many samples.",
            stats.failures.sample_limit,
        ),
        (
            "prometheus_target_scrapes_exceeded_body_size_limit_total",
            "Scrapes that failed for too large a body.",
            stats.failures.body_size_limit,
        ),
        (
            "prometheus_target_scrape_pool_exceeded_label_limits_total",
            "Scrapes that failed for too many or too long labels.",
            stats.failures.label_limit,
        ),
        (
            "prometheus_target_scrape_pool_exceeded_target_limit_total",
            "Scrapes that failed because their job has too many targets.",
            stats.failures.target_limit,
        ),
        (
            "prometheus_target_scrapes_sample_duplicate_timestamp_total",
            "Samples refused because their series had another value at that time.",
            stats.samples_duplicate,
        ),
        (
            "prometheus_target_scrapes_sample_out_of_order_total",
            "Samples refused because they are older than the newest of their series.",
            stats.samples_out_of_order,
        ),
        (
            "prometheus_target_scrapes_sample_out_of_bounds_total",
            "Samples refused because they are too old, or too far in the future.",
            stats.samples_out_of_bounds,
        ),
    ]
}

fn own_counters(stats: &ScrapeStats) -> [(&'static str, &'static str, u64); 5] {
    [
        (
            "moheng_scrapes_total",
            "Scrapes, failed ones included.",
            stats.scrapes,
        ),
        (
            "moheng_scrape_samples_scraped_total",
            "Samples that targets exposed.",
            stats.samples_scraped,
        ),
        (
            "moheng_scrape_samples_appended_total",
            "Samples that were stored, without those about the scrapes themselves.",
            stats.samples_appended,
        ),
        (
            "moheng_scrape_stale_markers_total",
            "Stale markers that were stored.",
            stats.stale_markers,
        ),
        (
            "moheng_scrape_samples_refused_total",
            "Samples refused because of limits on series or labels.",
            stats.samples_refused,
        ),
    ]
}

fn failures(stats: &ScrapeStats) -> MetricFamily {
    let counts = &stats.failures;
    let mut family = MetricFamily::new(
        "moheng_scrape_failures_total",
        MetricKind::Counter,
        "Failed scrapes by reason.",
    );
    for (reason, count) in [
        ("connection", counts.connection),
        ("timeout", counts.timeout),
        ("status", counts.status),
        ("format", counts.format),
        ("body_size_limit", counts.body_size_limit),
        ("parse", counts.parse),
        ("sample_limit", counts.sample_limit),
        ("label_limit", counts.label_limit),
        ("target_limit", counts.target_limit),
        ("source", counts.source),
        ("storage", counts.storage),
    ] {
        family.push([("reason", reason)], count as f64);
    }
    family
}
