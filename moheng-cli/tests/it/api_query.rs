//! `query` and `query_range`.

use serde_json::json;

use crate::support::{Server, directory};

#[test]
fn instant_queries() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &[]);

    let answer = server.post("/api/v1/query", "query=1%2B1&time=4");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(
        answer.text(),
        r#"{"status":"success","data":{"resultType":"scalar","result":[4,"2"]}}"#
    );
    let answer = server.get("/api/v1/query?query=%22text%22&time=1.25");
    assert_eq!(
        answer.text(),
        r#"{"status":"success","data":{"resultType":"string","result":[1.25,"text"]}}"#
    );
    let answer = server.get("/api/v1/query?query=missing&time=2026-11-22T20:00:00.5Z");
    assert_eq!(
        answer.text(),
        r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#
    );

    let result = server.query("test_requests_total{code=\"500\"}");
    let series = &result[0];
    assert_eq!(series["metric"]["__name__"], "test_requests_total");
    assert_eq!(series["metric"]["job"], "test");
    assert_eq!(series["metric"]["env"], "it");
    assert_eq!(series["value"][1], "2.5");
    assert!(series["value"][0].is_number());

    for (kind, expected) in [("nan", "NaN"), ("inf", "+Inf"), ("large", "1e+21")] {
        let result = server.query(&format!("test_special{{kind=\"{kind}\"}}"));
        assert_eq!(result[0]["value"][1], expected, "{kind}");
    }
    let samples = server.query("test_temperature[5m]");
    assert_eq!(samples[0]["values"][0][1], "-0.25");
}

#[test]
fn range_queries() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &[]);
    let answer = server.get("/api/v1/query_range?query=vector(1)&start=0&end=30&step=15s");
    assert_eq!(
        answer.text(),
        concat!(
            r#"{"status":"success","data":{"resultType":"matrix","result":"#,
            r#"[{"metric":{},"values":[[0,"1"],[15,"1"],[30,"1"]]}]}}"#
        )
    );
    let now = server.query("time()")[0].as_f64().expect("a time");
    let form = format!(
        "query=sum by (code) (test_requests_total)&start={}&end={now}&step=0.5",
        now - 20.0
    );
    let result = server.post("/api/v1/query_range", &form).json()["data"]["result"].clone();
    assert_eq!(result.as_array().map(Vec::len), Some(2));
    assert_eq!(result[0]["metric"], json!({"code": "200"}));
    let values = result[0]["values"].as_array().expect("values");
    assert!(values.iter().all(|value| value[1] == "10"), "{values:?}");
}

#[test]
fn features_are_off_unless_asked_for() {
    let directory = directory();
    let form = "query=limitk(2, test_special)";
    let server = Server::scraping(directory.path(), &[]);
    let answer = server.post("/api/v1/query", form).json();
    assert!(
        answer["error"]
            .as_str()
            .is_some_and(|error| error.contains("experimental")),
        "{answer}"
    );
    drop(server);
    let server = Server::scraping(
        directory.path(),
        &["--enable-feature=promql-experimental-functions"],
    );
    let answer = server.post("/api/v1/query", form).json();
    assert_eq!(
        answer["data"]["result"].as_array().map(Vec::len),
        Some(2),
        "{answer}"
    );
}

#[test]
fn limits_and_statistics() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &[]);
    let answer = server.get("/api/v1/query?query=test_special&limit=2").json();
    assert_eq!(answer["data"]["result"].as_array().map(Vec::len), Some(2));
    assert_eq!(answer["warnings"], json!(["results truncated due to limit"]));
    let answer = server.get("/api/v1/query?query=test_special&limit=0").json();
    assert_eq!(answer["data"]["result"].as_array().map(Vec::len), Some(3));
    assert_eq!(answer.get("warnings"), None);
    let answer = server.get("/api/v1/query?query=test_special&stats=all").json();
    let statistics = &answer["data"]["stats"];
    assert!(
        statistics["samples"]["totalQueryableSamples"].as_u64() >= Some(3),
        "{statistics}"
    );
    assert!(statistics["timings"]["execTotalTime"].is_number());
    let form = "query=count_over_time(test_special[1m])&start=1000&end=1030&step=10&stats=all";
    let answer = server.post("/api/v1/query_range", form).json();
    assert_eq!(
        answer["data"]["stats"]["samples"]["totalQueryableSamplesPerStep"],
        json!([[1000, 0], [1010, 0], [1020, 0], [1030, 0]])
    );
}
