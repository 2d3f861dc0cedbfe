//! Metrics of the OpenTelemetry protocol (OTLP 1.x) as Prometheus's series.
//!
//! [`translate`] takes the body of a request in protobuf, [`translate_json`] one in JSON. Both read the request in place,
//! so memory is taken only for what comes out, and [`OtlpOptions::max_output_bytes`] bounds that.
//!
//! ```
//! use moheng_metrics::otlp::{OtlpOptions, translate_json};
//!
//! let request = br#"{"resourceMetrics": [{
//!     "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
//!     "scopeMetrics": [{"metrics": [{"name": "orders.placed", "sum": {
//!         "aggregationTemporality": 2, "isMonotonic": true,
//!         "dataPoints": [{"timeUnixNano": "1700000000000000000", "asInt": "7"}]}}]}]}]}"#;
//! let translation = translate_json(request, &OtlpOptions::default())?;
//! let series = &translation.series[0];
//! assert_eq!(series.labels.to_string(), r#"{__name__="orders_placed_total", job="shop"}"#);
//! assert_eq!(series.floats[0].value, 7.0);
//! assert_eq!(translation.batch().len(), 1);
//! # Ok::<(), moheng_metrics::otlp::OtlpError>(())
//! ```
//!
//! Sources: opentelemetry-proto 1.x; the OpenTelemetry specification's page *Prometheus and OpenMetrics Compatibility*.

mod attributes;
mod error;
mod histogram;
mod json;
mod name;
mod options;
mod output;
mod points;
mod response;
mod translator;
mod unit;
mod value;
mod warning;
mod wire;

pub use error::OtlpError;
pub use options::{OtlpOptions, PromotedAttributes, TranslationStrategy, UnknownStrategy};
pub use output::{TranslatedFloat, TranslatedHistogram, TranslatedSeries, Translation};
pub use response::{encode_error, encode_response, encode_response_json};
pub use warning::{Warning, WarningKind, Warnings};

use translator::Translator;
use wire::Message;

/// Translates an `ExportMetricsServiceRequest` in protobuf.
///
/// What cannot be translated is left out with a warning; the rest is translated all the same.
///
/// # Errors
///
/// When the request cannot be read, or becomes larger than the options allow.
pub fn translate(request: &[u8], options: &OtlpOptions) -> Result<Translation, OtlpError> {
    Translator::new(options).translate(Message::new(request))
}

/// Translates an `ExportMetricsServiceRequest` in JSON; otherwise as [`translate`].
///
/// # Errors
///
/// When the request cannot be read, or becomes larger than the options allow.
pub fn translate_json(request: &[u8], options: &OtlpOptions) -> Result<Translation, OtlpError> {
    let request = json::to_protobuf(request)?;
    translate(&request, options).map_err(|error| match error {
        // What is wrong now was at another place in the text.
        OtlpError::Malformed { message, .. } => OtlpError::malformed(0, message),
        too_large @ OtlpError::TooLarge { .. } => too_large,
    })
}
