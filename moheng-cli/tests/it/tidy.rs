//! The invariants of ARCHITECTURE.md that a text search can check, over the whole workspace.

use std::fs;
use std::path::{Path, PathBuf};

const CRATES: [&str; 5] = [
    "moheng-metrics",
    "moheng-tsdb",
    "moheng-promql",
    "moheng-collect",
    "moheng-cli",
];

/// More production lines than this, and a file looks for a missing noun.
const MAX_FILE_LINES: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .expect("the workspace is there")
}

/// All Rust files below `folder`, relative to the workspace.
fn rust_files(folder: &str) -> Vec<(PathBuf, String)> {
    let root = root();
    let mut files = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder is readable") {
            let path = entry.expect("the folder is readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("the file is readable");
                let path = path.strip_prefix(&root).expect("below the root").to_path_buf();
                files.push((path, text));
            }
        }
    }
    assert!(!files.is_empty(), "no Rust file below {folder}");
    files
}

/// Fails with every file for which `is_bad` holds.
fn check_files(folders: &[&str], rule: &str, is_bad: impl Fn(&Path, &str) -> bool) {
    let bad: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| rust_files(folder))
        .filter(|(path, text)| is_bad(path, text))
        .map(|(path, _)| path)
        .collect();
    assert!(bad.is_empty(), "{rule}: {bad:#?}");
}

fn is_test_file(path: &Path) -> bool {
    path.iter()
        .any(|part| part == "tests" || part == "tests.rs" || part == "testing")
}

/// The text above the inline tests.
fn production(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().unwrap_or_default()
}

#[test]
fn crates_depend_downwards_only() {
    for name in CRATES {
        let manifest = fs::read_to_string(root().join(name).join("Cargo.toml")).expect("a manifest");
        let dependencies = manifest
            .split("[dependencies]")
            .nth(1)
            .and_then(|rest| rest.split("\n[").next())
            .expect("a section of dependencies");
        for other in CRATES.iter().filter(|other| dependencies.contains(**other)) {
            let is_allowed = name == "moheng-cli" || (*other == "moheng-metrics" && name != "moheng-metrics");
            assert!(is_allowed, "{name} must not depend on {other}");
        }
    }
}

#[test]
fn files_are_opened_only_where_they_may_be() {
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    let opens = |text: &str| text.lines().filter(is_code).any(|line| line.contains("std::fs"));
    check_files(
        &["moheng-metrics/src", "moheng-promql/src", "moheng-tsdb/src"],
        "the file system belongs to moheng-tsdb/src/storage",
        |path, text| {
            !path.starts_with("moheng-tsdb/src/storage") && opens(production(text)) && !is_test_file(path)
        },
    );
}

#[test]
fn only_scraping_and_the_program_are_asynchronous() {
    check_files(
        &[
            "moheng-metrics/src",
            "moheng-promql/src",
            "moheng-tsdb/src",
            "moheng-collect/src",
        ],
        "tokio belongs to moheng-collect/src/scrape and moheng-cli",
        |path, text| !path.starts_with("moheng-collect/src/scrape") && text.contains("tokio::"),
    );
}

#[test]
fn domain_types_are_not_serialised() {
    check_files(
        &["moheng-metrics/src", "moheng-promql/src", "moheng-collect/src"],
        "serde belongs next to a wire or a file format",
        |path, text| {
            // The one file format of collectors that is JSON.
            let is_format = path.ends_with("moheng-collect/src/host/linux/recorded.rs");
            let has_serde = text.contains("serde::")
                || text.contains("derive(Serialize")
                || text.contains("derive(Deserialize");
            has_serde && !is_format
        },
    );
}

#[test]
fn every_file_says_what_it_is_and_stays_short() {
    let folders: Vec<String> = CRATES.iter().map(|name| format!("{name}/src")).collect();
    let mut folders: Vec<&str> = folders.iter().map(String::as_str).collect();
    check_files(&folders, "too long, look for a missing noun", |path, text| {
        !is_test_file(path) && production(text).lines().count() > MAX_FILE_LINES
    });
    folders.extend(["benches", "fuzz/fuzz_targets"]);
    check_files(&folders, "starts with a line of documentation", |_, text| {
        !text.starts_with("//!")
    });
}

#[test]
fn nothing_is_left_for_later_or_switched_off() {
    let words = [
        concat!("FIX", "ME"),
        concat!("TO", "DO"),
        concat!("#[ig", "nore"),
        concat!("unim", "plemented!"),
    ];
    for name in CRATES {
        check_files(&[name], "do it now, or refuse it with a message", |_, text| {
            words.iter().any(|word| text.contains(word))
        });
    }
}

#[test]
fn every_fuzz_target_is_built() {
    let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).expect("a manifest");
    for (path, _) in rust_files("fuzz/fuzz_targets") {
        let name = path
            .file_stem()
            .expect("a file name")
            .to_string_lossy()
            .into_owned();
        assert!(
            manifest.contains(&format!("name = \"{name}\"")),
            "{name} is not in fuzz/Cargo.toml"
        );
    }
}
