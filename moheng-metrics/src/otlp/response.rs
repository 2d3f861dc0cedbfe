//! The answer to a request.

use std::fmt::Write;

use super::{OtlpError, Warnings};

/// At most this many warnings are spelled out in an answer.
const MAX_SPELLED_OUT: usize = 10;

/// The `ExportMetricsServiceResponse` in protobuf: what was rejected, or nothing when all was taken.
pub fn encode_response(warnings: &Warnings) -> Vec<u8> {
    let mut out = Vec::new();
    if warnings.total() == 0 {
        return out;
    }
    let mut partial_success = Vec::new();
    if warnings.rejected_points() > 0 {
        super::json::push_number(1, warnings.rejected_points(), &mut partial_success);
    }
    super::json::push_bytes(2, message(warnings).as_bytes(), &mut partial_success);
    super::json::push_bytes(1, &partial_success, &mut out);
    out
}

/// The `ExportMetricsServiceResponse` in JSON.
pub fn encode_response_json(warnings: &Warnings) -> String {
    if warnings.total() == 0 {
        return "{}".to_owned();
    }
    let mut out = format!(
        r#"{{"partialSuccess":{{"rejectedDataPoints":"{}","errorMessage":"#,
        warnings.rejected_points()
    );
    super::value::push_quoted(&message(warnings), &mut out);
    out.push_str("}}");
    out
}

/// The `google.rpc.Status` in protobuf with which OTLP wants a refused request answered. The code is `INVALID_ARGUMENT`, or
/// `RESOURCE_EXHAUSTED` for what is too large.
pub fn encode_error(error: &OtlpError) -> Vec<u8> {
    let code = match error {
        OtlpError::Malformed { .. } => 3,
        OtlpError::TooLarge { .. } => 8,
    };
    let mut out = Vec::new();
    super::json::push_number(1, code, &mut out);
    super::json::push_bytes(2, error.to_string().as_bytes(), &mut out);
    out
}

fn message(warnings: &Warnings) -> String {
    let mut out = String::new();
    for (index, warning) in warnings.list().iter().take(MAX_SPELLED_OUT).enumerate() {
        let separator = if index == 0 { "" } else { "; " };
        // Writing to a string does not fail.
        let _ = write!(out, "{separator}{warning}");
    }
    if warnings.list().len() > MAX_SPELLED_OUT {
        out.push_str("; ...");
    }
    out
}
