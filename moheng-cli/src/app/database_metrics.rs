//! What the database counts, as metric families.

use moheng_metrics::MetricKind::{Counter, Gauge};
use moheng_metrics::{Labels, MetricFamily, MetricKind, SummaryMetric};
use moheng_tsdb::{ExemplarStats, HeadStats, ReplayStats, SampleStats, SpaceStats, Stats, WalStats};

/// The families of the database, with Prometheus's names where the meaning is the same.
pub(crate) fn database_families(stats: &Stats) -> Vec<MetricFamily> {
    let mut families = head_families(&stats.head);
    families.extend(head_edge_families(&stats.head));
    families.extend(sample_families(&stats.samples));
    families.extend(exemplar_families(&stats.exemplars));
    families.extend(wal_families("prometheus_tsdb_wal", &stats.wal));
    families.extend(wal_families("prometheus_tsdb_out_of_order_wbl", &stats.late_log));
    families.extend(durability_families(&stats.wal));
    families.extend(replay_families(&stats.replay));
    families.extend(space_families(&stats.space));
    families.push(single(
        "moheng_storage_damaged_reads_total",
        Counter,
        "How often a query has found a damaged place in a block.",
        stats.damage.count as f64,
    ));
    families
}

fn space_families(space: &SpaceStats) -> Vec<MetricFamily> {
    let mut families = vec![
        single(
            "moheng_storage_reserve_bytes",
            Gauge,
            "Room that is kept for the day when the disk is full.",
            space.reserve_bytes as f64,
        ),
        single(
            "moheng_storage_full",
            Gauge,
            "1 while samples are refused because the disk is full.",
            f64::from(u8::from(space.is_full)),
        ),
    ];
    for (name, help, size_bytes) in [
        (
            "moheng_storage_disk_bytes",
            "Size of the disk that the database is on.",
            space.total_bytes,
        ),
        (
            "moheng_storage_disk_free_bytes",
            "Room on the disk that the database is on.",
            space.free_bytes,
        ),
    ] {
        if let Some(size_bytes) = size_bytes {
            families.push(single(name, Gauge, help, size_bytes as f64));
        }
    }
    families
}

fn head_families(head: &HeadStats) -> Vec<MetricFamily> {
    vec![
        single(
            "prometheus_tsdb_head_series",
            Gauge,
            "Series in memory.",
            head.series as f64,
        ),
        single(
            "prometheus_tsdb_head_series_created_total",
            Counter,
            "Series created since the start, those of the log included.",
            head.series_created as f64,
        ),
        single(
            "prometheus_tsdb_head_chunks",
            Gauge,
            "Chunks in memory.",
            head.chunks as f64,
        ),
        single(
            "prometheus_tsdb_head_chunks_created_total",
            Counter,
            "Chunks created since the start, those of the log included.",
            head.chunks_created as f64,
        ),
        single(
            "prometheus_tsdb_head_series_removed_total",
            Counter,
            "Series removed since the start: blocks hold all their samples.",
            head.series_removed as f64,
        ),
        single(
            "prometheus_tsdb_head_chunks_removed_total",
            Counter,
            "Chunks removed since the start: blocks hold them.",
            head.chunks_removed as f64,
        ),
        single(
            "prometheus_tsdb_mmap_chunks_total",
            Counter,
            "Full chunks moved from memory to files.",
            head.chunks_mapped as f64,
        ),
        single(
            "prometheus_tsdb_head_chunks_storage_size_bytes",
            Gauge,
            "Size of the files of full chunks.",
            head.mapped_bytes as f64,
        ),
        single(
            "moheng_head_labels",
            Gauge,
            "Distinct pairs of label name and value.",
            head.labels as f64,
        ),
        single(
            "moheng_head_label_text_bytes",
            Gauge,
            "Memory of the texts of label values.",
            head.label_text_bytes as f64,
        ),
    ]
}

fn head_edge_families(head: &HeadStats) -> Vec<MetricFamily> {
    let mut families = Vec::new();
    for (edge, time_ms) in [("min", head.start_ms), ("max", head.end_ms)] {
        if let Some(time_ms) = time_ms {
            let name = format!("prometheus_tsdb_head_{edge}_time");
            let help = "Time of the oldest or newest sample, in milliseconds.";
            families.push(single(&name, Gauge, help, time_ms as f64));
            let name = format!("prometheus_tsdb_head_{edge}_time_seconds");
            let help = "Time of the oldest or newest sample, in seconds.";
            families.push(single(&name, Gauge, help, time_ms as f64 / 1000.0));
        }
    }
    families
}

fn sample_families(samples: &SampleStats) -> Vec<MetricFamily> {
    let of_floats = |name: &str, help: &str, count: u64| {
        let mut family = MetricFamily::new(name, Counter, help);
        family.push([("type", "float")], count as f64);
        family
    };
    let mut refused = MetricFamily::new(
        "moheng_samples_refused_total",
        Counter,
        "Samples that were not stored, by reason.",
    );
    for (reason, count) in [
        ("out_of_order", samples.out_of_order),
        ("too_old", samples.too_old),
        ("duplicate_timestamp", samples.duplicate_timestamp),
        ("out_of_bounds", samples.out_of_bounds),
        ("unknown_reference", samples.unknown_reference),
        ("invalid_labels", samples.invalid_labels),
        ("series_limit", samples.series_limit),
    ] {
        refused.push([("reason", reason)], count as f64);
    }
    vec![
        of_floats(
            "prometheus_tsdb_head_samples_appended_total",
            "Samples stored.",
            samples.appended,
        ),
        of_floats(
            "prometheus_tsdb_out_of_order_samples_total",
            "Samples refused because they are older than the newest of their series.",
            samples.out_of_order,
        ),
        of_floats(
            "prometheus_tsdb_head_out_of_order_samples_appended_total",
            "Samples stored that are older than the newest of their series.",
            samples.late,
        ),
        of_floats(
            "prometheus_tsdb_too_old_samples_total",
            "Samples refused because they are older than the window for late ones.",
            samples.too_old,
        ),
        of_floats(
            "prometheus_tsdb_out_of_bound_samples_total",
            "Samples refused because they are older than memory takes.",
            samples.out_of_bounds,
        ),
        refused,
        single(
            "moheng_append_batches_total",
            Counter,
            "Batches of samples.",
            samples.batches as f64,
        ),
        single(
            "moheng_samples_repeated_total",
            Counter,
            "Samples accepted without effect: the newest of their series again.",
            samples.repeated as f64,
        ),
    ]
}

fn exemplar_families(exemplars: &ExemplarStats) -> Vec<MetricFamily> {
    let named = |name: &str, kind, help: &str, value: f64| {
        single(&format!("prometheus_tsdb_exemplar_{name}"), kind, help, value)
    };
    let oldest_seconds = exemplars
        .oldest_ms
        .map_or(0.0, |oldest_ms| oldest_ms as f64 / 1000.0);
    vec![
        named(
            "exemplars_appended_total",
            Counter,
            "Exemplars stored.",
            exemplars.appended as f64,
        ),
        named(
            "out_of_order_exemplars_total",
            Counter,
            "Exemplars refused because they are older than the newest of their series.",
            exemplars.out_of_order as f64,
        ),
        named(
            "exemplars_in_storage",
            Gauge,
            "Exemplars in memory.",
            exemplars.stored as f64,
        ),
        named(
            "series_with_exemplars_in_storage",
            Gauge,
            "Series with exemplars in memory.",
            exemplars.series as f64,
        ),
        named(
            "max_exemplars",
            Gauge,
            "How many exemplars are kept.",
            exemplars.limit as f64,
        ),
        named(
            "last_exemplars_timestamp_seconds",
            Gauge,
            "Time of the exemplar in memory that was stored first.",
            oldest_seconds,
        ),
    ]
}

/// Of the write-ahead log or that of late samples.
fn wal_families(prefix: &str, wal: &WalStats) -> Vec<MetricFamily> {
    let mut syncs = MetricFamily::new(
        format!("{prefix}_fsync_duration_seconds"),
        MetricKind::Summary,
        "Time to force the log to the disk.",
    );
    let summary = SummaryMetric {
        sum: wal.sync_time.as_secs_f64(),
        count: wal.sync_count as f64,
        ..SummaryMetric::default()
    };
    syncs.push_summary(Labels::empty(), summary);
    vec![
        syncs,
        single(
            &format!("{prefix}_segment_current"),
            Gauge,
            "The segment that is written to.",
            f64::from(wal.current_segment),
        ),
        single(
            &format!("{prefix}_storage_size_bytes"),
            Gauge,
            "Size of all segments.",
            wal.size_bytes as f64,
        ),
        single(
            &format!("{prefix}_writes_failed_total"),
            Counter,
            "Batches that could not be written.",
            wal.failed_writes as f64,
        ),
    ]
}

fn durability_families(wal: &WalStats) -> Vec<MetricFamily> {
    vec![
        single(
            "moheng_wal_written_bytes_total",
            Counter,
            "Bytes written to the log.",
            wal.written_bytes as f64,
        ),
        single(
            "moheng_wal_writable",
            Gauge,
            "Whether samples are taken; 0 after a failed sync.",
            f64::from(u8::from(wal.is_writable)),
        ),
    ]
}

fn replay_families(replay: &ReplayStats) -> Vec<MetricFamily> {
    let mut skipped = MetricFamily::new(
        "moheng_wal_replay_skipped_records",
        Gauge,
        "Records of kinds that are not supported yet, at the last start.",
    );
    for (kind, count) in &replay.skipped_records {
        skipped.push([("kind", *kind)], *count as f64);
    }
    vec![
        single(
            "prometheus_tsdb_snapshot_replay_error_total",
            Counter,
            "Chunk snapshots that were not used at the last start, because they were damaged or did not fit.",
            f64::from(u8::from(replay.refused_snapshot.is_some())),
        ),
        single(
            "moheng_chunk_snapshot_restored_series",
            Gauge,
            "Series that came from a chunk snapshot at the last start.",
            replay.restored_series as f64,
        ),
        single(
            "prometheus_tsdb_data_replay_duration_seconds",
            Gauge,
            "How long reading the log took at the last start.",
            replay.duration.as_secs_f64(),
        ),
        single(
            "prometheus_tsdb_wal_corruptions_total",
            Counter,
            "Damaged places in the log.",
            replay.corruptions as f64,
        ),
        single(
            "prometheus_tsdb_mmap_chunk_corruptions_total",
            Counter,
            "Whether files of full chunks were damaged at the last start; their samples came from the log.",
            f64::from(u8::from(replay.had_damaged_chunks)),
        ),
        single(
            "moheng_wal_replay_samples",
            Gauge,
            "Samples read from the log at the last start.",
            replay.samples as f64,
        ),
        single(
            "moheng_wal_replay_late_samples",
            Gauge,
            "Samples read from the log of late samples at the last start.",
            replay.late_samples as f64,
        ),
        skipped,
    ]
}

fn single(name: &str, kind: MetricKind, help: &str, value: f64) -> MetricFamily {
    MetricFamily::single(name, kind, help, value)
}
