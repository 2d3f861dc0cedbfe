//! Flags of `tsdb`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::values::{parse_duration, parse_label};

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

const ANALYZE_EXAMPLES: &str = "Examples:
  moheng-cli tsdb analyze data/
  moheng-cli tsdb analyze --limit 50 data/ 01JD0N2BBD9SY7Z4M84GESTCKF
  moheng-cli tsdb analyze --json data/ | jq .seriesByMetric

Exit code: 0, or 1 when the block could not be read, 2 when an argument makes no sense.";

const IMPORT_EXAMPLES: &str = "Examples:
  moheng-cli tsdb import /var/lib/prometheus/metrics2 data/
  moheng-cli tsdb import --block 01JD0N2BBD9SY7Z4M84GESTCKF bucket/ data/

Exit code: 0 when all blocks were imported, 1 when one was not, 2 when an argument makes no sense.";

const OPENMETRICS_IMPORT_EXAMPLES: &str = "Examples:
  moheng-cli tsdb create-blocks-from openmetrics samples.txt data/
  moheng-cli tsdb create-blocks-from openmetrics --max-block-duration=1d --label=site=home samples.txt data/

Exit code: 0 when the blocks were written, 1 when not, 2 when an argument makes no sense.";

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
    /// Show which labels make a block large, and which come and go.
    #[command(after_help = ANALYZE_EXAMPLES)]
    Analyze(AnalyzeArgs),
    /// Copy the blocks of another data directory into one that no server runs on. All of a block is checked first.
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(ImportArgs),
    /// Make blocks of samples from elsewhere.
    CreateBlocksFrom(CreateBlocksArgs),
}

/// Arguments of `tsdb analyze`.
#[derive(Args, Debug)]
pub(crate) struct AnalyzeArgs {
    /// The data directory; a server may be running on it.
    #[arg(value_name = "DIR", default_value = "data/")]
    pub(crate) directory: PathBuf,

    /// The block. Without, the newest.
    #[arg(value_name = "BLOCK")]
    pub(crate) block: Option<String>,

    /// How many entries each list has.
    #[arg(long, value_name = "COUNT", default_value = "20")]
    pub(crate) limit: usize,

    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `tsdb import`.
#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// The directory with the blocks: of Prometheus, Thanos or moheng. It is not changed.
    #[arg(value_name = "FROM_DIR")]
    pub(crate) from: PathBuf,

    /// The data directory that gets them.
    #[arg(value_name = "DIR", default_value = "data/")]
    pub(crate) directory: PathBuf,

    /// Only this block; can be given several times.
    #[arg(long = "block", value_name = "BLOCK")]
    pub(crate) blocks: Vec<String>,

    /// Take blocks that cover times of which the directory has samples, too.
    #[arg(long)]
    pub(crate) allow_overlap: bool,

    /// Times and sizes for people.
    #[arg(short = 'r', long)]
    pub(crate) human_readable: bool,
}

/// Arguments of `tsdb create-blocks-from`.
#[derive(Args, Debug)]
pub(crate) struct CreateBlocksArgs {
    #[command(flatten)]
    pub(crate) output: BlockOutputArgs,

    #[command(subcommand)]
    pub(crate) command: CreateBlocksCommand,
}

/// What blocks are made, and what is said of them.
#[derive(Args, Debug)]
pub(crate) struct BlockOutputArgs {
    /// Times and sizes for people.
    #[arg(short = 'r', long, global = true)]
    pub(crate) human_readable: bool,

    /// Do not print the blocks.
    #[arg(short = 'q', long, global = true)]
    pub(crate) quiet: bool,

    /// How much time a block covers at most. Blocks of 2 h, or 3, 9, 27 ... times as much where that fits, are made.
    #[arg(long, value_name = "DURATION", global = true, value_parser = parse_duration)]
    pub(crate) max_block_duration: Option<Duration>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CreateBlocksCommand {
    /// Make blocks of a file in the format OpenMetrics in which every sample has a timestamp. The samples may be in any order.
    #[command(after_help = OPENMETRICS_IMPORT_EXAMPLES)]
    Openmetrics(OpenmetricsArgs),
}

/// Arguments of `tsdb create-blocks-from openmetrics`.
#[derive(Args, Debug)]
pub(crate) struct OpenmetricsArgs {
    /// The file.
    #[arg(value_name = "FILE")]
    pub(crate) input_file: PathBuf,

    /// The directory that gets the blocks. A server that runs on it sees them within a minute.
    #[arg(value_name = "OUTPUT_DIR", default_value = "data/")]
    pub(crate) output_directory: PathBuf,

    /// A label that every series gets; can be given several times.
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = parse_label)]
    pub(crate) labels: Vec<(String, String)>,
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
