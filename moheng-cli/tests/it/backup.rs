//! `backup create`, `list` and `restore`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Server, directory, moheng};

fn text(path: &Path) -> &str {
    path.to_str().expect("the path is text")
}

/// The one backup below `folder`.
fn only_backup(folder: &Path) -> PathBuf {
    let mut entries = fs::read_dir(folder).expect("the folder exists");
    let entry = entries
        .next()
        .expect("there is a backup")
        .expect("it can be read");
    assert!(entries.next().is_none(), "nothing else is left behind");
    entry.path()
}

fn query(data: &Path, expression: &str) -> String {
    moheng(&["query", "--data-dir", text(data), expression]).success()
}

#[test]
fn a_backup_of_a_running_server_can_be_restored() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &["--web.enable-admin-api"]);
    let backups = directory.path().join("backups");
    let restored = directory.path().join("restored");
    moheng(&[
        "backup",
        "create",
        "--server",
        &server.url(),
        "--to",
        text(&backups),
    ])
    .success();
    let listed = moheng(&["backup", "list", "--from", text(&backups)]).success();
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(listed.contains("complete"), "{listed}");
    moheng(&[
        "backup",
        "restore",
        "--from",
        text(&backups),
        "--to",
        text(&restored),
    ])
    .success();
    let expression = "sum by (code) (last_over_time(test_requests_total[1h]))";
    assert_eq!(
        query(&restored, expression),
        "code  value\n200      10\n500     2.5\n"
    );
}

#[test]
fn a_backup_of_a_directory_in_use_can_be_restored() {
    let directory = directory();
    let _server = Server::scraping(directory.path(), &[]);
    let data = directory.path().join("data");
    let backups = directory.path().join("backups");
    let restored = directory.path().join("restored");
    moheng(&[
        "backup",
        "create",
        "--data-dir",
        text(&data),
        "--to",
        text(&backups),
    ])
    .success();
    let backup = only_backup(&backups);
    let id = backup.file_name().and_then(|name| name.to_str()).expect("a name");
    moheng(&[
        "backup",
        "restore",
        "--from",
        text(&backups),
        "--id",
        id,
        "--to",
        text(&restored),
    ])
    .success();
    assert_eq!(
        query(&restored, "count(last_over_time(test_special[1h]))"),
        "value\n    3\n"
    );
}

#[test]
fn damage_and_mistakes_are_refused() {
    let directory = directory();
    let _server = Server::scraping(directory.path(), &[]);
    let data = directory.path().join("data");
    let backups = directory.path().join("backups");
    moheng(&[
        "backup",
        "create",
        "--data-dir",
        text(&data),
        "--to",
        text(&backups),
    ])
    .success();

    let occupied = directory.path().join("occupied");
    fs::create_dir(&occupied).expect("a folder can be made");
    fs::write(occupied.join("x"), "x").expect("a file can be made");
    let restore = |to: &Path| moheng(&["backup", "restore", "--from", text(&backups), "--to", text(to)]);
    let finished = restore(&occupied);
    assert_eq!(finished.code, Some(1));
    assert!(finished.stderr.contains("not empty"), "{}", finished.stderr);

    let backup = only_backup(&backups);
    let segment = fs::read_dir(backup.join("wal"))
        .expect("the backup has a WAL")
        .map(|entry| entry.expect("it can be read").path())
        .find(|path| path.metadata().is_ok_and(|metadata| metadata.len() > 100))
        .expect("a segment has content");
    let mut bytes = fs::read(&segment).expect("the segment can be read");
    bytes[50] ^= 1;
    fs::write(&segment, bytes).expect("the segment can be written");
    let empty = directory.path().join("empty");
    let finished = restore(&empty);
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    assert!(!empty.exists() || fs::read_dir(&empty).is_ok_and(|mut entries| entries.next().is_none()));

    let finished = moheng(&["backup", "list", "--from", "/does/not/exist"]);
    assert_eq!(finished.code, Some(1));
    let finished = moheng(&[
        "backup",
        "restore",
        "--from",
        text(&occupied),
        "--to",
        text(&empty),
    ]);
    assert_eq!(finished.code, Some(1));
}

#[test]
fn a_server_without_the_admin_api_refuses() {
    let directory = directory();
    let server = Server::scraping(directory.path(), &[]);
    let backups = directory.path().join("backups");
    let finished = moheng(&[
        "backup",
        "create",
        "--server",
        &server.url(),
        "--to",
        text(&backups),
    ]);
    assert_eq!(finished.code, Some(1));
    assert!(
        finished.stderr.contains("--web.enable-admin-api"),
        "{}",
        finished.stderr
    );
    let left = fs::read_dir(&backups).map(Iterator::count).unwrap_or_default();
    assert_eq!(left, 0);
}
