//! Builds Node Exporter's fixture tree: plain files, and archives in the text format `ttar`.

#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// Copies `source` with everything below it.
pub(crate) fn copy_tree(source: &Path, target: &Path) {
    fs::create_dir_all(target).unwrap();
    for entry in fs::read_dir(source).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), target.join(entry.file_name()));
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy_tree(&from, &to);
        } else if kind.is_symlink() {
            symlink(fs::read_link(&from).unwrap(), &to).unwrap();
        } else {
            fs::write(&to, fs::read(&from).unwrap()).unwrap();
        }
    }
}

/// Unpacks a `ttar` archive: blocks of `Directory:`, or `Path:` with `Lines:` or `SymlinkTo:`, then `Mode:`.
pub(crate) fn unpack(archive: &Path, target: &Path) {
    let archive = fs::read(archive).unwrap();
    let mut lines = archive.split(|&byte| byte == b'\n');
    let mut path = target.to_path_buf();
    while let Some(line) = lines.next() {
        let line = std::str::from_utf8(line).unwrap();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.split_once(": ").unwrap() {
            ("Directory", name) => {
                path = target.join(name);
                fs::create_dir_all(&path).unwrap();
            }
            ("Path", name) => path = target.join(name),
            ("SymlinkTo", name) => symlink(name, &path).unwrap(),
            ("Lines", count) => {
                let content: Vec<u8> = lines
                    .by_ref()
                    .take(count.parse().unwrap())
                    .flat_map(content_line)
                    .collect();
                fs::write(&path, content).unwrap();
            }
            ("Mode", mode) if path.is_file() && !path.is_symlink() => {
                let mode = u32::from_str_radix(mode, 8).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            }
            ("Mode", _) => {}
            (key, _) => panic!("unknown key {key}"),
        }
    }
}

/// `NULLBYTE` is a zero, `EOF` a line that does not end; a backslash takes their meaning away.
fn content_line(line: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    let mut rest = line;
    let mut ends = true;
    while !rest.is_empty() {
        let (bytes, length): (&[u8], _) = if rest.starts_with(b"\\NULLBYTE") {
            (b"NULLBYTE", 9)
        } else if rest.starts_with(b"\\EOF") {
            (b"EOF", 4)
        } else if rest.starts_with(b"NULLBYTE") {
            (b"\0", 8)
        } else if rest.starts_with(b"EOF") {
            ends = false;
            (b"", 3)
        } else {
            (&rest[..1], 1)
        };
        content.extend(bytes);
        rest = &rest[length..];
    }
    if ends {
        content.push(b'\n');
    }
    content
}

#[test]
fn archives_are_unpacked() {
    let directory = tempfile::tempdir().unwrap();
    let archive = directory.path().join("a.ttar");
    let content = "# comment\nDirectory: a/b\nMode: 755\nPath: a/b/c\nLines: 3\n# x\n\nNULLBYTE\\EOF EOF\nMode: 400\n\
                   Path: a/d\nSymlinkTo: b/c\n";
    fs::write(&archive, content).unwrap();
    unpack(&archive, directory.path());
    let file = directory.path().join("a/d");
    assert_eq!(fs::read(&file).unwrap(), b"# x\n\n\0EOF ");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o400);
}
