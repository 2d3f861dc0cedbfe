//! Collector `os`: which distribution runs.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use moheng_metrics::MetricFamily;

use super::families::{append, gauge, push};
use super::function::Roots;
use crate::CollectError;
use crate::proc::os_release;

pub(super) const NAME: &str = "os";

/// Label and variable, ascending by label.
const LABELS: [(&str, &str); 12] = [
    ("build_id", "BUILD_ID"),
    ("id", "ID"),
    ("id_like", "ID_LIKE"),
    ("image_id", "IMAGE_ID"),
    ("image_version", "IMAGE_VERSION"),
    ("name", "NAME"),
    ("pretty_name", "PRETTY_NAME"),
    ("variant", "VARIANT"),
    ("variant_id", "VARIANT_ID"),
    ("version", "VERSION"),
    ("version_codename", "VERSION_CODENAME"),
    ("version_id", "VERSION_ID"),
];

pub(super) fn collect(roots: &Roots, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
    let content = match roots.root_fs.read("etc/os-release") {
        Err(error) if error.is_no_data() => roots.root_fs.read("usr/lib/os-release")?,
        result => result?,
    };
    let release = os_release::parse(&content);
    let mut info = gauge("node_os_info", "1; the labels describe the operating system.");
    let labels = LABELS.map(|(label, variable)| (label, release.get(variable)));
    push(&mut info, &labels, 1.0);
    let mut version = gauge(
        "node_os_version",
        "Major and minor version of the operating system.",
    );
    if let Some(number) = major_minor(release.get("VERSION_ID")) {
        let labels = [
            ("id", release.get("ID")),
            ("id_like", release.get("ID_LIKE")),
            ("name", release.get("NAME")),
        ];
        push(&mut version, &labels, number);
    }
    let mut support_end = gauge(
        "node_os_support_end_timestamp_seconds",
        "When the operating system is no longer supported, as Unix time.",
    );
    if let Ok(end) = release.get("SUPPORT_END").parse::<Date>()
        && let Ok(end) = end.to_zoned(TimeZone::UTC)
    {
        push(&mut support_end, &[], end.timestamp().as_second() as f64);
    }
    append(out, [info, version, support_end]);
    Ok(())
}

/// `20.04.2` as 20.04; nothing for what does not start with a number, or with 0.
fn major_minor(version: &str) -> Option<f64> {
    let mut dots = 0;
    let end = version
        .find(|character: char| {
            dots += usize::from(character == '.');
            !(character.is_ascii_digit() || character == '.' && dots == 1)
        })
        .unwrap_or(version.len());
    version[..end].parse().ok().filter(|number| *number > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for (text, number) in [
            ("20.04.2", Some(20.04)),
            ("12", Some(12.0)),
            ("3.21_rc", Some(3.21)),
            ("", None),
            ("rolling", None),
            (".5", Some(0.5)),
            ("0", None),
        ] {
            assert_eq!(major_minor(text), number, "{text}");
        }
    }
}
