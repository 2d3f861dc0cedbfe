//! Collector `xfrm`: packets that transformations, such as encryption, dropped.

use moheng_metrics::MetricFamily;

use super::families::counter_of;
use super::function::Roots;
use crate::CollectError;
use crate::proc::{key_value, text};

pub(super) const NAME: &str = "xfrm";

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let file = "net/xfrm_stat";
    let content = roots.proc.read(file)?;
    let counts = key_value::parse(&content).map_err(|error| roots.proc.malformed(file, error))?;
    for (name, count) in counts {
        let name = metric_name(&text(name));
        out.push(counter_of(&name, "Packets that IPsec dropped, by why.", count));
    }
    Ok(())
}

/// `XfrmInHdrError` becomes `node_xfrm_in_hdr_error_packets_total`.
fn metric_name(field: &str) -> String {
    let mut name = String::from("node_xfrm");
    for character in field.strip_prefix("Xfrm").unwrap_or(field).chars() {
        if character.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(if character.is_ascii_alphanumeric() {
            character.to_ascii_lowercase()
        } else {
            '_'
        });
    }
    name + "_packets_total"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(
            metric_name("XfrmInHdrError"),
            "node_xfrm_in_hdr_error_packets_total"
        );
    }
}
