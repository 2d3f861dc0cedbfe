//! `run`: the server.

use std::sync::Arc;

use moheng_metrics::SystemClock;
use tokio::runtime::{Builder, Runtime};

use super::CommandError;
use crate::app;
use crate::args::RunArgs;
use crate::config;

/// Runs `run`.
pub(super) fn run(args: &RunArgs) -> Result<(), CommandError> {
    let config = args.config_file.as_deref().map(config::load).transpose()?;
    app::start_logging(&args.log);
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CommandError::Failed(format!("cannot start threads: {error}")))?;
    runtime
        .block_on(app::run(args, config, Arc::new(SystemClock::new())))
        .map_err(|error| CommandError::Failed(error.to_string()))
}

/// A runtime for commands that make one request.
pub(super) fn small_runtime() -> Result<Runtime, CommandError> {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CommandError::Failed(format!("cannot start: {error}")))
}
