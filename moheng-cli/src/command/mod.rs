//! The commands; one file each. What another program could want is in the libraries.

mod answered_histogram;
mod backup;
mod check;
mod collect;
mod error;
mod exporter;
mod query;
mod query_answer;
mod run;
mod tsdb;

pub(crate) use error::CommandError;

use crate::args::Command;

/// Runs a command to its end.
///
/// # Errors
///
/// See [`CommandError`].
pub(crate) fn execute(command: Command) -> Result<(), CommandError> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Query(args) => query::query(&args),
        Command::Backup(args) => backup::backup(args.command),
        Command::Tsdb(args) => tsdb::tsdb(args.command),
        Command::Collect(args) => collect::collect(args.command),
        Command::Exporter(args) => exporter::exporter(args.command),
        Command::Check(args) => check::check(args.command),
    }
}
