//! `/proc/cpuinfo` as x86 writes it. Other architectures leave most fields out.

use super::MalformedFile;
use super::scan::{lines, split_once, text};

/// One logical CPU; what the file does not say is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CpuInfo {
    pub(crate) processor: String,
    pub(crate) vendor: String,
    pub(crate) family: String,
    pub(crate) model: String,
    pub(crate) model_name: String,
    pub(crate) stepping: String,
    pub(crate) microcode: String,
    pub(crate) cache_size: String,
    pub(crate) package: String,
    pub(crate) core: String,
    pub(crate) megahertz: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cpuinfo {
    pub(crate) cpus: Vec<CpuInfo>,
    /// Of the first CPU.
    pub(crate) flags: Vec<String>,
    /// Of the first CPU.
    pub(crate) bugs: Vec<String>,
}

pub(crate) fn parse(content: &[u8]) -> Result<Cpuinfo, MalformedFile> {
    let mut parsed = Cpuinfo::default();
    for (line_number, line) in lines(content) {
        let Some((key, value)) = split_once(line, b':') else {
            return Err(MalformedFile::new(line_number, "KEY : VALUE expected"));
        };
        let value = text(value.trim_ascii());
        let key = key.trim_ascii();
        if key == b"processor" {
            parsed.cpus.push(CpuInfo {
                processor: value.into_owned(),
                ..CpuInfo::default()
            });
            continue;
        }
        let is_first = parsed.cpus.len() == 1;
        // Lines before the first CPU and after the last one (ARM) describe the machine.
        let Some(cpu) = parsed.cpus.last_mut() else {
            continue;
        };
        let target = match key {
            b"vendor_id" => &mut cpu.vendor,
            b"cpu family" => &mut cpu.family,
            b"model" => &mut cpu.model,
            b"model name" => &mut cpu.model_name,
            b"stepping" => &mut cpu.stepping,
            b"microcode" => &mut cpu.microcode,
            b"cache size" => &mut cpu.cache_size,
            b"physical id" => &mut cpu.package,
            b"core id" => &mut cpu.core,
            b"cpu MHz" => {
                cpu.megahertz = value.parse().ok();
                continue;
            }
            b"flags" if is_first => {
                parsed.flags = words(&value);
                continue;
            }
            b"bugs" if is_first => {
                parsed.bugs = words(&value);
                continue;
            }
            _ => continue,
        };
        *target = value.into_owned();
    }
    Ok(parsed)
}

fn words(value: &str) -> Vec<String> {
    value.split_ascii_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_cpus() {
        let content = b"processor\t: 0\nmodel name\t: A: CPU\nflags\t\t: aes sse\nbugs\t\t:\ncpu MHz\t: 799.998\n\nprocessor\t: 1\nphysical id\t: 2\nflags\t\t: other\n";
        let parsed = parse(content).unwrap();
        assert_eq!(parsed.flags, ["aes", "sse"]);
        assert!(parsed.bugs.is_empty());
        assert_eq!(parsed.cpus[0].model_name, "A: CPU");
        assert_eq!(parsed.cpus[0].megahertz, Some(799.998));
        assert_eq!(
            (parsed.cpus[1].processor.as_str(), parsed.cpus[1].package.as_str()),
            ("1", "2")
        );
        assert_eq!(parse(b"processor 0").unwrap_err().line, 1);
    }
}
