//! Text expositions as whole families: the lines of a histogram or summary become one metric again.

mod assembly;
mod family;

use std::collections::HashMap;

use super::openmetrics::OpenMetricsParser;
use super::text::TextParser;
use super::{LineParser, ParseError, TextEntry, TextSample};
use crate::{MetricFamily, MetricKind};

use family::{Family, Role};

/// Suffixes by which a sample may belong to a family of another name.
const SUFFIXES: [&str; 8] = [
    "_bucket", "_sum", "_count", "_total", "_created", "_info", "_gsum", "_gcount",
];

/// Reads a text exposition as families, in the order in which they are first named.
///
/// # Errors
///
/// When the text does not follow the format, or its lines do not make up whole metrics.
pub(super) fn read_text(text: &[u8]) -> Result<Vec<MetricFamily>, ParseError> {
    Reader::new(text, LineParser::Text(TextParser::new(text)), false).read()
}

/// Reads an OpenMetrics exposition as families; see [`read_text`].
///
/// # Errors
///
/// See [`read_text`].
pub(super) fn read_openmetrics(text: &[u8]) -> Result<Vec<MetricFamily>, ParseError> {
    Reader::new(text, LineParser::OpenMetrics(OpenMetricsParser::new(text)), true).read()
}

struct Reader<'a> {
    text: &'a [u8],
    parser: LineParser<'a>,
    is_openmetrics: bool,
    families: Vec<Family>,
    /// The families by the name that `TYPE` lines give them.
    by_name: HashMap<String, usize>,
    /// The family named last.
    current: Option<usize>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a [u8], parser: LineParser<'a>, is_openmetrics: bool) -> Self {
        Self {
            text,
            parser,
            is_openmetrics,
            families: Vec::new(),
            by_name: HashMap::new(),
            current: None,
        }
    }

    fn read(mut self) -> Result<Vec<MetricFamily>, ParseError> {
        while let Some(entry) = self.parser.next_entry(&[])? {
            match entry {
                TextEntry::Sample(sample) => self.add_sample(&sample)?,
                TextEntry::Help { name, help } => {
                    self.commented(&name).help = help.into_owned();
                }
                TextEntry::Unit { name, unit } => {
                    self.commented(&name).unit = unit.into_owned();
                }
                TextEntry::Type { name, kind } => {
                    self.commented(&name).kind = kind;
                }
            }
        }
        let is_openmetrics = self.is_openmetrics;
        let families = self.families.into_iter();
        families
            .map(|family| family.finish(self.text, is_openmetrics))
            .collect()
    }

    /// The family that a line with `#` names. Behind samples it begins another one of that name: many programs expose a gauge
    /// `a` and a counter `a_total`, which both are the family `a` in OpenMetrics.
    fn commented(&mut self, name: &str) -> &mut Family {
        let found = self.by_name.get(name).and_then(|index| self.families.get(*index));
        if found.is_some_and(|family| !family.is_empty()) {
            self.by_name.remove(name);
        }
        self.declared(name)
    }

    fn declared(&mut self, name: &str) -> &mut Family {
        let index = if let Some(index) = self.by_name.get(name) {
            *index
        } else {
            self.families.push(Family::new(name));
            self.by_name.insert(name.to_owned(), self.families.len() - 1);
            self.families.len() - 1
        };
        self.current = Some(index);
        &mut self.families[index]
    }

    fn add_sample(&mut self, sample: &TextSample<'_>) -> Result<(), ParseError> {
        let labels = sample.labels()?;
        let name = labels.metric_name();
        let has_quantile = labels.get("quantile").is_some();
        let found = self
            .candidates(name)
            .find_map(|index| Some((index, self.role(index, name, has_quantile)?)));
        let (index, role) = match found {
            Some(found) => found,
            None if self.by_name.contains_key(name) => {
                let suffix = match self.by_name.get(name).map(|index| self.families[*index].kind) {
                    Some(MetricKind::Info) => "_info",
                    _ => "_total",
                };
                let message = format!("the samples of {name:?} must be named {name}{suffix}");
                return Err(sample.error(message));
            }
            None => {
                self.declared(name);
                (self.families.len() - 1, Role::Number)
            }
        };
        self.current = Some(index);
        self.families[index].add(role, sample, &labels)
    }

    /// The families that a sample of this name may belong to, the likeliest first.
    fn candidates(&self, name: &str) -> impl Iterator<Item = usize> {
        let by_suffix = SUFFIXES.iter().filter_map(|suffix| name.strip_suffix(suffix));
        let by_name = std::iter::once(name)
            .chain(by_suffix)
            .filter_map(|name| self.by_name.get(name).copied());
        self.current.into_iter().chain(by_name)
    }

    fn role(&self, index: usize, name: &str, has_quantile: bool) -> Option<Role> {
        let family = self.families.get(index)?;
        let suffix = name.strip_prefix(family.name.as_str())?;
        Role::of(family.kind, suffix, has_quantile, self.is_openmetrics)
    }
}

#[cfg(test)]
mod tests;
