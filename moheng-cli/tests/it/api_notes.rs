//! Exemplars, deletions and statistics of a data directory, over the API.

use std::path::Path;

use moheng_metrics::{AppendBatch, Exemplar, ExemplarEntry, Labels, SampleSink, SeriesKey};
use moheng_tsdb::{Db, Settings};
use serde_json::{Value, json};

use crate::support::{Server, directory, moheng, request};

/// A data directory with two series that have exemplars, at 1 and 2 seconds.
fn write_exemplars(directory: &Path) {
    let db = Db::open(directory.join("data"), Settings::default()).expect("it opens");
    for zone in ["200", "500"] {
        let labels = Labels::from_pairs([("__name__", "requests_total"), ("zone", zone)]);
        for (timestamp_ms, trace) in [(1_000, "a"), (2_000, "b")] {
            let exemplar = Exemplar {
                labels: Labels::from_pairs([("trace_id", trace)]),
                value: 0.25,
                timestamp_ms: None,
            };
            let mut batch = AppendBatch::new();
            batch.push_labels(&labels, timestamp_ms, 1.0);
            batch.exemplars.push(ExemplarEntry {
                series: SeriesKey::Labels(&labels),
                timestamp_ms,
                exemplar: &exemplar,
            });
            let appended = db.append(&batch).expect("it is stored");
            assert!(appended.exemplar_outcomes[0].is_ok());
        }
    }
}

fn expected(zone: &str, exemplars: &[(&str, i64)]) -> Value {
    let exemplars: Vec<Value> = exemplars
        .iter()
        .map(|(trace, seconds)| json!({"labels": {"trace_id": trace}, "value": "0.25", "timestamp": seconds}))
        .collect();
    json!({"seriesLabels": {"__name__": "requests_total", "zone": zone}, "exemplars": exemplars})
}

#[test]
fn exemplars() {
    let directory = directory();
    write_exemplars(directory.path());
    let server = Server::start(directory.path(), &[]);
    let ask = |form: &str| server.post("/api/v1/query_exemplars", form);
    let both = [("a", 1), ("b", 2)];
    for (form, answer) in [
        (
            "query=rate(requests_total[5m])",
            json!([expected("200", &both), expected("500", &both)]),
        ),
        (
            "query=up-sum(requests_total{zone=\"500\"})&start=1.5&end=2",
            json!([expected("500", &[("b", 2)])]),
        ),
        ("query=requests_total&start=3", json!([])),
        ("query=1", json!([])),
    ] {
        let found = ask(form);
        assert_eq!(found.status, 200, "{form}: {}", found.text());
        assert_eq!(found.json()["data"], answer, "{form}");
    }
    let found = server.get("/api/v1/query_exemplars?query=requests_total&end=1");
    let first = [("a", 1)];
    assert_eq!(
        found.json()["data"],
        json!([expected("200", &first), expected("500", &first)])
    );
    for form in ["query=", "query=a&start=x", "query=a&start=2&end=1"] {
        let refused = ask(form);
        assert_eq!(refused.status, 400, "{form}");
        assert_eq!(refused.json()["errorType"], "bad_data");
    }
}

fn zones(server: &Server) -> Value {
    server.get("/api/v1/series?match[]=requests_total").json()["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|series| series["zone"].clone())
        .collect()
}

#[test]
fn series_are_deleted() {
    let directory = directory();
    write_exemplars(directory.path());
    let server = Server::start(directory.path(), &["--web.enable-admin-api"]);
    let delete = "/api/v1/admin/tsdb/delete_series";
    for (form, message) in [
        ("", "no match[] parameter provided"),
        ("match[]={", "match[]"),
        ("match[]={zone=~\".*\"}", "at least one non-empty matcher"),
        ("match[]=requests_total&start=2&end=1", "before"),
    ] {
        let refused = server.post(delete, form);
        assert_eq!(refused.status, 400, "{form}");
        assert!(refused.text().contains(message), "{}", refused.text());
    }
    let deleted = server.post(delete, "match[]=requests_total{zone=\"200\"}&match[]=other");
    assert_eq!((deleted.status, deleted.text()), (204, ""));
    assert_eq!(zones(&server), json!(["500"]));
    let path = format!("{delete}?match[]=requests_total&end=1.5");
    assert_eq!(request(&server.address, "PUT", &path, &[], "").status, 204);
    let left = server.get("/api/v1/query?query=requests_total[1m]&time=10");
    assert_eq!(left.json()["data"]["result"][0]["values"], json!([[2, "1"]]));
    assert_eq!(server.get(delete).status, 405);
    let cleaned = server.post("/api/v1/admin/tsdb/clean_tombstones", "");
    assert_eq!(cleaned.status, 204);
    server.kill();
    let server = Server::start(directory.path(), &[]);
    assert_eq!(zones(&server), json!(["500"]));
    for path in [delete, "/api/v1/admin/tsdb/clean_tombstones"] {
        let refused = server.post(path, "match[]=requests_total");
        assert_eq!(refused.status, 500);
        assert_eq!(refused.json()["errorType"], "unavailable");
    }
}

#[test]
fn snapshots_of_blocks_are_written() {
    let directory = directory();
    write_exemplars(directory.path());
    let server = Server::start(directory.path(), &["--web.enable-admin-api"]);
    let route = "/api/v1/admin/tsdb/snapshot";
    let data = directory.path().join("data").display().to_string();
    let answer = server.post(route, "skip_head=false");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let name = answer.json()["data"]["name"].as_str().expect("a name").to_owned();
    let path = format!("{data}/snapshots/{name}");
    let dump = moheng(&["tsdb", "dump", "--match=requests_total", &path]).success();
    assert_eq!(
        dump,
        moheng(&["tsdb", "dump", "--match=requests_total", &data]).success()
    );
    assert_eq!(dump.lines().count(), 4, "{dump}");
    let empty = request(&server.address, "PUT", &format!("{route}?skip_head=1"), &[], "");
    let name = empty.json()["data"]["name"].as_str().expect("a name").to_owned();
    let path = format!("{data}/snapshots/{name}");
    assert_eq!(moheng(&["tsdb", "dump", &path]).success(), "");
    assert_eq!(server.post(route, "skip_head=perhaps").status, 400);
    server.kill();
    let server = Server::start(directory.path(), &[]);
    assert_eq!(server.post(route, "").json()["errorType"], "unavailable");
}

#[test]
fn cardinality() {
    let directory = directory();
    write_exemplars(directory.path());
    let server = Server::start(directory.path(), &[]);
    let data = server.get("/api/v1/status/tsdb?limit=10000").json()["data"].clone();
    let of = |key: &str, name: &str| {
        let all = data[key].as_array().expect("a list");
        let found = all.iter().find(|entry| entry["name"] == name);
        found.expect("it is listed")["value"].clone()
    };
    assert_eq!(of("seriesCountByMetricName", "requests_total"), 2);
    assert_eq!(of("labelValueCountByLabelName", "zone"), 2);
    assert_eq!(of("memoryInBytesByLabelName", "zone"), 22);
    assert_eq!(of("seriesCountByLabelValuePair", "__name__=requests_total"), 2);
    assert_eq!(data["headStats"]["minTime"], 1_000);
    for key in ["numSeries", "numLabelPairs", "chunkCount"] {
        assert!(data["headStats"][key].as_u64() >= Some(2), "{key}: {data}");
    }
    let short = server.get("/api/v1/status/tsdb?limit=1").json()["data"].clone();
    assert_eq!(
        short["seriesCountByLabelValuePair"].as_array().map(Vec::len),
        Some(1)
    );
    for limit in ["0", "-1", "x", "10001"] {
        let refused = server.get(&format!("/api/v1/status/tsdb?limit={limit}"));
        assert_eq!(refused.status, 400, "{limit}");
    }
}
