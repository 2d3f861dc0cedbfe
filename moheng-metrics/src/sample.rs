//! Samples and the stale marker.

/// The value that marks a series as gone: a NaN with this exact bit pattern, as in Prometheus.
pub const STALE_NAN: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// The NaN of ordinary samples, as in Prometheus: what the text `NaN` is read as.
pub const NORMAL_NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0001);

/// Whether `value` is the stale marker. Any other NaN is an ordinary value.
pub fn is_stale_nan(value: f64) -> bool {
    value.to_bits() == STALE_NAN.to_bits()
}

/// One float sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// The value; may be any float, NaN payloads included.
    pub value: f64,
}
