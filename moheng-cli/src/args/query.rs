//! Flags of `query`.

use std::path::PathBuf;

use clap::builder::Resettable;
use clap::{Arg, Args, ValueEnum};

use super::{DEFAULT_SERVER, EngineArgs};

/// Arguments of `query`.
#[derive(Args, Debug)]
#[command(mut_args(of_directories))]
pub(crate) struct QueryArgs {
    /// The PromQL expression.
    #[arg(value_name = "EXPRESSION", allow_hyphen_values = true)]
    pub(crate) expression: String,

    /// The server to ask.
    #[arg(long, value_name = "URL", default_value = DEFAULT_SERVER, env = "MOHENG_SERVER")]
    pub(crate) server: String,

    /// Read this data directory instead of asking a server; one may be running on it.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Evaluate at this time: Unix seconds, RFC 3339, `now`, or `-1h` for an hour ago.
    #[arg(long, value_name = "TIME", conflicts_with_all = ["start", "end", "step"], allow_hyphen_values = true)]
    pub(crate) time: Option<String>,

    /// Evaluate over a range that starts at this time, as `-1h` for an hour ago.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) start: Option<String>,

    /// The end of the range, now by default.
    #[arg(long, value_name = "TIME", requires = "start", allow_hyphen_values = true)]
    pub(crate) end: Option<String>,

    /// The distance of the evaluations in the range: a duration or seconds. By default about 60 evaluations are made.
    #[arg(long, value_name = "DURATION", requires = "start")]
    pub(crate) step: Option<String>,

    /// How the result is printed.
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: OutputFormat,

    #[command(flatten, next_help_heading = "Evaluation, with --data-dir")]
    pub(crate) engine: EngineArgs,
}

/// Ways to print a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// Aligned columns for people.
    Table,
    /// The `data` of the HTTP API.
    Json,
    /// One line per sample; a column per label.
    Csv,
}

/// A server has its own engine: flags of ours mean something only where a directory is read, and a variable that is
/// set for a server beside this command is not meant for the command.
fn of_directories(arg: Arg) -> Arg {
    let is_of_engine = |flag: &str| flag.starts_with("query.") || flag == "enable-feature";
    if arg.get_long().is_some_and(is_of_engine) {
        arg.requires("data_dir").env(Resettable::Reset)
    } else {
        arg
    }
}
