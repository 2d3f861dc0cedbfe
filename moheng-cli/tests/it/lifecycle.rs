//! Starting, stopping, dying, and starting again.

use std::fs;

use crate::support::{Server, directory, moheng, wait_for};

#[test]
fn without_a_configuration_host_and_self_are_collected() {
    let directory = directory();
    // A configuration that lies around is not read.
    fs::write(directory.path().join("prometheus.yml"), "nonsense: 1\n").expect("the file can be written");
    let server = Server::start(directory.path(), &[]);
    wait_for("both jobs", || {
        let up = server.query("up == 1");
        (up.as_array().map(Vec::len) == Some(2)).then_some(())
    });
    let memory = server.query("node_memory_MemTotal_bytes{job=\"node\"} > 0");
    assert_eq!(memory.as_array().map(Vec::len), Some(1));
    let own = server.query("moheng_build_info{job=\"moheng\"}");
    assert_eq!(own.as_array().map(Vec::len), Some(1));
    assert_eq!(memory[0]["metric"]["instance"], own[0]["metric"]["instance"]);
}

#[test]
fn a_killed_server_answers_for_the_time_before() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &[]);
    let (time, count) = wait_for("three scrapes", || {
        let result = server.query("count_over_time(test_temperature[1m])");
        let sample = result[0]["value"].clone();
        let count: u64 = sample[1].as_str()?.parse().ok()?;
        (count >= 3).then(|| (sample[0].to_string(), count))
    });
    server.kill();

    let server = Server::scraping(directory.path(), &[]);
    let path = format!("/api/v1/query?query=count_over_time(test_temperature[1m])&time={time}");
    let result = server.get(&path).json()["data"]["result"].clone();
    assert_eq!(result[0]["value"][1], count.to_string());
}

#[test]
fn signals_end_it_cleanly() {
    for name in ["TERM", "INT"] {
        let directory = directory();
        let server = Server::scraping(directory.path(), &[]);
        let before = server.query("count(up)");
        assert_eq!(server.signal(name).code(), Some(0), "{name}");
        let data = directory.path().join("data");
        let data = data.to_str().expect("the path is text");
        let after = moheng(&[
            "query",
            "--data-dir",
            data,
            "-o",
            "json",
            "count(last_over_time(up[1h]))",
        ])
        .success();
        let after: serde_json::Value = serde_json::from_str(&after).expect("JSON");
        assert_eq!(after["result"][0]["value"][1], before[0]["value"][1], "{name}");
    }
}

#[test]
fn it_can_be_stopped_over_http_where_allowed() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &["--web.enable-lifecycle"]);
    assert_eq!(server.post("/-/quit", "").status, 200);
    wait_for("the end", || {
        std::net::TcpStream::connect(&server.address)
            .is_err()
            .then_some(())
    });
}

#[test]
fn two_servers_cannot_share_a_directory() {
    let directory = directory();
    let _server = Server::scraping(directory.path(), &[]);
    let data = directory.path().join("data");
    let data = data.to_str().expect("the path is text");
    let second = moheng(&[
        "run",
        "--web.listen-address=127.0.0.1:0",
        "--storage.tsdb.path",
        data,
    ]);
    assert_eq!(second.code, Some(1));
}
