//! `tsdb`: looks at data directories and makes blocks, as promtool does. One file per subcommand.

mod analyze;
mod block_table;
mod create_blocks;
mod dump;
mod import;
mod list;
mod open;
mod selection;
mod verify;

use super::CommandError;
use crate::args::{CreateBlocksCommand, TsdbCommand};

/// Runs `tsdb`.
pub(super) fn tsdb(command: TsdbCommand) -> Result<(), CommandError> {
    match command {
        TsdbCommand::Dump(args) => dump::dump(&args),
        TsdbCommand::DumpOpenmetrics(args) => dump::dump_openmetrics(&args),
        TsdbCommand::List(args) => list::list(&args),
        TsdbCommand::Verify(args) => verify::verify(&args),
        TsdbCommand::Analyze(args) => analyze::analyze(&args),
        TsdbCommand::Import(args) => import::import(&args),
        TsdbCommand::CreateBlocksFrom(args) => match &args.command {
            CreateBlocksCommand::Openmetrics(from) => create_blocks::from_openmetrics(from, &args.output),
        },
    }
}

/// A failure with what it was about.
fn failed(context: impl std::fmt::Display, error: impl std::fmt::Display) -> CommandError {
    CommandError::Failed(format!("{context}: {error}"))
}
