//! Scraping over HTTP: what is sent, and what becomes of every kind of answer.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use moheng_collect::{
    FirstScrape, HttpSettings, HttpTransport, ScrapeJob, ScrapeManager, ScrapeProtocol, ScrapeSettings,
    TargetGroup, TargetHealth, TargetStatus,
};
use moheng_metrics::{Labels, MemorySource, SystemClock};

use crate::scrape_server::{Reply, Server, response, text};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";

fn job(name: &str, address: &str, path: &str) -> ScrapeJob {
    let mut job = ScrapeJob::new(name, Arc::new(HttpTransport::default()));
    path.clone_into(&mut job.metrics_path);
    job.first_scrape = FirstScrape::Immediately;
    job.target_groups = vec![TargetGroup {
        targets: vec![address.to_owned()],
        labels: Labels::empty(),
    }];
    job
}

fn start(jobs: Vec<ScrapeJob>) -> ScrapeManager {
    let store = Arc::new(MemorySource::new());
    let clock = Arc::new(SystemClock::new());
    ScrapeManager::start(jobs, ScrapeSettings::default(), store, clock).expect("valid jobs")
}

/// Waits until `is_done` holds for all targets.
async fn wait(manager: &ScrapeManager, is_done: impl Fn(&TargetStatus) -> bool) -> Vec<TargetStatus> {
    let waited = tokio::time::timeout(Duration::from_mins(1), async {
        loop {
            let targets = manager.targets();
            if targets.iter().all(&is_done) {
                return targets;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    waited.await.expect("scraped in time")
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

fn chunked(chunks: &[&str]) -> Vec<u8> {
    let mut answer = format!("{OK}Transfer-Encoding: chunked\r\n\r\n");
    for chunk in chunks {
        let length = chunk.len();
        answer = format!("{answer}{length:x}\r\n{chunk}\r\n");
    }
    answer.push_str("0\r\n\r\n");
    answer.into_bytes()
}

fn answer(path: &str) -> Reply {
    let encoded = ["Content-Type: text/plain", "Content-Encoding: gzip"];
    match path {
        "/plain" => Reply::Keep(text("a 1\n")),
        "/chunked" => Reply::Keep(chunked(&["a 1\nb", " 2\n"])),
        "/until-close" => Reply::Close(format!("{OK}\r\na 1\n").into_bytes()),
        "/gzip" => Reply::Keep(response("200 OK", &encoded, &gzip(b"a 1\n"))),
        "/gzip-bomb" => Reply::Keep(response("200 OK", &encoded, &gzip(&vec![b'\n'; 1 << 20]))),
        "/gzip-cut" => Reply::Keep(response("200 OK", &encoded, &gzip(b"a 1\n")[..12])),
        "/brotli" => Reply::Keep(response(
            "200 OK",
            &["Content-Type: text/plain", "Content-Encoding: br"],
            b"?",
        )),
        "/large" => Reply::Keep(text(&"#\n".repeat(1000))),
        "/endless" => Reply::Keep(chunked(&["#\n"; 1000])),
        "/html" => Reply::Keep(response("200 OK", &["Content-Type: text/html"], b"a 1\n")),
        "/no-type" => Reply::Keep(response("200 OK", &[], b"a 1\n")),
        "/openmetrics" => {
            let header = "Content-Type: application/openmetrics-text; version=1.0.0";
            Reply::Keep(response("200 OK", &[header], b"# EOF\n"))
        }
        "/unavailable" => Reply::Keep(response("503 Service Unavailable", &[], b"busy")),
        "/redirect" => Reply::Keep(response(
            "302 Found",
            &["Location: /plain?moved=1"],
            b"over there",
        )),
        "/plain?moved=1" => Reply::Keep(text("a 1\nb 1\nc 1\n")),
        "/loop" => Reply::Keep(response("301 Moved Permanently", &["Location: loop"], b"")),
        "/to-https" => Reply::Keep(response(
            "307 Temporary Redirect",
            &["Location: https://127.0.0.1/"],
            b"",
        )),
        "/to-nowhere" => Reply::Keep(response("308 Permanent Redirect", &["Location: http://"], b"")),
        "/reset-head" => Reply::Reset(Vec::new()),
        "/reset-body" => Reply::Reset(format!("{OK}Content-Length: 100\r\n\r\na 1\n").into_bytes()),
        "/cut-body" => Reply::Close(format!("{OK}Content-Length: 100\r\n\r\na 1\n").into_bytes()),
        "/hang-head" => Reply::Hang(Vec::new()),
        "/hang-body" => Reply::Hang(format!("{OK}Content-Length: 100\r\n\r\na 1\n").into_bytes()),
        "/not-http" => Reply::Close(b"SSH-2.0-OpenSSH\r\n".to_vec()),
        "/nonsense" => Reply::Keep(text("a 1\nb one\n")),
        _ => Reply::Keep(response("404 Not Found", &[], b"")),
    }
}

/// Paths, and what a scrape of them says: an error, or how many samples there were.
const CASES: [(&str, &str); 26] = [
    ("/plain", "1"),
    ("/chunked", "2"),
    ("/until-close", "1"),
    ("/gzip", "1"),
    ("/gzip-bomb", "body size limit of 1000 bytes exceeded"),
    ("/gzip-cut", "cannot decompress the body"),
    ("/brotli", "Content-Encoding \"br\""),
    ("/large", "body size limit of 1000 bytes exceeded"),
    ("/endless", "body size limit of 1000 bytes exceeded"),
    ("/html", "Content-Type \"text/html\""),
    ("/no-type", "no Content-Type"),
    ("/openmetrics", "OpenMetrics format, which is not supported yet"),
    (
        "/unavailable",
        "server returned HTTP status 503 Service Unavailable",
    ),
    ("/missing", "server returned HTTP status 404 Not Found"),
    ("/redirect", "3"),
    ("/loop", "stopped after 10 redirects"),
    ("/to-https", "not supported yet"),
    ("/to-nowhere", "not a valid location"),
    ("/reset-head", "request: "),
    ("/reset-body", "read: "),
    ("/cut-body", "read: "),
    ("/hang-head", "scrape timeout of 200ms exceeded"),
    ("/hang-body", "scrape timeout of 200ms exceeded"),
    ("/not-http", "request: "),
    (
        "/nonsense",
        "invalid exposition: 2:3: expected a number, found \"one\"",
    ),
    ("refused", "cannot connect to 127.0.0.1:"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_answer() {
    let server = Server::start(|path, _| answer(path)).await;
    let unused = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let refused = unused.local_addr().expect("bound").to_string();
    drop(unused);
    let jobs = CASES.iter().map(|(path, _)| {
        let address = if *path == "refused" {
            &refused
        } else {
            &server.address
        };
        let mut job = job(path, address, path);
        job.limits.body_size_bytes = Some(1000);
        // Nothing is scraped a second time, however slow this machine is.
        job.scrape_interval_ms = 365 * 24 * 3_600_000;
        if path.starts_with("/hang") {
            job.scrape_timeout_ms = 200;
        }
        job
    });
    let manager = start(jobs.collect());
    let targets = wait(&manager, |target| target.health != TargetHealth::Unknown).await;
    let stats = manager.stats();
    manager.shutdown().await;
    for target in targets {
        let (path, expected) = CASES
            .iter()
            .find(|(path, _)| target.scrape_pool == *path)
            .expect("one of them");
        match target.health {
            TargetHealth::Up => assert_eq!(target.last_error, "", "{path}"),
            _ => assert!(
                target.last_error.contains(expected),
                "{path}: {}",
                target.last_error
            ),
        }
        let is_count = expected.parse::<usize>().is_ok();
        assert_eq!(
            target.health == TargetHealth::Up,
            is_count,
            "{path}: {}",
            target.last_error
        );
    }
    let samples: u64 = CASES
        .iter()
        .filter_map(|(_, expected)| expected.parse::<u64>().ok())
        .sum();
    assert_eq!((stats.scrapes, stats.samples_appended), (26, samples));
    let failures = stats.failures;
    assert_eq!(failures.total(), 26 - 5);
    assert_eq!(
        (failures.connection, failures.timeout, failures.status),
        (8, 2, 2)
    );
    assert_eq!(
        (failures.format, failures.body_size_limit, failures.parse),
        (5, 3, 1)
    );
}

#[tokio::test]
async fn what_is_sent() {
    let server = Server::start(|_, _| Reply::Keep(text("a 1\n"))).await;
    let mut first = job("first", &server.address, "/p");
    first
        .params
        .insert("match[]".to_owned(), vec!["up".to_owned(), "x y".to_owned()]);
    first.scrape_timeout_ms = 2_500;
    let mut second = job("second", &server.address, "/q");
    second.transport = Arc::new(HttpTransport::new(HttpSettings {
        enable_compression: false,
        protocols: vec![ScrapeProtocol::PrometheusText0_0_4],
        user_agent: "test/1".to_owned(),
        ..HttpSettings::default()
    }));
    let manager = start(vec![first, second]);
    wait(&manager, |target| target.health == TargetHealth::Up).await;
    manager.shutdown().await;
    let mut requests = server.requests();
    requests.sort();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        requests[0]
            .split("\r\n")
            .filter(|line| !line.is_empty())
            .collect::<Vec<_>>(),
        [
            "GET /p?match%5B%5D=up&match%5B%5D=x+y HTTP/1.1",
            &format!("host: {}", server.address),
            &format!("user-agent: moheng/{version}"),
            "accept: text/plain;version=1.0.0;escaping=allow-utf-8;q=0.9,text/plain;version=0.0.4;q=0.8,*/*;q=0.1",
            "accept-encoding: gzip",
            "x-prometheus-scrape-timeout-seconds: 2.5",
        ]
    );
    for line in [
        "GET /q HTTP/1.1",
        "user-agent: test/1",
        "accept: text/plain;version=0.0.4;q=0.9,*/*;q=0.1",
        "accept-encoding: identity",
    ] {
        assert!(
            requests[1].lines().any(|sent| sent == line),
            "{line} in {}",
            requests[1]
        );
    }
}

/// Scrapes four times a second until `server` has got `requests`. Returns the failures.
async fn scrape_often(server: &Server, requests: usize, configure: impl Fn(&mut ScrapeJob)) -> u64 {
    let mut job = job("often", &server.address, "/metrics");
    job.scrape_interval_ms = 250;
    job.scrape_timeout_ms = 250;
    configure(&mut job);
    let manager = start(vec![job]);
    while server.requests().len() < requests {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    wait(&manager, |target| target.health != TargetHealth::Unknown).await;
    manager.shutdown().await;
    manager.stats().failures.total()
}

#[tokio::test]
async fn one_connection_serves_all_scrapes() {
    let server = Server::start(|_, _| Reply::Keep(text("a 1\n"))).await;
    assert_eq!(scrape_often(&server, 3, |_| ()).await, 0);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_closed_connection_is_replaced_without_a_failed_scrape() {
    let server = Server::start(|_, _| Reply::Close(text("a 1\n"))).await;
    assert_eq!(scrape_often(&server, 3, |_| ()).await, 0);
    assert!(server.connections() >= 3);
}

#[tokio::test]
async fn the_connection_of_a_timeout_is_not_used_again() {
    let server = Server::start(|_, earlier| match earlier {
        0 => Reply::Hang(text("a 1\n")[..30].to_vec()),
        _ => Reply::Keep(text("a 1\n")),
    })
    .await;
    let failures = scrape_often(&server, 3, |job| job.scrape_timeout_ms = 100).await;
    assert!(failures >= 1);
    assert!(server.connections() >= 2);
}

#[tokio::test]
async fn redirects_are_followed_only_when_asked_to_and_to_other_servers_too() {
    let other = Server::start(|_, _| Reply::Keep(text("a 1\n"))).await;
    let location = format!("Location: http://{}/there", other.address);
    let server =
        Server::start(move |_, _| Reply::Keep(response("302 Found", &[&location], b"elsewhere"))).await;
    let mut refusing = job("refusing", &server.address, "/metrics");
    refusing.transport = Arc::new(HttpTransport::new(HttpSettings {
        follow_redirects: false,
        ..HttpSettings::default()
    }));
    let manager = start(vec![job("following", &server.address, "/metrics"), refusing]);
    let targets = wait(&manager, |target| target.health != TargetHealth::Unknown).await;
    manager.shutdown().await;
    assert_eq!(
        (targets[0].health, targets[0].last_error.as_str()),
        (TargetHealth::Up, "")
    );
    assert_eq!(targets[1].last_error, "server returned HTTP status 302 Found");
    assert!(other.requests()[0].contains(&format!("host: {}", other.address)));
}
