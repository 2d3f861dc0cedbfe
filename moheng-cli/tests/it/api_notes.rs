//! Exemplars over the API.

use std::path::Path;

use moheng_metrics::{AppendBatch, Exemplar, ExemplarEntry, Labels, SampleSink, SeriesKey};
use moheng_tsdb::{Db, Settings};
use serde_json::{Value, json};

use crate::support::{Server, directory};

/// A data directory with two series that have exemplars, at 1 and 2 seconds.
fn write_exemplars(directory: &Path) {
    let db = Db::open(directory.join("data"), Settings::default()).expect("it opens");
    for code in ["200", "500"] {
        let labels = Labels::from_pairs([("__name__", "requests_total"), ("code", code)]);
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

fn expected(code: &str, exemplars: &[(&str, i64)]) -> Value {
    let exemplars: Vec<Value> = exemplars
        .iter()
        .map(|(trace, seconds)| json!({"labels": {"trace_id": trace}, "value": "0.25", "timestamp": seconds}))
        .collect();
    json!({"seriesLabels": {"__name__": "requests_total", "code": code}, "exemplars": exemplars})
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
            "query=up-sum(requests_total{code=\"500\"})&start=1.5&end=2",
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
