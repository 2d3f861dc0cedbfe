//! Flags of `backup`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::DEFAULT_SERVER;

/// Arguments of `backup`.
#[derive(Args, Debug)]
pub(crate) struct BackupArgs {
    #[command(subcommand)]
    pub(crate) command: BackupCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Copy a consistent state of a running server or of a data directory.
    Create(CreateArgs),
    /// Show the backups in a folder.
    List(ListArgs),
    /// Put a backup back into an empty data directory, after checking that it is whole.
    Restore(RestoreArgs),
}

/// Arguments of `backup create`.
#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    /// The server to copy from; it must run with --web.enable-admin-api.
    #[arg(long, value_name = "URL", default_value = DEFAULT_SERVER, env = "MOHENG_SERVER")]
    pub(crate) server: String,

    /// Copy from this data directory instead; a server may be running on it.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// The folder that gets the backup as a folder of its own.
    #[arg(long, value_name = "DEST")]
    pub(crate) to: PathBuf,
}

/// Arguments of `backup list`.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// The folder that holds the backups.
    #[arg(long, value_name = "DEST")]
    pub(crate) from: PathBuf,
}

/// Arguments of `backup restore`.
#[derive(Args, Debug)]
pub(crate) struct RestoreArgs {
    /// The folder that holds the backups.
    #[arg(long, value_name = "DEST")]
    pub(crate) from: PathBuf,

    /// Which backup; the newest complete one by default.
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,

    /// The data directory to write, which must be empty or missing.
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
}
