//! Requests that are refused, with the place and the reason.

use moheng_metrics::otlp::{OtlpOptions, translate, translate_json};
use prost::Message;

use super::messages::{Any, AnyValue, Array, KeyValue, Request, Resource, ResourceMetrics};
use super::{request, text};

#[track_caller]
fn check(bytes: &[u8], expected: &str) {
    let error = translate(bytes, &OtlpOptions::default())
        .map_err(|error| error.to_string())
        .err();
    assert_eq!(error.as_deref(), Some(expected));
}

#[track_caller]
fn check_json(json: &str, expected: &str) {
    let error = translate_json(json.as_bytes(), &OtlpOptions::default())
        .map_err(|error| error.to_string())
        .err();
    assert_eq!(error.as_deref(), Some(expected), "{json}");
}

#[test]
fn protobuf() {
    check(&[0x0a], "byte 1: truncated or overlong varint");
    check(
        &[0x0a, 0x05, 0x0a],
        "byte 2: length beyond the end of the message",
    );
    check(
        &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        "byte 11: length beyond the end of the message",
    );
    check(&[0xff; 11], "byte 0: truncated or overlong varint");
    check(&[0x0b], "byte 0: invalid wire type");
    check(&[0x00, 0x01], "byte 0: invalid field number");
    check(&[0x08, 0x01], "byte 0: field has the wrong wire type");
    check(&[0x09, 0x01], "byte 1: truncated number");
    // A scope whose metric has a name that is not text.
    check(
        &[0x0a, 6, 0x12, 4, 0x12, 2, 0x0a, 1],
        "byte 8: length beyond the end of the message",
    );
    check(
        &[0x0a, 7, 0x12, 5, 0x12, 3, 0x0a, 1, 0xff],
        "byte 8: invalid UTF-8",
    );
}

#[test]
fn values_nested_too_deep() {
    let nested = |levels: usize| {
        let mut value = AnyValue::default();
        for _ in 0..levels {
            value = AnyValue {
                value: Some(Any::Array(Array { values: vec![value] })),
            };
        }
        let attribute = KeyValue {
            key: "service.name".into(),
            value: Some(value),
        };
        let resource = Resource {
            attributes: vec![attribute],
            ..Resource::default()
        };
        let metrics = ResourceMetrics {
            resource: Some(resource),
            ..ResourceMetrics::default()
        };
        Request {
            resource_metrics: vec![metrics],
        }
        .encode_to_vec()
    };
    assert!(translate(&nested(32), &OtlpOptions::default()).is_ok());
    let error = translate(&nested(33), &OtlpOptions::default()).unwrap_err();
    assert!(
        error.to_string().ends_with("attribute value nested too deep"),
        "{error}"
    );
    assert!(translate(&nested(200), &OtlpOptions::default()).is_err());
}

#[test]
fn json() {
    check_json("", "byte 0: expected an object");
    check_json("[]", "byte 0: expected an object");
    check_json("{} x", "byte 3: expected the end of the text");
    check_json("{\"a\"}", "byte 4: expected a colon");
    check_json("{\"a\":1 \"b\":2}", "byte 7: expected a comma or the end");
    check_json("{\"a\":}", "byte 5: expected a number");
    check_json("{\"a\":-}", "byte 6: expected a value");
    check_json("{\"resourceMetrics\":{}}", "byte 19: expected a list");
    check_json("{\"resourceMetrics\":[1]}", "byte 20: expected an object");
    check_json(
        &format!("{{\"a\":{}", "[".repeat(1000)),
        "byte 104: nested too deep",
    );
    check_json(&request(r#"{"key":7}"#, ""), "byte 54: expected a string");
    check_json(
        &request(r#"{"key":"a","value":{"intValue":"1.5"}}"#, ""),
        "byte 83: expected a whole number in range",
    );
}

#[test]
fn json_takes_what_protobuf_json_takes() {
    let ignored =
        r#"{"resource_metrics":null,"unknown":{"a":[1,-2.5e3,"x\u0041",true,null]},"resourceMetrics":[]}"#;
    assert!(translate_json(ignored.as_bytes(), &OtlpOptions::default()).is_ok());
}

#[test]
fn small_requests_that_become_large() {
    // Every bucket repeats the attribute.
    let count = 2_000;
    let zeros = vec!["0"; count + 1].join(",");
    let bounds: Vec<String> = (0..count).map(|bound| bound.to_string()).collect();
    let metric = format!(
        r#"{{"name":"h","histogram":{{"aggregationTemporality":2,"dataPoints":[{{"timeUnixNano":1000000,
        "bucketCounts":[{zeros}],"explicitBounds":[{}],"attributes":[{}]}}]}}}}"#,
        bounds.join(","),
        text("long", &"x".repeat(1_000))
    );
    let json = request("", &metric);
    let mut options = OtlpOptions::default();
    options.max_output_bytes = 1 << 20;
    let error = translate_json(json.as_bytes(), &options).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the request becomes more than 1048576 bytes of series"
    );
    options.max_output_bytes = 8 << 20;
    assert!(translate_json(json.as_bytes(), &options).is_ok());
}
