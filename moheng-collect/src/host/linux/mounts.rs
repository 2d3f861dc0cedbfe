//! The mounts of the host.

use crate::CollectError;
use crate::files::Folder;

/// The file and what it says. The mounts of the first process are those of the host, where this process may see it.
pub(super) fn read(proc: &Folder) -> Result<(&'static str, Vec<u8>), CollectError> {
    let (first, own) = ("1/mountinfo", "self/mountinfo");
    match proc.read(first) {
        Err(error) if error.is_no_data() => Ok((own, proc.read(own)?)),
        result => Ok((first, result?)),
    }
}

/// The mount point as the host names it: without `root`, which has no slash at its end.
pub(super) fn strip_root<'a>(mount_point: &'a [u8], root: &[u8]) -> &'a [u8] {
    match mount_point.strip_prefix(root) {
        Some(b"") => b"/",
        Some(rest) if rest.starts_with(b"/") => rest,
        _ => mount_point,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_whole_directories() {
        #[track_caller]
        fn check(mount_point: &str, root: &str, expected: &str) {
            assert_eq!(
                strip_root(mount_point.as_bytes(), root.as_bytes()),
                expected.as_bytes()
            );
        }
        check("/", "", "/");
        check("/boot", "", "/boot");
        check("/host", "/host", "/");
        check("/host/boot", "/host", "/boot");
        check("/hostile", "/host", "/hostile");
        check("/", "/host", "/");
    }
}
