//! The command line: what can be said, not what it does.

mod backup;
mod collect;
mod engine;
mod exporter;
mod feature;
mod host;
mod query;
mod run;
mod tsdb;
mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use backup::{BackupArgs, BackupCommand, CreateArgs, ListArgs, RestoreArgs};
pub(crate) use collect::{CollectArgs, CollectCommand};
pub(crate) use engine::EngineArgs;
pub(crate) use exporter::{ExporterArgs, ExporterCommand, HostExporterArgs};
pub(crate) use feature::Feature;
pub(crate) use host::HostArgs;
pub(crate) use query::{OutputFormat, QueryArgs};
pub(crate) use run::{LogArgs, LogFormat, LogLevel, RunArgs, StorageArgs, WebArgs};
pub(crate) use tsdb::{
    AnalyzeArgs, BlockListArgs, BlockListFormat, BlockOutputArgs, CreateBlocksCommand, DumpArgs, DumpFormat,
    ImportArgs, OpenmetricsArgs, SelectionArgs, TsdbArgs, TsdbCommand, VerifyArgs,
};

/// The server that commands talk to unless told otherwise.
pub(crate) const DEFAULT_SERVER: &str = "http://127.0.0.1:9090";

/// Collects, stores, queries and backs up metrics: one binary in place of Prometheus and its exporters.
#[derive(Debug, Parser)]
#[command(
    name = "moheng-cli",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server: scrape, store, answer queries. Without --config.file it collects this host and itself.
    Run(Box<RunArgs>),
    /// Evaluate a PromQL expression on a server or directly on a data directory.
    Query(QueryArgs),
    /// Create, list and restore backups.
    Backup(BackupArgs),
    /// Look at data directories, verify them, and make or import blocks.
    Tsdb(TsdbArgs),
    /// Print metrics of this host once.
    Collect(CollectArgs),
    /// Serve metrics of this host for a Prometheus or another moheng to scrape.
    Exporter(ExporterArgs),
    /// Check files without using them.
    Check(CheckArgs),
}

/// Arguments of `check`.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    #[command(subcommand)]
    pub(crate) command: CheckCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CheckCommand {
    /// Check a prometheus.yml; errors name file, line and column.
    Config {
        /// The configuration file.
        file: PathBuf,
    },
    /// Check web configuration files, and the certificates and keys they name.
    WebConfig {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

#[cfg(test)]
mod tests;
