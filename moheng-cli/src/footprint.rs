//! What keeps a program small that does little: an exporter sits on every machine of a fleet.
#![expect(
    unsafe_code,
    reason = "no safe library speaks to the allocator or advises the kernel"
)]

use std::ffi::c_int;
use std::ops::Range;

use libmimalloc_sys::{mi_collect, mi_option_set};

/// How long the allocator keeps what was freed, in milliseconds. Its options are numbered for good, but not all have names.
const PURGE_DELAY: c_int = 15;

/// Allows huge pages for what is allocated from now on, which pays for a server with much memory. Without them from before
/// `main`, the allocator holds four megabytes less.
///
/// Where the kernel refuses that, or knows no huge pages, memory or time is all it costs.
pub(crate) fn allow_huge_pages() {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(false);
}

/// Gives freed memory back to the system at once from now on, and what was freed so far, such as all about other commands.
/// To be called before there are threads.
pub(crate) fn return_freed_memory() {
    // SAFETY: both take plain numbers. Options must not change while other threads look at them, and there are none yet.
    unsafe {
        mi_option_set(PURGE_DELAY, 0);
        mi_collect(true);
    }
}

/// Forgets the pages of this program and its libraries that are as they are on disk. What is needed comes back from the
/// kernel's cache as it is used; what only the start needed does not.
pub(crate) fn forget_unused_code() {
    #[cfg(target_os = "linux")]
    for pages in unchanged_files(&std::fs::read_to_string("/proc/self/smaps").unwrap_or_default()) {
        let start = std::ptr::without_provenance_mut(pages.start);
        // SAFETY: the pages are a private mapping of a file that cannot be written to and never was: what is read from
        // them is what the file says, before and after, exactly as when the kernel takes them back by itself.
        let _ = unsafe { rustix::mm::madvise(start, pages.len(), rustix::mm::Advice::LinuxDontNeed) };
    }
}

/// The mappings of files in `/proc/PID/smaps` that are private, read-only, and never were written to.
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "only Linux has that file")
)]
fn unchanged_files(smaps: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut candidate = None;
    for line in smaps.lines() {
        if let Some(mapping) = Mapping::parse(line) {
            candidate = mapping.is_read_only_file.then_some(mapping.addresses);
        } else if let Some(changed) = line.strip_prefix("Anonymous:") {
            let addresses = candidate.take();
            found.extend(addresses.filter(|_| changed.trim() == "0 kB"));
        }
    }
    found
}

/// The first line about a mapping.
struct Mapping {
    addresses: Range<usize>,
    is_read_only_file: bool,
}

impl Mapping {
    /// `START-END rwxp OFFSET DEVICE INODE PATH`; nothing for any other line.
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let address = |text: &str| usize::from_str_radix(text, 16).ok();
        let (permissions, path) = (words.next()?, words.nth(3).unwrap_or_default());
        Some(Self {
            addresses: address(start)?..address(end)?,
            is_read_only_file: path.starts_with('/')
                && permissions.ends_with('p')
                && !permissions.contains('w'),
        })
    }
}

/// Runs before `main` and before the allocator is asked for anything.
#[cfg(target_os = "linux")]
#[used]
// SAFETY: the section holds addresses of functions that the C library calls one after another.
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn() = refuse_huge_pages;

#[cfg(target_os = "linux")]
extern "C" fn refuse_huge_pages() {
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

#[cfg(test)]
mod tests {
    use libmimalloc_sys::mi_option_get;

    use super::*;

    #[test]
    fn only_files_that_are_as_on_disk() {
        let smaps = "\
1000-3000 r--p 00000000 fe:00 1 /bin/a b\nSize: 8 kB\nAnonymous:             0 kB\nVmFlags: rd\n\
3000-4000 r-xp 00002000 fe:00 1                          /bin/a (deleted)\nAnonymous: 0 kB\n\
4000-5000 r--p 00003000 fe:00 1 /bin/a\nAnonymous:             4 kB\n\
5000-6000 rw-p 00004000 fe:00 1 /bin/a\nAnonymous:             0 kB\n\
6000-7000 r--s 00000000 fe:00 2 /bin/b\nAnonymous:             0 kB\n\
7000-8000 r-xp 00000000 00:00 0 [vdso]\nAnonymous:             0 kB\n\
8000-9000 r--p 00000000 00:00 0\nAnonymous:             0 kB\n\
9000-a000 r--p 00000000 fe:00 1 /bin/a\n\
x-y r--p 00000000 fe:00 1 /bin/a\nAnonymous: 0 kB\nAnonymous: 0 kB\n";
        assert_eq!(
            unchanged_files(smaps),
            [0x1000..0x3000, 0x3000..0x4000, 0x9000..0xa000]
        );
        assert!(unchanged_files("x").is_empty());
    }

    #[test]
    fn code_comes_back_when_it_is_called() {
        let here = code_comes_back_when_it_is_called as fn() as usize;
        let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        assert!(unchanged_files(&smaps).iter().any(|pages| pages.contains(&here)));
        forget_unused_code();
        return_freed_memory();
        assert_eq!("12".parse(), Ok(12));
    }

    #[test]
    fn the_number_is_that_of_the_option() {
        // SAFETY: both take plain numbers.
        let neighbours = unsafe { (mi_option_get(PURGE_DELAY - 1), mi_option_get(PURGE_DELAY + 1)) };
        assert_eq!(neighbours, (1, 0), "eager commit, and no given number of nodes");
    }
}
