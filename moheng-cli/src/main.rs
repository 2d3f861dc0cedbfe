//! moheng: one binary that collects, stores, queries and backs up metrics.

mod app;
mod archive;
mod args;
mod client;
mod command;
mod config;
mod exporter;
mod footprint;
mod http;
mod output;
mod time;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    if matches!(cli.command, args::Command::Exporter(_)) {
        footprint::return_freed_memory();
    } else {
        footprint::allow_huge_pages();
    }
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
