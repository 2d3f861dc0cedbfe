//! moheng: one binary that collects, stores, queries and backs up metrics.

mod app;
mod archive;
mod args;
mod client;
mod command;
mod config;
mod exporter;
mod http;
mod output;
mod time;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    allow_huge_pages(false);
    let cli = args::Cli::parse();
    // With huge pages the allocator would hold several times the memory that an exporter needs.
    allow_huge_pages(!matches!(cli.command, args::Command::Exporter(_)));
    match command::execute(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if let Some(message) = error.message() {
                // With standard error closed, the exit code still says it.
                let _ = writeln!(std::io::stderr(), "{message}");
            }
            error.exit_code()
        }
    }
}

/// Where the kernel refuses that, or knows no huge pages, memory or time is all it costs.
fn allow_huge_pages(is_allowed: bool) {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(!is_allowed);
    #[cfg(not(target_os = "linux"))]
    let _ = is_allowed;
}
