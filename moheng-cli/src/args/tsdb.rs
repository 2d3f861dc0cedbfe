//! Flags of `tsdb`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

const DUMP_EXAMPLES: &str = "Examples:
  moheng-cli tsdb dump data/
  moheng-cli tsdb dump --match '{job=\"node\"}' --min-time -1h data/
  moheng-cli tsdb dump --match up --match 'http_requests_total{code=~\"5..\"}' data/ | gzip > dump.gz

Exit code: 0 when everything was printed or the reader has seen enough, 1 when something could not be read, 2 when an argument makes no sense.";

const OPENMETRICS_EXAMPLES: &str = "Examples:
  moheng-cli tsdb dump-openmetrics data/ > samples.txt
  moheng-cli tsdb dump-openmetrics --match up --min-time 2026-01-01T00:00:00Z data/ > up.txt
  promtool tsdb create-blocks-from openmetrics samples.txt other-data/

Exit code: 0 when everything was printed or the reader has seen enough, 1 when something could not be read, 2 when an argument makes no sense.";

const LIST_EXAMPLES: &str = "Examples:
  moheng-cli tsdb list data/
  moheng-cli tsdb list -r data/
  moheng-cli tsdb list -o json data/

Exit code: 0 when all blocks could be read, 1 when not.";

const VERIFY_EXAMPLES: &str = "Examples:
  moheng-cli tsdb verify data/
  moheng-cli tsdb verify --json data/ | jq '.problems[] | select(.severity == \"damage\")'

Exit code: 0 when nothing is damaged, 1 when something is or the directory could not be read, 2 when an argument makes no sense.";

/// Arguments of `tsdb`.
#[derive(Args, Debug)]
pub(crate) struct TsdbArgs {
    #[command(subcommand)]
    pub(crate) command: TsdbCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TsdbCommand {
    /// Print all samples of a data directory, one per line, as `promtool tsdb dump` does; native histograms too.
    #[command(after_help = DUMP_EXAMPLES)]
    Dump(DumpArgs),
    /// Print the float samples of a data directory as OpenMetrics, from which blocks can be made again.
    #[command(after_help = OPENMETRICS_EXAMPLES)]
    DumpOpenmetrics(SelectionArgs),
    /// Show the blocks of a data directory.
    #[command(after_help = LIST_EXAMPLES)]
    List(BlockListArgs),
    /// Read all of a data directory, a backup or a snapshot, and name everything that is damaged.
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
}

/// Arguments of `tsdb verify`.
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// The data directory; a server may be running on it. Nothing is changed.
    #[arg(value_name = "DIR", default_value = "data/")]
    pub(crate) directory: PathBuf,

    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `tsdb dump`.
#[derive(Args, Debug)]
pub(crate) struct DumpArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,

    /// What is printed.
    #[arg(long, value_name = "FORMAT", default_value = "prom")]
    pub(crate) format: DumpFormat,
}

/// Which samples of which directory.
#[derive(Args, Debug)]
pub(crate) struct SelectionArgs {
    /// The data directory; a server may be running on it. Nothing is changed.
    #[arg(value_name = "DIR", default_value = "data/")]
    pub(crate) directory: PathBuf,

    /// The first time: Unix milliseconds, RFC 3339, `now`, or `-1h` for an hour ago. Without, the beginning.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) min_time: Option<String>,

    /// The last time, written as --min-time. Without, the end.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) max_time: Option<String>,

    /// Only series that this selector matches; with several, series that any of them matches. Without, all.
    #[arg(long = "match", value_name = "SELECTOR")]
    pub(crate) matches: Vec<String>,
}

/// Ways to print a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DumpFormat {
    /// A line per sample: series, value, Unix milliseconds.
    Prom,
    /// A line per series: its labels as JSON.
    Seriesjson,
}

/// Arguments of `tsdb list`.
#[derive(Args, Debug)]
pub(crate) struct BlockListArgs {
    /// The data directory; a server may be running on it.
    #[arg(value_name = "DIR", default_value = "data/")]
    pub(crate) directory: PathBuf,

    /// Times and sizes for people.
    #[arg(short = 'r', long)]
    pub(crate) human_readable: bool,

    /// How the blocks are printed.
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        default_value = "table",
        conflicts_with = "human_readable"
    )]
    pub(crate) output: BlockListFormat,
}

/// Ways to print blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BlockListFormat {
    /// The columns of promtool.
    Table,
    /// A list of objects.
    Json,
}
