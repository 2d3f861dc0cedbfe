//! `query`: both sources, all formats.

use crate::support::{Server, directory, moheng};

#[test]
fn a_server_and_its_live_directory_give_the_same_table() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &[]);
    let url = server.url();
    let data = directory.path().join("data");
    let data = data.to_str().expect("the path is text");
    let expected = "code  value\n200      10\n500     2.5\n";
    let expression = "sum by (code) (test_requests_total)";
    assert_eq!(
        moheng(&["query", "--server", &url, expression]).success(),
        expected
    );
    assert_eq!(
        moheng(&["query", "--data-dir", data, expression]).success(),
        expected
    );
}

#[test]
fn formats() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &[]);
    let url = server.url();
    let query = |arguments: &[&str]| {
        let all = [&["query", "--server", url.as_str()], arguments].concat();
        moheng(&all).success()
    };
    assert_eq!(
        query(&["--time", "10", "-o", "json", "vector(1)"]),
        "{\"resultType\":\"vector\",\"result\":[{\"metric\":{},\"value\":[10,\"1\"]}]}\n"
    );
    assert_eq!(
        query(&[
            "--time",
            "10",
            "-o",
            "csv",
            "label_replace(vector(1), \"a\", \"x,y\", \"\", \"\")"
        ]),
        "a,time,value\n\"x,y\",1970-01-01T00:00:10.000Z,1\n"
    );
    assert_eq!(
        query(&["--start", "0", "--end", "60", "--step", "30s", "time()"]),
        "time                      value\n\
         1970-01-01T00:00:00.000Z      0\n\
         1970-01-01T00:00:30.000Z     30\n\
         1970-01-01T00:01:00.000Z     60\n"
    );
    assert_eq!(query(&["missing"]), "no result\n");
}

#[test]
fn a_directory_is_read_with_the_flags_of_the_engine() {
    let directory = directory();
    let _server = Server::scraping(directory.path(), &[]);
    let data = directory.path().join("data");
    let query = |arguments: &[&str]| {
        let data = data.to_str().expect("the path is text");
        moheng(&[&["query", "--data-dir", data], arguments].concat())
    };
    let expression = "min_of(1, 2) + sum(test_requests_total)";
    let refused = query(&[expression]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("experimental"), "{}", refused.stderr);
    let flags = [
        "--enable-feature=promql-experimental-functions",
        "--query.threads=2",
    ];
    assert_eq!(
        query(&[&flags[..], &[expression]].concat()).success(),
        "value\n 13.5\n"
    );
    let refused = query(&["--query.max-samples=1", "count({__name__=~\".+\"})"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("samples"), "{}", refused.stderr);
    let old = query(&["--query.lookback-delta=1ms", "test_requests_total"]);
    assert_eq!(old.success(), "no result\n");
}

#[test]
fn failures() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &[]);
    let url = server.url();
    let finished = moheng(&["query", "--server", &url, "sum("]);
    assert_eq!(finished.code, Some(1));
    assert!(
        finished.stderr.contains("400") && finished.stderr.contains("bad_data"),
        "{}",
        finished.stderr
    );
    let finished = moheng(&["query", "--data-dir", "/does/not/exist", "up"]);
    assert_eq!(finished.code, Some(1));
    let finished = moheng(&["query", "--time", "yesterday", "up"]);
    assert_eq!(finished.code, Some(2));
}
