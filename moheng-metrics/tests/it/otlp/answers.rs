//! What a sender is told.

use moheng_metrics::otlp::{
    OtlpError, OtlpOptions, encode_error, encode_response, encode_response_json, translate, translate_json,
};
use prost::Message;

use super::{request, translated};

#[derive(Clone, PartialEq, Message)]
struct Response {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_data_points: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

#[test]
fn all_was_taken() {
    let warnings = translated("{}", &OtlpOptions::default()).warnings;
    assert!(encode_response(&warnings).is_empty());
    assert_eq!(encode_response_json(&warnings), "{}");
}

#[test]
fn some_was_rejected() {
    let metrics = r#"{"name":"a\"<","sum":{"aggregationTemporality":1,"dataPoints":[{},{}]}},{"name":"b"}"#;
    let warnings = translated(&request("", metrics), &OtlpOptions::default()).warnings;
    let message =
        "a\"<: delta temporality is not accepted (2 times); b: metric without data points (1 times)";
    let expected = Response {
        partial_success: Some(PartialSuccess {
            rejected_data_points: 2,
            error_message: message.to_owned(),
        }),
    };
    assert_eq!(
        Response::decode(encode_response(&warnings).as_slice()),
        Ok(expected)
    );
    assert_eq!(
        encode_response_json(&warnings),
        r#"{"partialSuccess":{"rejectedDataPoints":"2","errorMessage":"a\"\u003c: delta temporality is not accepted (2 times); b: metric without data points (1 times)"}}"#
    );
}

#[test]
fn warnings_are_bounded() {
    let metrics: Vec<String> = (0..1_000)
        .map(|number| format!(r#"{{"name":"m{number}{}"}}"#, "x".repeat(1_000)))
        .collect();
    let warnings = translated(&request("", &metrics.join(",")), &OtlpOptions::default()).warnings;
    assert_eq!(
        (
            warnings.list().len(),
            warnings.total(),
            warnings.rejected_points()
        ),
        (64, 1_000, 0)
    );
    assert!(warnings.list().iter().all(|warning| warning.metric.len() <= 256));
    assert!(encode_response(&warnings).len() < 4_000);
    assert!(encode_response_json(&warnings).ends_with(r#"; ..."}}"#));
}

#[test]
fn refusals() {
    let refused =
        |error: Option<OtlpError>| error.map(|error| Status::decode(encode_error(&error).as_slice()));
    let status = |code: i32, message: &str| {
        let message = message.to_owned();
        Some(Ok(Status { code, message }))
    };
    let malformed = translate(&[0x0a], &OtlpOptions::default()).err();
    assert_eq!(
        refused(malformed),
        status(3, "byte 1: truncated or overlong varint")
    );
    let mut options = OtlpOptions::default();
    options.max_output_bytes = 0;
    let metrics = r#"{"name":"a","gauge":{"dataPoints":[{"timeUnixNano":1000000,"asInt":1}]}}"#;
    let large = translate_json(request("", metrics).as_bytes(), &options).err();
    assert_eq!(
        refused(large),
        status(8, "the request becomes more than 0 bytes of series")
    );
}
