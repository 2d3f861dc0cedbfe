//! Exit codes and messages of the command line.

use std::fs;

use crate::support::{directory, moheng, moheng_with};

#[test]
fn usage_errors() {
    for arguments in [
        &["run", "--no-such-flag"][..],
        &["query"],
        &["nonsense"],
        &["backup", "create", "--server", "https://localhost", "--to", "x"],
    ] {
        let finished = moheng(arguments);
        assert_eq!(finished.code, Some(2), "{arguments:?}: {}", finished.stderr);
        assert!(!finished.stderr.is_empty(), "{arguments:?}");
    }
    assert!(moheng(&["--version"]).success().starts_with("moheng-cli "));
    assert!(moheng(&["run", "--help"]).success().contains("--config.file"));
}

#[test]
fn configurations_are_checked() {
    let directory = directory();
    let file = directory.path().join("p.yml");
    let file = file.to_str().expect("the path is text");
    for (text, line) in [
        (
            "global:\n  scrape_intervall: 15s\n",
            "2:3: unknown key `scrape_intervall` in global; did you mean `scrape_interval`?",
        ),
        (
            "scrape_configs:\n  - job_name: a\n    scrape_interval: 15 s\n",
            "3:22: expected a duration such as 15s or 1h30m for scrape_interval, found `15 s`",
        ),
    ] {
        fs::write(file, text).expect("the file can be written");
        for arguments in [&["check", "config", file][..], &["run", "--config.file", file]] {
            let finished = moheng(arguments);
            assert_eq!(finished.code, Some(2), "{text}");
            assert_eq!(finished.stderr, format!("{file}:{line}\n"), "{text}");
        }
    }
    fs::write(file, "rule_files: [a]\nscrape_configs: [{job_name: a}]\n").expect("the file can be written");
    let finished = moheng(&["check", "config", file]);
    assert_eq!(finished.code, Some(0));
    assert_eq!(
        finished.stdout,
        format!("{file}: ok, 1 scrape configs with 0 targets\n")
    );
    assert!(
        finished
            .stderr
            .contains(":1:1: `rule_files` is not supported yet"),
        "{}",
        finished.stderr
    );
    let finished = moheng(&["check", "config", "/does/not/exist.yml"]);
    assert_eq!(finished.code, Some(2));
}

#[test]
fn flags_can_be_environment_variables() {
    for (name, value) in [
        ("MOHENG_QUERY_TIMEOUT", "soon"),
        ("MOHENG_STORAGE_WAL_SYNC", "never"),
        ("MOHENG_CONFIG_FILE", "/does/not/exist.yml"),
    ] {
        let finished = moheng_with(&["run"], &[(name, value)]);
        assert_eq!(finished.code, Some(2), "{name}");
        assert!(finished.stderr.contains(value), "{name}: {}", finished.stderr);
    }
    let finished = moheng_with(&["query", "up"], &[("MOHENG_SERVER", "http://127.0.0.1:1")]);
    assert!(finished.stderr.contains("127.0.0.1:1"), "{}", finished.stderr);
}

#[test]
fn a_server_that_is_not_there() {
    let finished = moheng(&["query", "--server", "http://127.0.0.1:1", "up"]);
    assert_eq!(finished.code, Some(1));
    assert!(
        finished.stderr.starts_with("cannot reach http://127.0.0.1:1: "),
        "{}",
        finished.stderr
    );
}
