//! `check`: says whether a file would be accepted.

use std::io::{Write, stderr, stdout};
use std::path::{Path, PathBuf};

use super::CommandError;
use crate::args::CheckCommand;
use crate::config;
use crate::http::Security;

/// Runs `check`.
pub(super) fn check(command: CheckCommand) -> Result<(), CommandError> {
    match command {
        CheckCommand::Config { file } => check_config(&file),
        CheckCommand::WebConfig { files } => check_web_configs(&files),
    }
}

fn check_web_configs(files: &[PathBuf]) -> Result<(), CommandError> {
    let mut errors = Vec::new();
    for file in files {
        match Security::load(file) {
            Ok(_) => writeln!(stdout(), "{}: ok", file.display()).map_err(CommandError::output)?,
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(CommandError::Usage(errors.join("\n")))
    }
}

fn check_config(file: &Path) -> Result<(), CommandError> {
    let config = config::load(file)?;
    for warning in &config.warnings {
        writeln!(stderr(), "warning: {}", warning.display(file)).map_err(CommandError::output)?;
    }
    let jobs = config.scrape_configs.len();
    let targets: usize = config
        .scrape_configs
        .iter()
        .flat_map(|job| &job.target_groups)
        .map(|group| group.targets.len())
        .sum();
    writeln!(
        stdout(),
        "{}: ok, {jobs} scrape configs with {targets} targets",
        file.display()
    )
    .map_err(CommandError::output)
}
