//! Collector `sysctl`: parameters of the kernel that are asked for by name.

use moheng_metrics::MetricFamily;

use super::HostOptions;
use super::families::FamilySet;
use crate::files::Folder;
use crate::proc::MalformedFile;
use crate::{CollectError, Collector};

pub(super) const NAME: &str = "sysctl";

#[derive(Debug)]
struct Sysctl {
    proc: Folder,
    parameters: Vec<Parameter>,
}

#[derive(Debug)]
struct Parameter {
    /// `fs.file-nr`
    name: String,
    /// Names for its values; without them they are numbered.
    fields: Vec<String>,
    /// Otherwise its values are shown as labels.
    is_number: bool,
}

pub(super) fn build(options: &HostOptions) -> Box<dyn Collector> {
    let numbers = options
        .sysctl
        .include
        .iter()
        .map(|text| Parameter::new(text, true));
    let infos = options
        .sysctl
        .include_info
        .iter()
        .map(|text| Parameter::new(text, false));
    Box::new(Sysctl {
        proc: Folder::kept_open(&options.roots.proc),
        parameters: numbers.chain(infos).collect(),
    })
}

impl Collector for Sysctl {
    fn name(&self) -> &'static str {
        NAME
    }

    fn collect(&self, out: &mut Vec<MetricFamily>) -> Result<(), CollectError> {
        let mut families = FamilySet::default();
        for parameter in &self.parameters {
            let path = format!("sys/{}", parameter.name.replace('.', "/"));
            let content = self.proc.attribute(&path)?;
            let values: Vec<&str> = content.split_ascii_whitespace().collect();
            parameter
                .add(&values, &mut families)
                .map_err(|message| self.proc.malformed(&path, MalformedFile::whole(message)))?;
        }
        families.append_to(out);
        Ok(())
    }
}

impl Parameter {
    fn new(text: &str, is_number: bool) -> Self {
        let (name, fields) = text.split_once(':').unwrap_or((text, ""));
        let fields = fields.split(',').filter(|field| !field.is_empty());
        Self {
            name: name.to_owned(),
            fields: fields.map(str::to_owned).collect(),
            is_number,
        }
    }

    fn add(&self, values: &[&str], families: &mut FamilySet) -> Result<(), String> {
        if values.is_empty() {
            return Err("a value expected".to_owned());
        }
        if !self.fields.is_empty() && self.fields.len() != values.len() {
            return Err(format!(
                "{} values expected, found {}",
                self.fields.len(),
                values.len()
            ));
        }
        for (index, value) in values.iter().enumerate() {
            let index_text = index.to_string();
            if !self.is_number {
                let labels = [
                    ("index", index_text.as_str()),
                    ("name", &self.name),
                    ("value", value),
                ];
                families.add(
                    "node_sysctl_info",
                    "A parameter of the kernel; always 1.",
                    &labels,
                    1.0,
                );
                continue;
            }
            let number: i64 = value
                .parse()
                .map_err(|_| format!("a number expected, found {value:?}"))?;
            let mut metric = format!("node_sysctl_{}", metric_part(&self.name));
            let mut labels = Vec::new();
            match self.fields.get(index) {
                Some(field) => {
                    metric.push('_');
                    metric.push_str(field);
                }
                None if values.len() > 1 => labels.push(("index", index_text.as_str())),
                None => {}
            }
            families.add_untyped(&metric, "A parameter of the kernel.", &labels, number as f64);
        }
        Ok(())
    }
}

/// Runs of other characters, with the underscores beside them, become one underscore.
pub(super) fn metric_part(name: &str) -> String {
    let mut part = String::with_capacity(name.len());
    let mut rest = name;
    while !rest.is_empty() {
        let run = rest
            .find(|character: char| character.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        let (others, tail) = rest.split_at(run);
        if others.bytes().any(|byte| byte != b'_') {
            part.push('_');
        } else {
            part.push_str(others);
        }
        let end = tail
            .find(|character: char| !character.is_ascii_alphanumeric())
            .unwrap_or(tail.len());
        part.push_str(&tail[..end]);
        rest = &tail[end..];
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_names() {
        #[track_caller]
        fn check(text: &str, is_number: bool, values: &[&str], expected: Result<&[(&str, f64)], &str>) {
            let mut families = FamilySet::default();
            let result = Parameter::new(text, is_number).add(values, &mut families);
            let mut out = Vec::new();
            families.append_to(&mut out);
            let series: Vec<(String, f64)> = out
                .iter()
                .flat_map(|family| {
                    family.metrics.iter().map(|metric| {
                        (
                            format!("{}{}", family.name, metric.labels),
                            metric.value.as_number().unwrap(),
                        )
                    })
                })
                .collect();
            match expected {
                Ok(expected) => {
                    result.unwrap();
                    let series: Vec<_> = series
                        .iter()
                        .map(|(name, value)| (name.as_str(), *value))
                        .collect();
                    assert_eq!(series, expected);
                }
                Err(expected) => assert_eq!(result.unwrap_err(), expected),
            }
        }
        check(
            "kernel.threads-max",
            true,
            &["7801"],
            Ok(&[("node_sysctl_kernel_threads_max{}", 7801.0)]),
        );
        check(
            "a.b",
            true,
            &["-1", "2"],
            Ok(&[
                ("node_sysctl_a_b{index=\"0\"}", -1.0),
                ("node_sysctl_a_b{index=\"1\"}", 2.0),
            ]),
        );
        check(
            "a.b:x,y",
            true,
            &["1", "2"],
            Ok(&[("node_sysctl_a_b_x{}", 1.0), ("node_sysctl_a_b_y{}", 2.0)]),
        );
        check(
            "a.b",
            false,
            &["on"],
            Ok(&[("node_sysctl_info{index=\"0\", name=\"a.b\", value=\"on\"}", 1.0)]),
        );
        check("a.b", true, &["on"], Err("a number expected, found \"on\""));
        check("a.b:x,y", true, &["1"], Err("2 values expected, found 1"));
        check("a.b", true, &[], Err("a value expected"));
    }

    #[test]
    fn metric_parts() {
        for (name, expected) in [
            ("a_b", "a_b"),
            ("a.-b", "a_b"),
            ("a_.b", "a_b"),
            ("a__b", "a__b"),
            (".a", "_a"),
            ("a%", "a_"),
        ] {
            assert_eq!(metric_part(name), expected);
        }
    }
}
