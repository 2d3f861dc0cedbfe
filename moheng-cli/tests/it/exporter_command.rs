//! `exporter` serves metrics for others to scrape.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::Read as _;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use flate2::read::GzDecoder;
use tempfile::TempDir;

use crate::support::{Server, directory, moheng, request};

/// An exporter of two collectors, one of which fails, over files of a directory.
fn exporter(arguments: &[&str]) -> (TempDir, Server) {
    let directory = directory();
    let proc = directory.path().join("proc");
    fs::create_dir(&proc).expect("a directory can be made");
    fs::write(proc.join("loadavg"), "0.25 0.5 1.75 2/300 4000\n").expect("a file can be written");
    fs::write(proc.join("vmstat"), "what?\n").expect("a file can be written");
    let proc = format!("--path.procfs={}", proc.display());
    let fixed = [
        "exporter",
        "host",
        &proc,
        "--collector.disable-defaults",
        "--collector.loadavg",
        "--collector.vmstat",
    ];
    let server = Server::spawn(directory.path(), &[&fixed[..], arguments].concat());
    (directory, server)
}

#[track_caller]
fn check(page: &str, present: &[&str], absent: &[&str]) {
    for line in present {
        assert!(
            page.lines().any(|other| other.starts_with(line)),
            "{line} is missing:\n{page}"
        );
    }
    for line in absent {
        assert!(
            !page.lines().any(|other| other.starts_with(line)),
            "{line} is there:\n{page}"
        );
    }
}

#[test]
fn a_page_has_what_collectors_found_and_the_exporter_itself() {
    let (_directory, server) = exporter(&[]);
    assert!(server.get("/").text().contains("<a href=\"/metrics\">"));
    let answer = server.get("/metrics");
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("text/plain; version=0.0.4; charset=utf-8"))
    );
    let present = [
        "node_load1 0.25",
        "node_scrape_collector_success{collector=\"loadavg\"} 1",
        "node_scrape_collector_success{collector=\"vmstat\"} 0",
        "node_exporter_build_info{",
        "process_resident_memory_bytes ",
        "promhttp_metric_handler_requests_total{code=\"200\"} 0",
        "promhttp_metric_handler_requests_in_flight 1",
    ];
    check(answer.text(), &present, &["node_memory_"]);
    let families: Vec<&str> = answer
        .text()
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .collect();
    assert!(families.is_sorted(), "{families:#?}");
    check(
        server.get("/metrics").text(),
        &["promhttp_metric_handler_requests_total{code=\"200\"} 1"],
        &[],
    );
    assert_eq!(server.get("/nothing").status, 404);
}

#[test]
fn requests_choose_collectors() {
    let (_directory, server) = exporter(&["--web.disable-exporter-metrics", "--web.telemetry-path=/host"]);
    let page = |query: &str| server.get(&format!("/host?{query}"));
    let (load, vmstat) = (
        "node_load1",
        "node_scrape_collector_success{collector=\"vmstat\"} 0",
    );
    check(
        page("collect[]=loadavg").text(),
        &[load, "node_exporter_build_info"],
        &[vmstat, "process_", "promhttp_"],
    );
    check(page("exclude[]=loadavg&exclude[]=cpu").text(), &[vmstat], &[load]);
    for (query, message) in [
        ("collect[]=nothing", "missing collector: nothing"),
        ("collect[]=loadavg&collect[]=cpu", "disabled collector: cpu"),
        (
            "collect[]=loadavg&exclude[]=vmstat",
            "Combined collect and exclude queries are not allowed.",
        ),
    ] {
        let answer = page(query);
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text().contains(message), "{query}: {}", answer.text());
    }
    assert_eq!(server.get("/metrics").status, 404);
}

#[test]
fn pages_are_compressed_where_that_is_wanted() {
    let (_directory, server) = exporter(&[]);
    let answer = request(
        &server.address,
        "GET",
        "/metrics",
        &[("Accept-Encoding", "gzip")],
        "",
    );
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    let mut page = String::new();
    GzDecoder::new(&answer.body[..])
        .read_to_string(&mut page)
        .expect("it is gzip");
    check(&page, &["node_load1 0.25"], &[]);
}

#[test]
fn a_signal_ends_it_cleanly() {
    let (_directory, server) = exporter(&[]);
    assert_eq!(server.signal("TERM").code(), Some(0));
}

#[test]
fn what_cannot_be_served_is_said() {
    let taken = Server::spawn(directory().path(), &["exporter", "host"]);
    let address = format!("--web.listen-address={}", taken.address);
    let finished = moheng(&["exporter", "host", &address]);
    assert_eq!(finished.code, Some(1));
    assert!(
        finished
            .stderr
            .contains(&format!("cannot listen on {}", taken.address)),
        "{}",
        finished.stderr
    );
    for (flag, message) in [
        ("--web.telemetry-path=metrics", "expected a path such as /metrics"),
        (
            "--collector.textfile.directory=[",
            "collector textfile: invalid pattern",
        ),
    ] {
        let finished = moheng(&["exporter", "host", flag]);
        assert_eq!(finished.code, Some(2), "{flag}");
        assert!(finished.stderr.contains(message), "{flag}: {}", finished.stderr);
    }
}

#[test]
fn sockets_of_the_service_manager_are_taken() {
    let finished = moheng(&["exporter", "host", "--web.systemd-socket"]);
    assert_eq!(finished.code, Some(1));
    assert!(
        finished.stderr.contains("gave no socket to --web.systemd-socket"),
        "{}",
        finished.stderr
    );

    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    // What systemd does: the socket is number 3, and the process is told that it is meant.
    let script = "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" exporter host --web.systemd-socket \
                  --collector.disable-defaults --collector.loadavg 3<&0 </dev/null";
    let mut child = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_moheng-cli")])
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell");
    // Who connects before the exporter runs is answered when it does.
    let page = request(&address, "GET", "/metrics", &[], "");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    check(page.text(), &["node_load1 "], &[]);
}
