//! `tsdb`: looks at data directories and makes blocks, as promtool does. One file per subcommand.

mod block_table;
mod dump;
mod list;
mod open;
mod selection;
mod verify;

use super::CommandError;
use crate::args::TsdbCommand;

/// Runs `tsdb`.
pub(super) fn tsdb(command: TsdbCommand) -> Result<(), CommandError> {
    match command {
        TsdbCommand::Dump(args) => dump::dump(&args),
        TsdbCommand::DumpOpenmetrics(args) => dump::dump_openmetrics(&args),
        TsdbCommand::List(args) => list::list(&args),
        TsdbCommand::Verify(args) => verify::verify(&args),
    }
}

/// A failure with what it was about.
fn failed(context: impl std::fmt::Display, error: impl std::fmt::Display) -> CommandError {
    CommandError::Failed(format!("{context}: {error}"))
}
