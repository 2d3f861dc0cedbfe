//! `/proc/diskstats`: one line per block device.

use super::MalformedFile;
use super::scan::{decimal, expect_decimal, expected, fields, lines};

/// Columns of a line: 11 (since Linux 2.6), 15 with discards (4.18), 17 with flushes (5.5).
pub(crate) const DISK_COLUMNS: usize = 17;
/// Partitions of early 2.6 kernels have only 4, which mean something else.
const COLUMNS_MIN: usize = 11;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Disk<'a> {
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) device: &'a [u8],
    columns: [u64; DISK_COLUMNS],
    column_count: usize,
}

impl Disk<'_> {
    /// As many columns as the kernel wrote.
    pub(crate) fn columns(&self) -> &[u64] {
        &self.columns[..self.column_count]
    }
}

pub(crate) fn parse(content: &[u8]) -> Result<Vec<Disk<'_>>, MalformedFile> {
    let mut disks = Vec::new();
    for (line_number, line) in lines(content) {
        let mut fields = fields(line);
        let major = expect_decimal(fields.next(), line_number, "a major device number")? as u32;
        let minor = expect_decimal(fields.next(), line_number, "a minor device number")? as u32;
        let device = fields
            .next()
            .ok_or_else(|| expected("a device name", None, line_number))?;
        let mut columns = [0; DISK_COLUMNS];
        let mut column_count = 0;
        for (column, field) in columns.iter_mut().zip(fields) {
            *column =
                decimal(field).ok_or_else(|| expected("a count of the disk", Some(field), line_number))?;
            column_count += 1;
        }
        if column_count >= COLUMNS_MIN {
            disks.push(Disk {
                major,
                minor,
                device,
                columns,
                column_count,
            });
        }
    }
    Ok(disks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_all_kernels() {
        let content = b" 8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n 8 1 sda1 1 2 3 4\n 8 16 sdb 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18\n";
        let disks = parse(content).unwrap();
        let counts: Vec<_> = disks
            .iter()
            .map(|disk| (disk.device, disk.minor, disk.columns().len()))
            .collect();
        assert_eq!(counts, [(&b"sda"[..], 0, 11), (&b"sdb"[..], 16, 17)]);
        assert_eq!(disks[1].columns()[16], 17);
        for wrong in ["8", "8 0", "x 0 sda", "8 0 sda 1 2 x"] {
            assert!(parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
