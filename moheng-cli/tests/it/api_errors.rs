//! What the API refuses, and how.

use crate::support::{Server, directory, request};

#[test]
fn envelopes_and_status_codes() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &["--query.max-samples=50"]);
    let range = "/api/v1/query_range?query=up";
    for (path, status, kind, message) in [
        ("/api/v1/query?query=sum(", 400, "bad_data", "invalid parameter \"query\": 1:5"),
        ("/api/v1/query", 400, "bad_data", "invalid parameter \"query\""),
        (
            "/api/v1/query?query=up&time=x",
            400,
            "bad_data",
            "invalid parameter \"time\": cannot parse \"x\" to a valid timestamp",
        ),
        ("/api/v1/query?query=up&timeout=x", 400, "bad_data", "invalid parameter \"timeout\""),
        ("/api/v1/query?query=up&limit=-1", 400, "bad_data", "invalid parameter \"limit\""),
        (
            "/api/v1/query?query=count_over_time(vector(1)[1h:1s])",
            422,
            "execution",
            "samples",
        ),
        ("/api/v1/query?query=up%20*%20on()%20up", 422, "execution", ""),
        (&format!("{range}&end=1&step=1"), 400, "bad_data", "invalid parameter \"start\""),
        (&format!("{range}&start=2&end=1&step=1"), 400, "bad_data", "invalid parameter \"end\""),
        (&format!("{range}&start=1&end=2&step=0"), 400, "bad_data", "invalid parameter \"step\""),
        (&format!("{range}&start=1&end=2&step=-5"), 400, "bad_data", "invalid parameter \"step\""),
        (&format!("{range}&start=0&end=11001&step=1"), 400, "bad_data", "11,000 points"),
        ("/api/v1/series", 400, "bad_data", "match[]"),
        ("/api/v1/series?match[]={x=~%22.*%22}", 400, "bad_data", "non-empty matcher"),
        ("/api/v1/labels?match[]=a(", 400, "bad_data", "invalid parameter \"match[]\""),
        ("/api/v1/labels?start=5&end=4", 400, "bad_data", "invalid parameter \"end\""),
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
        let json = answer.json();
        assert_eq!(json["status"], "error", "{path}");
        assert_eq!(json["errorType"], kind, "{path}");
        let error = json["error"].as_str().unwrap_or_default();
        assert!(error.contains(message), "{path}: {error}");
    }
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
        for query in ["up", "rate(up[5m])", "up%20offset%201y", "max_over_time(up[1h:1m])"] {
            let answer = server.get(&format!("/api/v1/query?query={query}&time={time}"));
            assert!([200, 400, 422].contains(&answer.status), "{query} {time}: {}", answer.text());
        }
        let answer = server.get(&format!("/api/v1/series?match[]=up&start={time}"));
        assert!([200, 400].contains(&answer.status), "{time}: {}", answer.text());
    }
    let path = "/api/v1/query_range?query=rate(up[5m])&start=-8999999999999999&end=8999999999999999&step=8999999999";
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
    assert_eq!(request(&server.address, "DELETE", "/api/v1/query", &[], "").status, 405);
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
fn slow_queries_time_out() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &[]);
    let query = "sum(max_over_time(sum(vector(1))[10000d:1s]))";
    let answer = server.post("/api/v1/query", &format!("query={query}&timeout=1ms"));
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(answer.json()["errorType"], "timeout");
}
