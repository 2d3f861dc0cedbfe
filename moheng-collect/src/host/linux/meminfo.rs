//! Collector `meminfo`: every field of `/proc/meminfo`.

use moheng_metrics::MetricFamily;

use super::families::gauge_of;
use super::function::Roots;
use crate::CollectError;
use crate::proc::{meminfo, text};

pub(super) const NAME: &str = "meminfo";

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let content = roots.proc.read("meminfo")?;
    let memory = meminfo::parse(&content).map_err(|error| roots.proc.malformed("meminfo", error))?;
    for field in memory {
        let name = metric_name(&text(field.name), field.is_bytes);
        let help = if field.is_bytes {
            "Memory as /proc/meminfo states it, in bytes."
        } else {
            "A count that /proc/meminfo states."
        };
        out.push(gauge_of(&name, help, field.value as f64));
    }
    Ok(())
}

/// `Active(anon)` becomes `Active_anon`.
pub(super) fn snake(field: &str) -> String {
    let letters = field.chars().filter(|character| *character != ')');
    letters
        .map(|character| {
            if character.is_ascii_alphanumeric() {
                character
            } else {
                '_'
            }
        })
        .collect()
}

fn metric_name(field: &str, is_bytes: bool) -> String {
    let unit = if is_bytes { "_bytes" } else { "" };
    format!("node_memory_{}{unit}", snake(field))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(metric_name("Active(anon)", true), "node_memory_Active_anon_bytes");
        assert_eq!(
            metric_name("HugePages_Total", false),
            "node_memory_HugePages_Total"
        );
        assert_eq!(metric_name("a b", false), "node_memory_a_b");
    }
}
