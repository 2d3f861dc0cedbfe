//! `/proc/cgroups`: the controllers of control groups.

use super::MalformedFile;
use super::scan::{expect_decimal, fields, lines};

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Controller<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) groups: u64,
    pub(crate) is_enabled: bool,
}

pub(crate) fn parse(content: &[u8]) -> Result<Vec<Controller<'_>>, MalformedFile> {
    lines(content)
        .filter(|(_, line)| !line.starts_with(b"#"))
        .map(|(number, line)| {
            let mut fields = fields(line);
            let name = fields.next().unwrap_or_default();
            expect_decimal(fields.next(), number, "the number of a hierarchy")?;
            Ok(Controller {
                name,
                groups: expect_decimal(fields.next(), number, "a number of groups")?,
                is_enabled: expect_decimal(fields.next(), number, "0 or 1")? != 0,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controllers() {
        let content = b"#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t3\t172\t1\nrdma\t4\t1\t0";
        let controllers = parse(content).unwrap();
        assert_eq!((controllers[0].name, controllers[0].groups), (&b"cpu"[..], 172));
        assert!(controllers[0].is_enabled && !controllers[1].is_enabled);
        assert_eq!(parse(b"cpu 1 2\n").unwrap_err().line, 1);
    }
}
