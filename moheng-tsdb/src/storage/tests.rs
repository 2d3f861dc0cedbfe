//! What every [`Directory`] does alike, and what only the memory one can show.

use super::*;

fn check(directory: &dyn Directory) {
    let file = directory.open("a", OpenMode::Create).unwrap();
    file.append(b"hello ").unwrap();
    file.append(b"world").unwrap();
    assert_eq!(file.size_bytes().unwrap(), 11);
    assert_eq!(
        directory.open("a", OpenMode::Create).unwrap_err().kind(),
        io::ErrorKind::AlreadyExists
    );
    assert_eq!(
        directory.open("b", OpenMode::Read).unwrap_err().kind(),
        io::ErrorKind::NotFound
    );
    let mut buffer = [0; 5];
    let reader = directory.open("a", OpenMode::Read).unwrap();
    assert_eq!(reader.read_at(&mut buffer, 6).unwrap(), 5);
    assert_eq!(&buffer, b"world");
    assert_eq!(reader.read_at(&mut buffer, 11).unwrap(), 0);
    assert!(reader.append(b"x").is_err());

    let again = directory.open("a", OpenMode::Append).unwrap();
    again.truncate(5).unwrap();
    again.append(b"!").unwrap();
    again.sync().unwrap();
    assert_eq!(read_to_end(directory, "a", 100).unwrap(), b"hello!");
    assert!(read_to_end(directory, "a", 5).is_err());

    directory.create_directory("d").unwrap();
    directory.create_directory("d").unwrap();
    directory.rename("a", "d/b").unwrap();
    write_atomically(directory, "d/c", b"1").unwrap();
    write_atomically(directory, "d/c", b"22").unwrap();
    let names = |path| -> Vec<(String, bool, u64)> {
        directory
            .list(path)
            .unwrap()
            .into_iter()
            .map(|entry| (entry.name, entry.is_directory, entry.size_bytes))
            .collect()
    };
    assert_eq!(names(""), [("d".to_owned(), true, 0)]);
    assert_eq!(
        names("d"),
        [("b".to_owned(), false, 6), ("c".to_owned(), false, 2)]
    );
    assert_eq!(
        directory.remove("d").unwrap_err().kind(),
        io::ErrorKind::DirectoryNotEmpty
    );
    directory.remove("d/b").unwrap();
    directory.remove("d/c").unwrap();
    directory.remove("d").unwrap();
    assert_eq!(directory.remove("d").unwrap_err().kind(), io::ErrorKind::NotFound);
    assert_eq!(list_or_empty(directory, "d").unwrap(), []);

    let lock = directory.open("lock", OpenMode::Lock).unwrap();
    assert_eq!(
        directory.open("lock", OpenMode::Lock).unwrap_err().kind(),
        io::ErrorKind::WouldBlock
    );
    drop(lock);
    directory.open("lock", OpenMode::Lock).unwrap();
    for path in ["../x", "/x", "a/../b", "a//b", "."] {
        assert_eq!(
            directory.open(path, OpenMode::Read).unwrap_err().kind(),
            io::ErrorKind::InvalidInput,
            "{path}"
        );
    }
}

#[test]
fn memory_directory_behaves() {
    check(&MemoryDirectory::new());
}

#[test]
fn real_directory_behaves() {
    let root = tempfile::tempdir().unwrap();
    check(&RealDirectory::create(root.path().join("x/y")).unwrap());
    assert!(RealDirectory::open(root.path().join("none")).is_err());
}

#[test]
fn fault_directory_behaves_without_a_fault() {
    let directory = FaultDirectory::new(Arc::new(MemoryDirectory::new()));
    check(&directory);
    assert!(directory.operations() > 20);
    assert_eq!(directory.fired(), 0);
}

#[test]
fn a_power_cut_leaves_what_was_synced() {
    let directory = MemoryDirectory::new();
    directory.create_directory("d").unwrap();
    let file = directory.open("d/f", OpenMode::Create).unwrap();
    file.append(b"12345678").unwrap();
    file.sync().unwrap();
    directory.sync_directory("d").unwrap();
    assert!(
        directory.after_power_cut(|_| 0).list("d").is_err(),
        "d itself was not synced"
    );
    directory.sync_directory("").unwrap();
    file.append(b"abcd").unwrap();
    let left = |keep: usize| read_to_end(&directory.after_power_cut(|_| keep), "d/f", 100).unwrap();
    assert_eq!(left(0), b"12345678");
    assert_eq!(left(3), b"12345678abc");
    file.truncate(2).unwrap();
    assert_eq!(left(9), b"12345678", "an unsynced cut is undone");
    file.append(b"x").unwrap();
    file.sync().unwrap();
    assert_eq!(left(0), b"12x");
    directory.remove("d/f").unwrap();
    assert_eq!(left(0), b"12x", "an unsynced removal is undone");
    directory.sync_directory("d").unwrap();
    assert_eq!(directory.after_power_cut(|_| 0).list("d").unwrap(), []);
    assert!(directory.after_process_crash().list("d").unwrap().is_empty());
}

#[test]
fn faults_fire_where_told() {
    let memory = MemoryDirectory::new();
    let directory = FaultDirectory::new(Arc::new(memory.clone()));
    directory.fail_at(1, Fault::Io, false);
    let file = directory.open("a", OpenMode::Create).unwrap();
    assert!(file.append(b"1234").is_err());
    assert_eq!(file.size_bytes().unwrap(), 2, "half of the write arrived");
    file.append(b"56").unwrap();
    directory.fail_at(0, Fault::Full, true);
    file.sync().unwrap();
    assert_eq!(file.append(b"7").unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert!(directory.create_directory("d").is_err());
    directory.heal();
    file.append(b"8").unwrap();
    assert_eq!(directory.fired(), 3);
}
