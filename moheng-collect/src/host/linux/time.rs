//! Collector `time`: the clock, its zone and its sources.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use moheng_metrics::{Clock, MetricFamily};

use super::HostOptions;
use super::families::{append, gauge, gauge_of, push};
use crate::files::Folder;
use crate::{CollectError, Collector};

pub(super) const NAME: &str = "time";

const SOURCES_FOLDER: &str = "devices/system/clocksource";
const SOURCE_PREFIX: &str = "clocksource";

#[derive(Debug)]
struct Time {
    sys: Folder,
    clock: Arc<dyn Clock>,
    zone: TimeZone,
}

pub(super) fn build(options: &HostOptions, clock: &Arc<dyn Clock>) -> Box<dyn Collector> {
    Box::new(Time {
        sys: Folder::new(&options.roots.sys),
        clock: Arc::clone(clock),
        // A machine without a time zone runs on UTC.
        zone: TimeZone::try_system().unwrap_or(TimeZone::UTC),
    })
}

impl Collector for Time {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let now_ms = self.clock.now_ms();
        out.push(gauge_of(
            "node_time_seconds",
            "The time of the machine, as Unix time.",
            now_ms as f64 / 1000.0,
        ));
        if let Ok(timestamp) = Timestamp::from_millisecond(now_ms) {
            let zone = self.zone.to_offset_info(timestamp);
            let mut family = gauge(
                "node_time_zone_offset_seconds",
                "How far the time zone of the machine is ahead of UTC.",
            );
            push(
                &mut family,
                &[("time_zone", zone.abbreviation())],
                f64::from(zone.offset().seconds()),
            );
            append(out, [family]);
        }
        self.collect_sources(out)
    }
}

impl Time {
    fn collect_sources(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let mut available = gauge(
            "node_time_clocksource_available_info",
            "1 for each hardware clock the kernel could use.",
        );
        let mut current = gauge(
            "node_time_clocksource_current_info",
            "1 for the hardware clock the kernel uses.",
        );
        for number in self.sys.list_numbered(SOURCES_FOLDER, SOURCE_PREFIX)? {
            let folder = self
                .sys
                .folder(&format!("{SOURCES_FOLDER}/{SOURCE_PREFIX}{number}"));
            let device = number.to_string();
            for source in folder
                .attribute("available_clocksource")?
                .split_ascii_whitespace()
            {
                push(
                    &mut available,
                    &[("clocksource", source), ("device", &device)],
                    1.0,
                );
            }
            let source = folder.attribute("current_clocksource")?;
            push(
                &mut current,
                &[("clocksource", &source), ("device", &device)],
                1.0,
            );
        }
        append(out, [available, current]);
        Ok(())
    }
}
