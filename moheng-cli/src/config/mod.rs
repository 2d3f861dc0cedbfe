//! `prometheus.yml`, read strictly: what is unknown or wrong is refused with its place, what is known and has no effect
//! yet is named in a warning.

mod diagnostics;
mod global;
mod reader;
mod relabel;
mod scrape;
mod storage;
mod suggest;
mod web;
mod yaml;

use std::path::Path;

pub(crate) use diagnostics::{ConfigError, Diagnostic};
pub(crate) use global::Global;
pub(crate) use scrape::ScrapeConfig;
pub(crate) use storage::{RetentionSection, Storage};
pub(crate) use web::{ClientAuth, Pem, TlsSettings, TlsVersion, WebConfig, load_web};

use diagnostics::Diagnostics;
use reader::Support::{Ignored, Read, Refused};
use reader::{Fields, Keys};

/// A configuration file of more bytes is refused.
const FILE_SIZE_LIMIT_BYTES: u64 = 64 << 20;

/// What a configuration file asks for.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) global: Global,
    pub(crate) scrape_configs: Vec<ScrapeConfig>,
    pub(crate) storage: Storage,
    /// What was accepted without having an effect.
    pub(crate) warnings: Vec<Diagnostic>,
}

const KEYS: Keys = &[
    ("global", Read),
    ("runtime", Read),
    ("scrape_configs", Read),
    ("scrape_config_files", Refused),
    ("rule_files", Ignored),
    ("alerting", Ignored),
    ("storage", Read),
    ("tracing", Ignored),
    ("remote_write", Ignored),
    ("remote_read", Ignored),
    ("otlp", Ignored),
];

/// The sections that are ignored and must be a list.
const IGNORED_LISTS: [&str; 3] = ["rule_files", "remote_write", "remote_read"];
/// The sections that are ignored and must be a mapping.
const IGNORED_MAPPINGS: [&str; 3] = ["alerting", "tracing", "otlp"];

/// Reads the configuration file at `path`.
///
/// # Errors
///
/// See [`ConfigError`]; all errors of the file are reported at once.
pub(crate) fn load(path: &Path) -> Result<Config, ConfigError> {
    let text = read_file(path)?;
    parse(&text, &|name| std::env::var(name).ok()).map_err(|errors| ConfigError::Invalid {
        file: path.to_owned(),
        errors,
    })
}

/// The text of a configuration file.
fn read_file(path: &Path) -> Result<String, ConfigError> {
    let read_error = |source| ConfigError::Read {
        file: path.to_owned(),
        source,
    };
    let size_bytes = std::fs::metadata(path).map_err(read_error)?.len();
    if size_bytes > FILE_SIZE_LIMIT_BYTES {
        return Err(read_error(std::io::Error::other("the file is too large")));
    }
    std::fs::read_to_string(path).map_err(read_error)
}

fn parse(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<Config, Vec<Diagnostic>> {
    let document = yaml::parse(text).map_err(|error| vec![error])?;
    let mut report = Diagnostics::default();
    let fields = Fields::read(&document, "the configuration", KEYS, &mut report);
    let global = fields.get("global").map_or_else(Global::default, |node| {
        global::read_global(node, environment, &mut report)
    });
    if let Some(node) = fields.get("runtime") {
        global::check_runtime(node, &mut report);
    }
    for section in IGNORED_LISTS {
        if let Some(node) = fields.get(section) {
            reader::list(node, section, &mut report);
        }
    }
    for section in IGNORED_MAPPINGS {
        if let Some(node) = fields.get(section) {
            reader::mapping(node, section, &mut report);
        }
    }
    let scrape_configs = fields
        .get("scrape_configs")
        .map(|node| scrape::read_scrape_configs(node, &global, &mut report))
        .unwrap_or_default();
    let storage = fields
        .get("storage")
        .map(|node| storage::read_storage(node, &mut report))
        .unwrap_or_default();
    if report.errors.is_empty() {
        report.warnings.sort_by_key(|warning| warning.position);
        Ok(Config {
            global,
            scrape_configs,
            storage,
            warnings: report.warnings,
        })
    } else {
        report.errors.sort_by_key(|error| error.position);
        Err(report.errors)
    }
}

#[cfg(test)]
mod tests;
