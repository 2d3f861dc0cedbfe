//! `series`, `labels` and label values.

use serde_json::{Value, json};

use crate::support::{Server, directory};

#[track_caller]
fn data(server: &Server, path: &str) -> Value {
    let answer = server.get(path);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    let json = answer.json();
    assert_eq!(json["status"], "success", "{path}");
    json["data"].clone()
}

#[test]
fn series_by_selectors() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &[]);
    let series = data(
        &server,
        "/api/v1/series?match[]=test_temperature&match[]={__name__=~%22test_temp.*%22}",
    );
    let instance = series[0]["instance"].clone();
    assert_eq!(
        series,
        json!([{"__name__": "test_temperature", "env": "it", "instance": instance, "job": "test"}])
    );
    assert_eq!(data(&server, "/api/v1/series?match[]=missing"), json!([]));
    assert_eq!(data(&server, "/api/v1/series?match[]=up&end=1000"), json!([]));
    let answer = server
        .post("/api/v1/series", "match[]=up&match[]=test_special&limit=3")
        .json();
    assert_eq!(answer["data"].as_array().map(Vec::len), Some(3));
    assert_eq!(answer["warnings"], json!(["results truncated due to limit"]));
}

#[test]
fn names_and_values() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &[]);
    assert_eq!(
        data(&server, "/api/v1/labels?match[]=test_requests_total"),
        json!(["__name__", "code", "env", "instance", "job", "path"])
    );
    assert_eq!(data(&server, "/api/v1/label/job/values"), json!(["down", "test"]));
    assert_eq!(
        data(&server, "/api/v1/label/job/values?match[]=test_temperature"),
        json!(["test"])
    );
    assert_eq!(
        data(&server, "/api/v1/label/U__job/values"),
        json!(["down", "test"])
    );
    assert_eq!(data(&server, "/api/v1/label/missing/values"), json!([]));
    let values = data(
        &server,
        "/api/v1/label/kind/values?match[]=test_special&match[]=up",
    );
    assert_eq!(values, json!(["inf", "large", "nan"]));
    let answer = server.post("/api/v1/labels", "limit=1").json();
    assert_eq!(answer["data"], json!(["__name__"]));
    assert_eq!(answer["warnings"], json!(["results truncated due to limit"]));
}
