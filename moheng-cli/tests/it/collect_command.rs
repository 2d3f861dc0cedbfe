//! `collect` prints metrics once.

#![cfg(target_os = "linux")]

use std::fs;

use crate::support::{directory, moheng};

#[test]
fn a_host_is_printed_as_its_files_say() {
    let directory = directory();
    let proc = directory.path().join("proc");
    fs::create_dir(&proc).unwrap();
    fs::write(proc.join("loadavg"), "0.25 0.5 1.75 2/300 4000\n").unwrap();
    let proc = format!("--path.procfs={}", proc.display());
    let only_load = [
        "collect",
        "host",
        &proc,
        "--collector.disable-defaults",
        "--collector.loadavg",
    ];
    let page = moheng(&only_load).success();
    for line in [
        "node_load1 0.25\n",
        "node_load15 1.75\n",
        "node_scrape_collector_success{collector=\"loadavg\"} 1\n",
        "node_exporter_build_info{",
    ] {
        assert!(page.contains(line), "{line}:\n{page}");
    }
    let page = moheng(&[&only_load[..], &["--no-collector.loadavg"]].concat()).success();
    assert!(!page.contains("node_load"), "{page}");
}

#[test]
fn what_fails_is_said() {
    let directory = directory();
    fs::write(directory.path().join("loadavg"), "what?\n").unwrap();
    let proc = format!("--path.procfs={}", directory.path().display());
    let finished = moheng(&[
        "collect",
        "host",
        &proc,
        "--collector.disable-defaults",
        "--collector.loadavg",
    ]);
    assert_eq!(finished.code, Some(1));
    assert!(
        finished.stderr.starts_with("collector loadavg: "),
        "{}",
        finished.stderr
    );
    assert!(finished.stderr.contains("loadavg:1: "), "{}", finished.stderr);
}

#[test]
fn flags_that_contradict_each_other_are_refused() {
    for (arguments, message) in [
        (
            &[
                "--collector.arp.device-include=a",
                "--collector.arp.device-exclude=b",
            ][..],
            "--collector.arp.device-include and --collector.arp.device-exclude exclude each other",
        ),
        (
            &["--collector.netstat.fields=("],
            "collector netstat: invalid regular expression",
        ),
        (
            &["--collector.filesystem.mount-timeout=soon"],
            "--collector.filesystem.mount-timeout soon: ",
        ),
        (
            &["--collector.nonsense"],
            "unexpected argument '--collector.nonsense'",
        ),
    ] {
        let finished = moheng(&[&["collect", "host"], arguments].concat());
        assert_eq!(finished.code, Some(2), "{arguments:?}: {}", finished.stderr);
        assert!(finished.stderr.contains(message), "{}", finished.stderr);
    }
}
