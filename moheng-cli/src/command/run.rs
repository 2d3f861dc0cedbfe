//! `run`: the server.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use moheng_metrics::SystemClock;
use tokio::runtime::{Builder, Runtime};

use super::CommandError;
use crate::app;
use crate::args::RunArgs;
use crate::config;
use crate::http::Security;

/// How long threads get to end after everything was stopped and closed.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs `run`.
pub(super) fn run(args: &RunArgs) -> Result<(), CommandError> {
    let config = args.config_file.as_deref().map(config::load).transpose()?;
    let security = security(args.web.web_config_file.as_deref())?;
    app::start_logging(&args.log);
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CommandError::Failed(format!("cannot start threads: {error}")))?;
    let result = runtime.block_on(app::run(args, config, security, Arc::new(SystemClock::new())));
    // Nobody waits for what still runs: abandoned queries and streams.
    runtime.shutdown_timeout(STOP_TIMEOUT);
    result.map_err(|error| CommandError::Failed(error.to_string()))
}

/// The rules of a web configuration file, or none.
pub(super) fn security(path: Option<&Path>) -> Result<Arc<Security>, CommandError> {
    let security = match path {
        Some(path) => Security::load(path).map_err(CommandError::Usage)?,
        None => Security::default(),
    };
    Ok(Arc::new(security))
}

/// A runtime for commands that have little to do at once.
pub(super) fn small_runtime() -> Result<Runtime, CommandError> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| CommandError::Failed(format!("cannot start: {error}")))
}
