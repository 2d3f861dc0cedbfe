//! `/proc/pressure/*` (since Linux 4.20): time lost to a shortage.

use super::MalformedFile;
use super::scan::{decimal, expected, fields, lines};

/// Microseconds in which some, and in which all, tasks that were not idle had to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pressure {
    pub(crate) some_micros: Option<u64>,
    pub(crate) full_micros: Option<u64>,
}

pub(crate) fn parse(content: &[u8]) -> Result<Pressure, MalformedFile> {
    let mut pressure = Pressure::default();
    for (number, line) in lines(content) {
        let mut fields = fields(line);
        let target = match fields.next() {
            Some(b"some") => &mut pressure.some_micros,
            Some(b"full") => &mut pressure.full_micros,
            _ => continue,
        };
        let total = fields.find_map(|field| field.strip_prefix(b"total="));
        let micros = total.and_then(decimal);
        *target = Some(micros.ok_or_else(|| expected("total=MICROSECONDS", total, number))?);
    }
    Ok(pressure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals() {
        let content = b"some avg10=0.10 avg60=2.00 avg300=3.85 total=15\nfull avg10=0.20 avg60=3.00 avg300=0.95 total=8\n";
        let pressure = parse(content).unwrap();
        assert_eq!((pressure.some_micros, pressure.full_micros), (Some(15), Some(8)));
        assert_eq!(parse(b"full avg10=0.2\n").unwrap_err().line, 1);
    }
}
