//! `backup`: folders below a destination, each a consistent copy of a database.
//!
//! A backup is written to `ID.partial` and renamed once it is complete, durable and verified, so whatever has an ID for a name
//! can be restored.

mod create;
mod destination;
mod list;
mod progress;
mod restore;

use super::CommandError;
use crate::args::BackupCommand;

/// Runs `backup`.
pub(super) fn backup(command: BackupCommand) -> Result<(), CommandError> {
    match command {
        BackupCommand::Create(args) => create::create(&args),
        BackupCommand::List(args) => list::list(&args),
        BackupCommand::Restore(args) => restore::restore(&args),
    }
}

/// An error of the database or of a file, with what it is about.
fn failed(context: impl std::fmt::Display, error: impl std::fmt::Display) -> CommandError {
    CommandError::Failed(format!("{context}: {error}"))
}
