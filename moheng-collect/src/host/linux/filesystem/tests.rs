//! Errors, and mounts that do not answer.

use std::fs;
use std::sync::Condvar;

use super::*;

#[test]
fn errors_are_plain_words() {
    let error = io::Error::from_raw_os_error(13);
    assert_eq!(error_text(&error), "permission denied");
}

/// Paths below `/gone` do not answer until the server is back.
#[derive(Debug, Default)]
struct Server {
    state: Mutex<ServerState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct ServerState {
    is_back: bool,
    calls: HashMap<String, usize>,
}

impl SpaceSource for Server {
    fn space(&self, path: &[u8]) -> io::Result<FilesystemSpace> {
        let path = text(path).into_owned();
        let mut state = self.state.lock().unwrap();
        *state.calls.entry(path.clone()).or_default() += 1;
        drop(
            self.changed
                .wait_while(state, |state| path.contains("/gone") && !state.is_back)
                .unwrap(),
        );
        Ok(FilesystemSpace::default())
    }
}

fn answers(collector: &Filesystem) -> Vec<(String, String)> {
    let mut families = Vec::new();
    collector.collect(&mut families).unwrap();
    let errors = families
        .iter()
        .find(|family| family.name == "node_filesystem_device_error")
        .unwrap();
    let label = |labels: &moheng_metrics::Labels, name| labels.get(name).unwrap_or_default().to_owned();
    errors
        .metrics
        .iter()
        .map(|metric| {
            (
                label(&metric.labels, "mountpoint"),
                label(&metric.labels, "device_error"),
            )
        })
        .collect()
}

#[test]
fn a_mount_that_does_not_answer_is_reported_left_alone_and_found_again() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("1")).unwrap();
    let mounts: String = ["/a", "/gone/1", "/gone/2", "/z"]
        .map(|path| format!("1 2 0:3 / {path} rw - nfs server rw\n"))
        .concat();
    fs::write(directory.path().join("1/mountinfo"), mounts).unwrap();
    let mut options = HostOptions::default();
    options.roots.proc = directory.path().into();
    options.filesystem.mount_timeout = Duration::from_secs(1);
    let server = Arc::new(Server::default());
    let source: Arc<dyn SpaceSource> = Arc::clone(&server) as _;
    let collector = Filesystem::new(&options, source).unwrap();

    let expect = |gone: &str| {
        ["/a", "/gone/1", "/gone/2", "/z"].map(|path| {
            let error = if path.starts_with("/gone") { gone } else { "" };
            (path.to_owned(), error.to_owned())
        })
    };
    for _ in 0..3 {
        assert_eq!(answers(&collector), expect(TIMEOUT_ERROR));
    }
    let calls = |path: &str| server.state.lock().unwrap().calls[path];
    assert_eq!(
        (calls("/gone/1"), calls("/gone/2"), calls("/a"), calls("/z")),
        (1, 1, 3, 3)
    );

    server.state.lock().unwrap().is_back = true;
    server.changed.notify_all();
    while collector
        .stuck
        .lock()
        .unwrap()
        .values()
        .any(|task| task.is_running())
    {
        std::thread::yield_now();
    }
    assert_eq!(answers(&collector), expect(""));
    assert!(collector.stuck.lock().unwrap().is_empty());
}
