//! For fuzz targets.

/// Runs every parser of the kernel's files over `content`. Must not panic.
pub fn parse_host_files(content: &[u8]) {
    crate::proc::parse_all(content);
}
