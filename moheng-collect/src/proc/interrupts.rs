//! `/proc/interrupts` and `/proc/softirqs`: counts by kind and CPU.

use super::MalformedFile;
use super::scan::{decimal, expected, fields, lines, split_once};

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Interrupts<'a> {
    /// The CPUs, as the columns name them without `CPU`.
    pub(crate) cpus: Vec<&'a [u8]>,
    pub(crate) kinds: Vec<Kind<'a>>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind<'a> {
    pub(crate) name: &'a [u8],
    /// By CPU.
    pub(crate) counts: Vec<u64>,
    /// What is behind the counts, in words.
    pub(crate) words: Vec<&'a [u8]>,
}

/// Lines without a count for each CPU, such as those of errors, are left out.
pub(crate) fn parse(content: &[u8]) -> Result<Interrupts<'_>, MalformedFile> {
    let mut lines = lines(content);
    let (number, header) = lines
        .next()
        .ok_or_else(|| MalformedFile::whole("a line that names the CPUs expected"))?;
    let cpus: Vec<&[u8]> = fields(header)
        .map(|field| {
            field
                .strip_prefix(b"CPU")
                .ok_or_else(|| expected("\"CPU\"", Some(field), number))
        })
        .collect::<Result<_, _>>()?;
    let mut kinds = Vec::new();
    for (number, line) in lines {
        let (name, rest) = split_once(line, b':').ok_or_else(|| expected("a colon", Some(line), number))?;
        let mut rest = fields(rest);
        let counts: Vec<u64> = rest.by_ref().take(cpus.len()).map_while(decimal).collect();
        if counts.len() == cpus.len() {
            kinds.push(Kind {
                name: name.trim_ascii(),
                counts,
                words: rest.collect(),
            });
        }
    }
    Ok(Interrupts { cpus, kinds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_words() {
        let content =
            b"      CPU0  CPU2\n  9:  1  2  IO-APIC   9-fasteoi acpi\nNMI: 3 4 Non-maskable\nERR: 0\n";
        let interrupts = parse(content).unwrap();
        assert_eq!(interrupts.cpus, [b"0", b"2"]);
        assert_eq!(interrupts.kinds.len(), 2);
        assert_eq!(
            (interrupts.kinds[0].name, &*interrupts.kinds[0].counts),
            (&b"9"[..], &[1, 2][..])
        );
        assert_eq!(interrupts.kinds[0].words.len(), 3);
        assert!(parse(b"").is_err());
        assert!(parse(b"CPU0\nNMI 1\n").is_err());
        assert!(parse(b"0\n").is_err());
    }
}
