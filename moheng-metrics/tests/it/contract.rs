//! [`MemorySource`] keeps the contracts that every implementation of the seams is held to.

use moheng_metrics::MemorySource;
use moheng_metrics::testing::{sink_suite, source_suite};

#[test]
fn memory_source_is_a_sink() {
    sink_suite(&MemorySource::new);
}

#[test]
fn memory_source_is_a_source() {
    source_suite(&MemorySource::new);
}
