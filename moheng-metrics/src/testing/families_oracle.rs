//! [`check_families`]: pages of any bytes, read as families, written and read again.

use crate::exposition::{Format, parse, write};
use crate::{EscapingScheme, MetricFamily};

/// Reads a page in each text format. What is read can be written in that format and in the others, can be read back, and no longer changes.
///
/// # Panics
///
/// When that is not so.
pub fn check_families(page: &[u8]) {
    for format in [Format::Text1_0_0, Format::OpenMetrics1_0_0] {
        let Ok(families) = parse(format, page) else {
            continue;
        };
        for other in [Format::Text1_0_0, Format::OpenMetrics1_0_0] {
            if other == format || !has_negative_times(&families) {
                // What one format cannot say is gone after the first time.
                let once = written_and_read(other, &families);
                let twice = written_and_read(other, &once);
                // Debug output shows NaN as equal to itself.
                assert_eq!(format!("{once:?}"), format!("{twice:?}"), "{other} does not last");
            }
        }
    }
}

/// The text format has only digits for timestamps.
fn has_negative_times(families: &[MetricFamily]) -> bool {
    let mut metrics = families.iter().flat_map(|family| &family.metrics);
    metrics.any(|metric| metric.timestamp_ms.is_some_and(|timestamp_ms| timestamp_ms < 0))
}

fn written_and_read(format: Format, families: &[MetricFamily]) -> Vec<MetricFamily> {
    let mut page = Vec::new();
    write(format, EscapingScheme::AllowUtf8, families, &mut page);
    match parse(format, &page) {
        Ok(families) => families,
        Err(error) => panic!("{error} in\n{}", String::from_utf8_lossy(&page)),
    }
}
