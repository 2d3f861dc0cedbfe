//! The binary as a server.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::thread;

use tempfile::TempDir;

use super::{Answer, Target, get, post_form, wait_for};

/// A running server; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// `127.0.0.1:PORT`
    pub(crate) address: String,
}

/// What the fixed target of [`Server::scraping`] exposes.
pub(crate) const EXPOSITION: &str = "# HELP test_requests_total Requests.
# TYPE test_requests_total counter
test_requests_total{code=\"200\",path=\"/a\"} 10
test_requests_total{code=\"500\",path=\"/a\"} 2.5
# HELP test_temperature Degrees.
# TYPE test_temperature gauge
test_temperature -0.25
test_special{kind=\"nan\"} NaN
test_special{kind=\"inf\"} +Inf
test_special{kind=\"large\"} 1e21
";

impl Server {
    /// Starts the binary on a free port with its data below `directory`, and waits until it is ready.
    pub(crate) fn start(directory: &Path, arguments: &[&str]) -> Self {
        let data = format!("--storage.tsdb.path={}", directory.join("data").display());
        let server = Self::spawn(
            directory,
            &[&["run", data.as_str(), "--storage.reserve-size=1MB"], arguments].concat(),
        );
        wait_for("readiness", || {
            (server.get("/-/ready").status == 200).then_some(())
        });
        server
    }

    /// Starts a command that serves on a free port, and waits until it listens.
    pub(crate) fn spawn(directory: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_moheng-cli"))
            .args(arguments)
            .arg("--web.listen-address=127.0.0.1:0")
            .current_dir(directory)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut log = BufReader::new(child.stderr.take().expect("standard error is piped"));
        let address = listening_address(&mut log);
        // What is logged from here on is read, so that the server never waits for it.
        thread::spawn(move || log.read_to_end(&mut Vec::new()));
        Self { child, address }
    }

    /// A server that scrapes a target with [`EXPOSITION`] and one that is down, after its first scrapes.
    pub(crate) fn scraping(directory: &Path, arguments: &[&str]) -> Self {
        let target = Target::start(EXPOSITION);
        let config = format!(
            "global: {{scrape_interval: 200ms}}
scrape_configs:
- job_name: test
  static_configs:
  - targets: ['{}']
    labels: {{env: 'it'}}
- job_name: down
  static_configs: [{{targets: ['127.0.0.1:1']}}]
",
            target.address
        );
        let file = directory.join("prometheus.yml");
        std::fs::write(&file, config).expect("the configuration can be written");
        let flag = format!("--config.file={}", file.display());
        let arguments: Vec<&str> = std::iter::once(flag.as_str())
            .chain(arguments.iter().copied())
            .collect();
        let server = Self::start(directory, &arguments);
        wait_for("both targets", || {
            let up = server.query("count(up{job=\"test\"} == 1) + count(up{job=\"down\"} == 0)");
            up[0]["value"].is_array().then_some(())
        });
        server
    }

    /// GET
    pub(crate) fn get(&self, path: &str) -> Answer {
        get(&self.address, path)
    }

    /// POST of a form.
    pub(crate) fn post(&self, path: &str, form: &str) -> Answer {
        post_form(&self.address, path, form)
    }

    /// The result of an instant query.
    #[track_caller]
    pub(crate) fn query(&self, expression: &str) -> serde_json::Value {
        let form = format!("query={}", expression.replace('+', "%2B").replace('&', "%26"));
        let answer = self.post("/api/v1/query", &form);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["data"]["result"].clone()
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Kills the process without any warning.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("the process ends");
    }

    /// Sends a signal (its name without SIG) and waits for the end.
    pub(crate) fn signal(mut self, name: &str) -> ExitStatus {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .expect("kill runs");
        assert!(sent.success());
        self.child.wait().expect("the process ends")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the log up to the line that says where the server listens.
fn listening_address(log: &mut BufReader<ChildStderr>) -> String {
    let mut lines = String::new();
    loop {
        let start = lines.len();
        let length = log.read_line(&mut lines).expect("the log is text");
        assert_ne!(length, 0, "the server ended: {lines}");
        if let Some((_, address)) = lines[start..]
            .split_once("url=http")
            .and_then(|(_, url)| url.split_once("://"))
        {
            return address.trim().to_owned();
        }
    }
}

/// A directory for one test.
pub(crate) fn directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory can be made")
}
