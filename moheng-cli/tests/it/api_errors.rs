//! What the API refuses, and how.

use std::io::Write;
use std::net::TcpStream;

use crate::support::{Server, directory, request, wait_for};

/// Checks status, error type and a part of the message of an answer.
#[track_caller]
fn check(server: &Server, path: &str, status: u16, kind: &str, message: &str) {
    let answer = server.get(path);
    assert_eq!(answer.status, status, "{path}: {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
    let json = answer.json();
    assert_eq!(json["status"], "error", "{path}");
    assert_eq!(json["errorType"], kind, "{path}");
    let error = json["error"].as_str().unwrap_or_default();
    assert!(error.contains(message), "{path}: {error}");
}

#[test]
fn bad_data() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &[]);
    for (path, message) in [
        ("query?query=sum(", "invalid parameter \"query\": 1:5"),
        ("query", "invalid parameter \"query\""),
        (
            "query?query=up&time=x",
            "invalid parameter \"time\": cannot parse \"x\" to a valid timestamp",
        ),
        ("query?query=up&timeout=x", "invalid parameter \"timeout\""),
        ("query?query=up&limit=-1", "invalid parameter \"limit\""),
        ("query_range?query=up&end=1&step=1", "invalid parameter \"start\""),
        (
            "query_range?query=up&start=2&end=1&step=1",
            "invalid parameter \"end\"",
        ),
        (
            "query_range?query=up&start=1&end=2&step=0",
            "invalid parameter \"step\"",
        ),
        (
            "query_range?query=up&start=1&end=2&step=-5",
            "invalid parameter \"step\"",
        ),
        ("query_range?query=up&start=0&end=11001&step=1", "11,000 points"),
        (
            "query_range?query=up[5m]&start=0&end=1&step=1",
            "invalid parameter \"query\"",
        ),
        ("series", "match[]"),
        ("series?match[]={x=~%22.*%22}", "non-empty matcher"),
        ("series?match[]=rate(up[5m])", "expected a selector"),
        ("labels?match[]=a(", "invalid parameter \"match[]\""),
        ("labels?start=5&end=4", "invalid parameter \"end\""),
    ] {
        check(&server, &format!("/api/v1/{path}"), 400, "bad_data", message);
    }
}

#[test]
fn execution_errors() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &["--query.max-samples=50"]);
    let large = "/api/v1/query?query=count_over_time(vector(1)[1h:1s])";
    check(&server, large, 422, "execution", "samples");
    let many_to_many = "/api/v1/query?query=test_special%20*%20on()%20test_special";
    check(&server, many_to_many, 422, "execution", "");
}

#[test]
fn extreme_times_are_answered() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &[]);
    for time in [
        "-292273086-05-16T16:47:06Z",
        "292277025-08-18T07:12:54.999999999Z",
        "8999999999999999",
        "-8999999999999999",
        "1795380653000",
    ] {
        for query in [
            "up",
            "rate(up[5m])",
            "up%20offset%201y",
            "max_over_time(up[1h:1m])",
        ] {
            let answer = server.get(&format!("/api/v1/query?query={query}&time={time}"));
            assert!(
                [200, 400, 422].contains(&answer.status),
                "{query} {time}: {}",
                answer.text()
            );
        }
        let answer = server.get(&format!("/api/v1/series?match[]=up&start={time}"));
        assert!([200, 400].contains(&answer.status), "{time}: {}", answer.text());
    }
    let path =
        "/api/v1/query_range?query=rate(up[5m])&start=-8999999999999999&end=8999999999999999&step=8999999999";
    let answer = server.get(path);
    assert!([200, 400].contains(&answer.status), "{}", answer.text());
    assert_eq!(server.get("/-/healthy").status, 200);
}

#[test]
fn other_routes() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &[]);
    assert_eq!(server.get("/nowhere").status, 404);
    assert_eq!(server.get("/api/v1/nowhere").status, 404);
    assert_eq!(
        request(&server.address, "DELETE", "/api/v1/query", &[], "").status,
        405
    );
    assert_eq!(server.post("/-/quit", "").status, 403);
    let answer = server.post("/api/v1/admin/moheng/snapshot", "");
    assert_eq!(answer.status, 500);
    assert_eq!(answer.json()["errorType"], "unavailable");
}

#[test]
fn forms_are_bounded() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &[]);
    let form = format!("query={}", "1".repeat(11 << 20));
    let answer = server.post("/api/v1/query", &form);
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["errorType"], "bad_data");
}

#[test]
fn extreme_queries_are_refused() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &[]);
    let deep = format!("{}up{}", "(".repeat(100_000), ")".repeat(100_000));
    let chain = vec!["up"; 100_000].join("%2B");
    let long = "1".repeat(9 << 20);
    for query in [deep, chain, long, "\"".repeat(1 << 20), "up[".repeat(300_000)] {
        for (path, name) in [
            ("query?", "query"),
            ("query_range?start=0&end=1&step=1&", "query"),
            ("query_exemplars?", "query"),
            ("series?", "match[]"),
            ("labels?", "match[]"),
        ] {
            let answer = server.post(&format!("/api/v1/{path}"), &format!("{name}={query}"));
            let text = answer.text();
            assert_eq!(answer.status, 400, "{path} {}", &query[..20]);
            assert_eq!(answer.json()["errorType"], "bad_data", "{path} {}", &query[..20]);
            assert!(
                text.len() < 200_000,
                "{path} {}: {} bytes",
                &query[..20],
                text.len()
            );
        }
    }
    let path = format!("/api/v1/query?query={}", "1".repeat(2 << 20));
    assert!([400, 414, 431].contains(&server.get(&path).status));
    assert_eq!(server.get("/-/healthy").status, 200);
}

#[test]
fn queries_time_out() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &[]);
    check(
        &server,
        "/api/v1/query?query=up&timeout=0.0001",
        503,
        "timeout",
        "timed out",
    );
}

#[test]
fn a_query_that_nobody_waits_for_is_stopped() {
    let directory = directory();
    let server = Server::start(directory.path(), &[]);
    let running = || {
        let metrics = server.get("/metrics");
        let line = metrics
            .text()
            .lines()
            .find(|line| line.starts_with("prometheus_engine_queries "));
        line.map(str::to_owned).expect("the metric exists")
    };
    let series = wait_for("the host's series", || {
        let count = server.query("count({__name__=~\".+\"}) > 200");
        count[0]["value"].is_array().then(|| count[0]["value"].clone())
    });
    // Hundreds of series, eleven thousand windows each, 43 200 values in each window: minutes of work.
    let query = format!(
        "quantile_over_time(0.5,({{__name__=~\".%2B\"}}@{})[12h:1s])",
        series[0]
    );
    let path = format!(
        "/api/v1/query_range?query={}&start=0&end=11000&step=1",
        query.replace('"', "%22")
    );
    let mut stream = TcpStream::connect(&server.address).expect("the server accepts connections");
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .expect("the request can be sent");
    wait_for("the query", || {
        (running() == "prometheus_engine_queries 1").then_some(())
    });
    drop(stream);
    wait_for("the end of the query", || {
        (running() == "prometheus_engine_queries 0").then_some(())
    });
}
