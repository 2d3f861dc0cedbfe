//! `check`: says whether a file would be accepted.

use std::io::{Write, stderr, stdout};

use super::CommandError;
use crate::args::CheckCommand;
use crate::config;

/// Runs `check`.
pub(super) fn check(command: CheckCommand) -> Result<(), CommandError> {
    let CheckCommand::Config { file } = command;
    let config = config::load(&file)?;
    for warning in &config.warnings {
        writeln!(stderr(), "warning: {}", warning.display(&file)).map_err(CommandError::output)?;
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
