//! Targets, metadata, versions, our own metrics, and how answers are sent.

use std::io::Read;

use flate2::read::GzDecoder;
use moheng_metrics::MetricValue;
use moheng_metrics::exposition::{Format, parse};
use serde_json::{Value, json};

use crate::support::{Server, directory, request};

#[test]
fn targets() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &[]);
    let data = server.get("/api/v1/targets").json()["data"].clone();
    assert_eq!(data["droppedTargets"], json!([]));
    let targets = data["activeTargets"].as_array().expect("a list").clone();
    assert_eq!(targets.len(), 2);
    let find = |pool: &str| -> Value {
        let found = targets.iter().find(|target| target["scrapePool"] == pool);
        found.expect("the pool has a target").clone()
    };
    let up = find("test");
    assert_eq!(up["health"], "up");
    assert_eq!(up["lastError"], "");
    assert_eq!(up["labels"]["env"], "it");
    assert_eq!(up["discoveredLabels"]["__metrics_path__"], "/metrics");
    assert_eq!(
        (&up["scrapeInterval"], &up["scrapeTimeout"]),
        (&json!("200ms"), &json!("200ms"))
    );
    let url = up["scrapeUrl"].as_str().unwrap_or_default();
    assert!(
        url.starts_with("http://127.0.0.1:") && url.ends_with("/metrics"),
        "{url}"
    );
    assert!(up["lastScrapeDuration"].is_number());
    assert!(up["lastScrape"].as_str().is_some_and(|time| time.ends_with('Z')));
    let down = find("down");
    assert_eq!(down["health"], "down");
    assert_ne!(down["lastError"], "");
    let data = server.get("/api/v1/targets?state=dropped").json()["data"].clone();
    assert_eq!(data["activeTargets"], json!([]));
    let data = server.get("/api/v1/targets?scrapePool=down").json()["data"].clone();
    assert_eq!(data["activeTargets"].as_array().map(Vec::len), Some(1));
}

#[test]
fn metadata() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &[]);
    let data = server.get("/api/v1/metadata").json()["data"].clone();
    assert_eq!(
        data["test_requests_total"],
        json!([{"type": "counter", "help": "Requests.", "unit": ""}])
    );
    let data = server.get("/api/v1/metadata?metric=test_temperature").json()["data"].clone();
    assert_eq!(
        data,
        json!({"test_temperature": [{"type": "gauge", "help": "Degrees.", "unit": ""}]})
    );
    let data = server.get("/api/v1/metadata?limit=1").json()["data"].clone();
    assert_eq!(data.as_object().map(serde_json::Map::len), Some(1));
}

#[test]
fn metadata_by_target() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &[]);
    let ask = |query: &str| server.get(&format!("/api/v1/targets/metadata{query}"));
    let all = ask("").json()["data"].as_array().unwrap().clone();
    let names: Vec<&Value> = all.iter().map(|one| &one["metric"]).collect();
    assert_eq!(names, ["test_requests_total", "test_temperature"]);
    assert_eq!(all[0]["target"]["env"], "it");
    let one = ask("?match_target=%7Benv%3D%22it%22%7D&metric=test_temperature").json()["data"].clone();
    let target = &all[0]["target"];
    assert_eq!(
        one,
        json!([{"target": target, "type": "gauge", "help": "Degrees.", "unit": ""}])
    );
    let none = ask("?match_target=%7Benv%3D%22other%22%7D");
    assert_eq!((none.status, none.json()["data"].clone()), (200, json!([])));
    assert_eq!(ask("?match_target=%7B").status, 400);
}

#[test]
fn versions() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &[]);
    for answer in [
        server.get("/api/v1/status/buildinfo"),
        server.post("/api/v1/status/buildinfo", ""),
    ] {
        let data = answer.json()["data"].clone();
        assert_eq!(data["version"], "3.14.0");
        assert_eq!(data["moheng"], env!("CARGO_PKG_VERSION"));
        assert_eq!(data.get("features"), None);
    }
}

#[test]
fn pages() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &[]);
    let index = server.get("/");
    assert_eq!(index.status, 200);
    assert!(index.text().contains("/api/v1/query"));
    assert_eq!(server.get("/-/healthy").text(), "Prometheus Server is Healthy.\n");
    assert_eq!(server.get("/-/ready").text(), "Prometheus Server is Ready.\n");
}

#[test]
fn own_metrics() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &[]);
    let answer = server.get("/metrics");
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let text = answer.text();
    for name in [
        "moheng_build_info",
        "prometheus_build_info",
        "prometheus_tsdb_head_series ",
        "prometheus_tsdb_head_samples_appended_total",
        "prometheus_tsdb_exemplar_max_exemplars 100000",
        "prometheus_http_requests_total{code=\"200\",handler=\"/api/v1/query\"} ",
        "prometheus_http_request_duration_seconds_bucket",
        "prometheus_engine_queries ",
        "prometheus_target_scrape_pool_targets",
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_start_time_seconds",
    ] {
        assert!(
            text.lines().any(|line| line.starts_with(name)),
            "{name} is missing:\n{text}"
        );
    }
}

#[test]
fn own_metrics_in_the_format_that_is_asked_for() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &[]);
    let ask = |accept: &str, encoding: &str| {
        let headers = [("Accept", accept), ("Accept-Encoding", encoding)];
        request(&server.address, "GET", "/metrics", &headers, "")
    };
    let protobuf =
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.9";
    // The page counts its own requests: the first one makes it whole.
    ask(protobuf, "identity");
    for (encoding, expected) in [("identity", None), ("gzip", Some("gzip"))] {
        let answer = ask(&format!("{protobuf},text/plain;q=0.5"), encoding);
        assert_eq!(answer.header("content-encoding"), expected);
        let mut body = Vec::new();
        match expected {
            None => body.clone_from(&answer.body),
            Some(_) => {
                GzDecoder::new(answer.body.as_slice())
                    .read_to_end(&mut body)
                    .unwrap();
            }
        }
        let content_type = answer.header("content-type").expect("a content type");
        let format = Format::from_content_type(content_type).expect("a format");
        assert_eq!(format, Format::Protobuf);
        let families = parse(format, &body).unwrap();
        let name = "prometheus_http_request_duration_seconds";
        let durations = families.iter().find(|family| family.name == name).unwrap();
        let MetricValue::Histogram(histogram) = &durations.metrics[0].value else {
            panic!("{durations:?}");
        };
        assert!(histogram.native.is_some() && histogram.buckets.len() > 5);
    }
    let answer = ask("application/openmetrics-text;version=1.0.0,*/*;q=0.1", "identity");
    let content_type = answer.header("content-type");
    assert_eq!(content_type, Some("text/plain; version=0.0.4; charset=utf-8"));
}

#[test]
fn gzip_when_asked() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &[]);
    let path = "/api/v1/query_range?query=vector(1)&start=0&end=10000&step=1";
    let plain = server.get(path);
    assert_eq!(plain.header("content-encoding"), None);
    let headers = [("Accept-Encoding", "deflate, gzip")];
    let compressed = request(&server.address, "GET", path, &headers, "");
    assert_eq!(compressed.header("content-encoding"), Some("gzip"));
    assert!(compressed.body.len() < plain.body.len() / 2);
    let mut body = String::new();
    GzDecoder::new(compressed.body.as_slice())
        .read_to_string(&mut body)
        .expect("the body is gzip");
    assert_eq!(body, plain.text());
}
