//! Flags of `exporter`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{HostArgs, LogArgs};

const HOST_EXAMPLES: &str = "Examples:
  moheng-cli exporter host
  moheng-cli exporter host --web.listen-address=127.0.0.1:9100
  moheng-cli exporter host --path.procfs=/host/proc --path.sysfs=/host/sys --path.rootfs=/host

Exit code: 0 when it was asked to stop, 1 when it cannot serve, 2 when an argument makes no sense.";

/// Arguments of `exporter`.
#[derive(Args, Debug)]
pub(crate) struct ExporterArgs {
    #[command(subcommand)]
    pub(crate) command: ExporterCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExporterCommand {
    /// Serve the metrics of this host at :9100/metrics, in place of Node Exporter and with its flags.
    #[command(after_help = HOST_EXAMPLES)]
    Host(Box<HostExporterArgs>),
}

/// Arguments of `exporter host`.
#[derive(Args, Debug)]
pub(crate) struct HostExporterArgs {
    #[command(flatten)]
    pub(crate) web: ExporterWebArgs,

    #[command(flatten)]
    pub(crate) log: LogArgs,

    #[command(flatten)]
    pub(crate) host: HostArgs,
}

/// How an exporter is reached.
#[derive(Args, Debug)]
pub(crate) struct ExporterWebArgs {
    /// Address to listen on; can be given several times.
    #[arg(
        long = "web.listen-address",
        env = "MOHENG_WEB_LISTEN_ADDRESS",
        value_name = "ADDRESS:PORT",
        value_delimiter = ',',
        default_value = ":9100"
    )]
    pub(crate) listen_addresses: Vec<String>,

    /// Listen on what the service manager hands over instead (systemd socket units).
    #[arg(long = "web.systemd-socket")]
    pub(crate) systemd_socket: bool,

    /// File with TLS, users and headers, in the format that Prometheus and its exporters share.
    #[arg(long = "web.config.file", env = "MOHENG_WEB_CONFIG_FILE", value_name = "FILE")]
    pub(crate) web_config_file: Option<PathBuf>,

    /// Path of the metrics.
    #[arg(
        long = "web.telemetry-path",
        value_name = "PATH",
        default_value = "/metrics",
        value_parser = parse_path
    )]
    pub(crate) telemetry_path: String,

    /// Leave out what the exporter says about itself (process_*, promhttp_*).
    #[arg(long = "web.disable-exporter-metrics")]
    pub(crate) disable_exporter_metrics: bool,

    /// Requests that are answered at the same time, others are refused; 0 is no limit.
    #[arg(long = "web.max-requests", value_name = "COUNT", default_value_t = 40)]
    pub(crate) max_requests: usize,

    /// Taken for the sake of old command lines; it changes nothing.
    #[arg(long = "runtime.gomaxprocs", value_name = "COUNT", hide = true)]
    _gomaxprocs: Option<u32>,
}

/// A path without anything that routers take for a pattern.
fn parse_path(text: &str) -> Result<String, String> {
    if text.starts_with('/') && !text.contains(['{', '}', '?', '#']) {
        Ok(text.to_owned())
    } else {
        Err("expected a path such as /metrics".to_owned())
    }
}
