//! `exporter`: serves metrics for others to scrape.

use std::sync::Arc;
use std::time::Duration;

use moheng_collect::HostCollectors;
use moheng_metrics::SystemClock;
use tokio::runtime::Builder;

use super::CommandError;
use super::run::security;
use crate::app;
use crate::args::{ExporterCommand, HostExporterArgs};
use crate::exporter::{self, HostExporter, Sockets};

/// How long the thread that collects waits for the next scrape.
const BETWEEN_SCRAPES_MAX: Duration = Duration::from_mins(5);

/// Runs `exporter`.
pub(super) fn exporter(command: ExporterCommand) -> Result<(), CommandError> {
    let ExporterCommand::Host(args) = command;
    host(&args)
}

fn host(args: &HostExporterArgs) -> Result<(), CommandError> {
    let clock = Arc::new(SystemClock::new());
    let collectors = HostCollectors::new(&args.host.options, Arc::clone(&clock) as _)
        .map_err(|error| CommandError::Usage(error.to_string()))?;
    let web = &args.web;
    let security = security(web.web_config_file.as_deref())?;
    app::start_logging(&args.log);
    let exporter = HostExporter::new(collectors, !web.disable_exporter_metrics, web.max_requests, clock)
        .map_err(|error| CommandError::Failed(error.to_string()))?;
    let sockets = if web.systemd_socket {
        Sockets::Given
    } else {
        Sockets::Addresses(&web.listen_addresses)
    };
    let router = exporter.routes(&web.telemetry_path);
    // One thread takes connections; collecting has its own. Kept between scrapes, it costs less than a new one each time.
    let runtime = Builder::new_current_thread()
        .thread_keep_alive(BETWEEN_SCRAPES_MAX)
        .enable_all()
        .build()
        .map_err(|error| CommandError::Failed(format!("cannot start: {error}")))?;
    runtime
        .block_on(exporter::serve(sockets, router, security))
        .map_err(CommandError::Failed)
}
