//! `collect`: prints metrics once.

use std::io::{Write, stderr, stdout};
use std::sync::Arc;

use moheng_collect::HostCollectors;
use moheng_metrics::{SystemClock, write_text};

use super::CommandError;
use crate::args::{CollectCommand, HostArgs};
use crate::exporter::node_build_info;

/// Runs `collect`.
pub(super) fn collect(command: CollectCommand) -> Result<(), CommandError> {
    let CollectCommand::Host(args) = command;
    host(&args)
}

fn host(args: &HostArgs) -> Result<(), CommandError> {
    let collectors = HostCollectors::new(&args.options, Arc::new(SystemClock::new()))
        .map_err(|error| CommandError::Usage(error.to_string()))?;
    let mut collection = collectors.collect_only(|_| true);
    let mut has_succeeded = collection.outcomes.is_empty();
    for outcome in &collection.outcomes {
        match &outcome.error {
            None => has_succeeded = true,
            // That a machine lacks something is nothing to report.
            Some(error) if error.is_no_data() => has_succeeded = true,
            Some(error) => {
                writeln!(stderr(), "collector {}: {error}", outcome.name).map_err(CommandError::output)?;
            }
        }
    }
    collection.families.push(node_build_info());
    collection.families.sort_by(|a, b| a.name.cmp(&b.name));
    let mut text = String::new();
    write_text(&collection.families, &mut text);
    stdout()
        .write_all(text.as_bytes())
        .map_err(CommandError::output)?;
    if !has_succeeded {
        return Err(CommandError::Failed("every collector failed".to_owned()));
    }
    Ok(())
}
