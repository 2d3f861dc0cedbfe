//! Flags of `collect`.

use clap::{Args, Subcommand};

use super::HostArgs;

const HOST_EXAMPLES: &str = "Examples:
  moheng-cli collect host
  moheng-cli collect host --path.procfs=/host/proc --path.sysfs=/host/sys --path.rootfs=/host
  moheng-cli collect host --collector.disable-defaults --collector.meminfo

Exit code: 0 when everything was printed or the reader has seen enough, 1 when every collector failed, 2 when an argument makes no sense.";

/// Arguments of `collect`.
#[derive(Args, Debug)]
pub(crate) struct CollectArgs {
    #[command(subcommand)]
    pub(crate) command: CollectCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CollectCommand {
    /// Print the metrics of this host once, as Node Exporter exposes them and with its flags.
    #[command(after_help = HOST_EXAMPLES)]
    Host(Box<HostArgs>),
}
