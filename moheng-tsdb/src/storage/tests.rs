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

    check_links(directory);
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

/// Second names lead to the same file, and a copy is made where there are none.
fn check_links(directory: &dyn Directory) {
    write_atomically(directory, "one", b"1234").unwrap();
    link_or_copy(directory, "one", "two").unwrap();
    directory.remove("one").unwrap();
    assert_eq!(read_to_end(directory, "two", 10).unwrap(), b"1234");
    directory.open("three", OpenMode::Create).unwrap();
    let kind = |outcome: io::Result<()>| outcome.unwrap_err().kind();
    assert_eq!(
        kind(link_or_copy(directory, "two", "three")),
        io::ErrorKind::AlreadyExists
    );
    assert_eq!(
        kind(link_or_copy(directory, "none", "four")),
        io::ErrorKind::NotFound
    );
    let reserve = directory.open("reserve", OpenMode::Create).unwrap();
    reserve.occupy(70_000).unwrap();
    assert_eq!(reserve.size_bytes().unwrap(), 70_000);
    for name in ["two", "three", "reserve"] {
        directory.remove(name).unwrap();
    }
}

/// What the defaults of the traits do, on a medium without second names.
#[derive(Debug)]
struct Plain(MemoryDirectory);

impl Directory for Plain {
    fn open(&self, path: &str, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        self.0.open(path, mode)
    }

    fn list(&self, path: &str) -> io::Result<Vec<Entry>> {
        self.0.list(path)
    }

    fn create_directory(&self, path: &str) -> io::Result<()> {
        self.0.create_directory(path)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.0.remove(path)
    }

    fn sync_directory(&self, path: &str) -> io::Result<()> {
        self.0.sync_directory(path)
    }
}

#[test]
fn what_a_medium_lacks_is_made_up_for() {
    let plain = Plain(MemoryDirectory::new());
    check(&plain);
    assert_eq!(plain.space().unwrap_err().kind(), io::ErrorKind::Unsupported);
}

#[test]
fn a_part_of_a_directory_behaves_and_does_not_lead_out() {
    let all = MemoryDirectory::new();
    all.create_directory("part").unwrap();
    check(&Subdirectory::new(Arc::new(all), "part").unwrap());
    check(&Subdirectory::new(Arc::new(MemoryDirectory::new()), "").unwrap());
    assert!(Subdirectory::new(Arc::new(MemoryDirectory::new()), "..").is_err());
}

#[test]
fn a_medium_has_room_until_it_is_full() {
    let memory = MemoryDirectory::new();
    assert_eq!(memory.space().unwrap_err().kind(), io::ErrorKind::Unsupported);
    memory.set_capacity(10);
    let file = memory.open("a", OpenMode::Create).unwrap();
    file.append(b"12345678").unwrap();
    memory.hard_link("a", "b").unwrap();
    let space = |free_bytes| Space {
        total_bytes: 10,
        free_bytes,
    };
    assert_eq!(memory.space().unwrap(), space(2));
    assert_eq!(
        file.append(b"9abc").unwrap_err().kind(),
        io::ErrorKind::StorageFull
    );
    assert_eq!(memory.space().unwrap(), space(0));
    file.truncate(4).unwrap();
    assert_eq!(memory.space().unwrap(), space(6));

    let directory = tempfile::tempdir().unwrap();
    let real = RealDirectory::open(directory.path()).unwrap().space().unwrap();
    assert!(real.total_bytes >= real.free_bytes && real.total_bytes > 0);
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

#[test]
fn some_of_what_was_not_synced_may_survive_in_any_order() {
    let directory = MemoryDirectory::new();
    let file = directory.open("f", OpenMode::Create).unwrap();
    file.append(&[1; 700]).unwrap();
    file.sync().unwrap();
    directory.sync_directory("").unwrap();
    file.append(&[2; 2000]).unwrap();
    directory.open("new", OpenMode::Create).unwrap();
    directory.rename("new", "newer").unwrap();
    let (mut sizes, mut torn, mut names) = (Vec::new(), 0, std::collections::BTreeSet::new());
    let mut state = 1_u64;
    for _ in 0..300 {
        let left = directory.after_torn_power_cut(|limit| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % limit
        });
        let content = read_to_end(&left, "f", 10_000).unwrap();
        assert_eq!(content[..700], [1; 700], "what was synced stays");
        assert!(content[700..].iter().all(|byte| [0, 2].contains(byte)));
        torn += usize::from(content[700..].contains(&0) && content.ends_with(&[2]));
        sizes.push(content.len());
        let left: Vec<String> = left
            .list("")
            .unwrap()
            .into_iter()
            .map(|entry| entry.name)
            .collect();
        names.insert(left.join(" "));
    }
    assert!(sizes.contains(&700) && sizes.contains(&2700) && sizes.iter().any(|size| size % 512 == 0));
    assert!(torn > 10, "a later sector may arrive without an earlier one");
    let expected = ["f", "f new", "f newer"];
    assert_eq!(names.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn a_move_between_directories_never_loses_the_file() {
    let directory = MemoryDirectory::new();
    for path in ["a", "b"] {
        directory.create_directory(path).unwrap();
    }
    let file = directory.open("a/f", OpenMode::Create).unwrap();
    file.append(b"x").unwrap();
    file.sync().unwrap();
    directory.sync_directory("a").unwrap();
    directory.sync_directory("").unwrap();
    directory.rename("a/f", "b/f").unwrap();
    let paths = |directory: &MemoryDirectory| -> Vec<String> {
        let left = directory.after_power_cut(|_| 0).files();
        left.into_iter().map(|(path, _)| path).collect()
    };
    assert_eq!(paths(&directory), ["a/f"]);
    directory.sync_directory("b").unwrap();
    assert_eq!(
        paths(&directory),
        ["a/f", "b/f"],
        "until its old directory is synced"
    );
    directory.sync_directory("a").unwrap();
    assert_eq!(paths(&directory), ["b/f"]);
}

#[test]
fn flipped_bits_are_read_and_last() {
    let directory = MemoryDirectory::new();
    let file = directory.open("f", OpenMode::Create).unwrap();
    file.append(b"aa").unwrap();
    file.sync().unwrap();
    directory.sync_directory("").unwrap();
    directory.flip_bit("f", 8);
    directory.flip_bit("f", 16);
    directory.flip_bit("none", 0);
    assert_eq!(read_to_end(&directory, "f", 9).unwrap(), b"a`");
    assert_eq!(
        read_to_end(&directory.after_power_cut(|_| 0), "f", 9).unwrap(),
        b"a`"
    );
}

#[test]
fn faults_say_how_much_of_a_write_arrives_and_how_long_they_last() {
    let memory = MemoryDirectory::new();
    let directory = FaultDirectory::new(Arc::new(memory.clone()));
    let file = directory.open("a", OpenMode::Create).unwrap();
    let inject = |fault, count, written_percent| {
        let at = directory.operations();
        directory.inject(Injection {
            at,
            fault,
            count,
            written_percent,
        });
    };
    inject(Fault::Io, 2, 100);
    assert!(file.append(b"1234").is_err() && file.append(b"56").is_err());
    file.append(b"7").unwrap();
    assert_eq!(read_to_end(&memory, "a", 9).unwrap(), b"1234567");
    inject(Fault::Io, 1, 100);
    assert!(directory.sync_directory("").is_err() && memory.after_power_cut(|_| 0).files().len() == 1);
    inject(Fault::ShortRead, u64::MAX, 0);
    let beside = directory.beside(Arc::new(memory));
    assert_eq!(read_to_end(&beside, "a", 9).unwrap(), b"1234567");
    assert_eq!(directory.fired(), 3);
    inject(Fault::Crash, 1, 0);
    assert!(!directory.is_crashed());
    assert!(beside.list("").is_err() && directory.list("").is_err() && directory.is_crashed());
}
