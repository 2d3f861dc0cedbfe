//! `tsdb create-blocks-from openmetrics`: blocks from a file of samples, in bounded memory.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write, stdout};
use std::path::Path;
use std::sync::Arc;

use moheng_metrics::exposition::{OpenMetricsParser, TextEntry, TextSample};
use moheng_metrics::{Labels, MetricKind, ParseError, SystemClock};
use moheng_tsdb::block::BlockBuilder;
use moheng_tsdb::compact::CompactionSettings;
use moheng_tsdb::storage::{Directory, RealDirectory};

use super::block_table::{SizedBlock, block_table};
use super::failed;
use super::list::size_bytes;
use crate::args::{BlockOutputArgs, OpenmetricsArgs};
use crate::command::CommandError;

/// How much of the file is read at once.
const PIECE_BYTES: usize = 4 << 20;
/// What is held back, so that the end of the file is in the last piece.
const HELD_BACK_BYTES: usize = 16;
/// So many series are remembered by how they are written.
const REMEMBERED_SERIES: usize = 1 << 20;
/// Blocks are not shorter.
const BLOCK_MS: i64 = 2 * 60 * 60 * 1000;

/// Runs `tsdb create-blocks-from openmetrics`.
pub(super) fn from_openmetrics(args: &OpenmetricsArgs, output: &BlockOutputArgs) -> Result<(), CommandError> {
    let target = args.output_directory.display();
    let directory: Arc<dyn Directory> =
        Arc::new(RealDirectory::create(&args.output_directory).map_err(|error| failed(&target, error))?);
    let range_ms = output
        .max_block_duration
        .map_or(BLOCK_MS, |duration| duration.as_millis() as i64);
    let ranges_ms = CompactionSettings::up_to(BLOCK_MS, range_ms).ranges_ms;
    let range_ms = ranges_ms.last().copied().unwrap_or(BLOCK_MS);
    let builder = BlockBuilder::new(Arc::clone(&directory), Arc::new(SystemClock::new()));
    let mut import = Import {
        path: &args.input_file,
        extra: &args.labels,
        builder: builder.with_range_ms(range_ms),
        known: HashMap::new(),
    };
    import.read_file()?;
    let blocks = import
        .builder
        .finish(|_| {})
        .map_err(|error| failed(&target, error))?;
    if output.quiet {
        return Ok(());
    }
    let blocks = blocks.into_iter().map(|meta| {
        let size_bytes = size_bytes(&*directory, &meta.ulid.to_string());
        let size_bytes = size_bytes.map_err(|error| failed(&target, error))?;
        Ok(SizedBlock { meta, size_bytes })
    });
    let blocks = blocks.collect::<Result<Vec<_>, CommandError>>()?;
    stdout()
        .write_all(block_table(&blocks, output.human_readable).as_bytes())
        .map_err(CommandError::output)
}

struct Import<'a> {
    path: &'a Path,
    /// Labels that every series gets.
    extra: &'a [(String, String)],
    builder: BlockBuilder,
    /// Series by how they are written.
    known: HashMap<Vec<u8>, Labels>,
}

impl Import<'_> {
    fn read_file(&mut self) -> Result<(), CommandError> {
        let context = self.path.display();
        let mut file = File::open(self.path).map_err(|error| failed(&context, error))?;
        // What the last TYPE line said goes before each piece, and an end behind all but the last.
        let mut type_line = String::new();
        let mut line = 0;
        let mut rest: Vec<u8> = Vec::new();
        loop {
            let wanted = PIECE_BYTES.saturating_sub(rest.len()).max(PIECE_BYTES / 4) as u64;
            let mut piece = type_line.clone().into_bytes();
            piece.append(&mut rest);
            let read = (&mut file)
                .take(wanted)
                .read_to_end(&mut piece)
                .map_err(|error| failed(&context, error))?;
            let is_last = (read as u64) < wanted;
            if !is_last {
                let held_back = piece.len().saturating_sub(HELD_BACK_BYTES);
                let lines = piece.get(type_line.len()..held_back).unwrap_or_default();
                let end = lines
                    .iter()
                    .rposition(|&byte| byte == b'\n')
                    .map_or(0, |index| index + 1);
                rest = piece.split_off(type_line.len() + end);
                if end == 0 {
                    // A line is longer than a piece.
                    continue;
                }
            }
            let line_count = newlines(&piece) - newlines(type_line.as_bytes());
            if !is_last {
                piece.extend_from_slice(b"# EOF\n");
            }
            let prefix_lines = newlines(type_line.as_bytes());
            self.read_piece(&piece, &mut type_line)
                .map_err(|error| error.told(self.path, line, prefix_lines))?;
            line += line_count;
            if is_last {
                return Ok(());
            }
        }
    }

    fn read_piece(&mut self, piece: &[u8], type_line: &mut String) -> Result<(), PieceError> {
        let mut parser = OpenMetricsParser::new(piece);
        let mut expected: &[u8] = &[];
        loop {
            let offset = piece.len() - parser.rest().len();
            let Some(entry) = parser.next_entry(expected)? else {
                return Ok(());
            };
            match entry {
                TextEntry::Sample(sample) => {
                    self.push(&sample, piece.get(..offset).unwrap_or_default())?;
                    expected = sample.series;
                }
                TextEntry::Type { name, kind } => *type_line = written_type(&name, kind),
                TextEntry::Help { .. } | TextEntry::Unit { .. } => {}
            }
        }
    }

    fn push(&mut self, sample: &TextSample<'_>, before: &[u8]) -> Result<(), PieceError> {
        let Some(timestamp_ms) = sample.timestamp_ms else {
            let series = String::from_utf8_lossy(sample.series);
            let line = newlines(before) + 1;
            return Err(PieceError::At(
                line,
                format!("the sample of {series} has no timestamp"),
            ));
        };
        if !self.known.contains_key(sample.series) {
            let mut labels = sample.labels()?;
            if !self.extra.is_empty() {
                let is_kept = |name: &str| self.extra.iter().all(|(extra, _)| extra != name);
                let own = labels.iter().filter(|(name, _)| is_kept(name));
                let extra = self
                    .extra
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()));
                labels = Labels::from_pairs(own.chain(extra));
            }
            if self.known.len() >= REMEMBERED_SERIES {
                self.known.clear();
            }
            self.known.insert(sample.series.to_vec(), labels);
        }
        let Some(labels) = self.known.get(sample.series) else {
            return Ok(());
        };
        self.builder.push(labels, timestamp_ms, sample.value)?;
        Ok(())
    }
}

/// How many lines end in a text.
fn newlines(text: &[u8]) -> usize {
    text.split(|&byte| byte == b'\n').count() - 1
}

fn written_type(name: &str, kind: MetricKind) -> String {
    let is_plain = moheng_metrics::is_valid_metric_name(name);
    if is_plain {
        format!("# TYPE {name} {}\n", kind.as_openmetrics_str())
    } else {
        let escaped = name
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        format!("# TYPE \"{escaped}\" {}\n", kind.as_openmetrics_str())
    }
}

/// Why a piece cannot be taken.
enum PieceError {
    Parse(ParseError),
    /// A line, counted from 1 in the piece, and what is wrong there.
    At(usize, String),
    Write(moheng_tsdb::Error),
}

impl From<ParseError> for PieceError {
    fn from(error: ParseError) -> Self {
        Self::Parse(error)
    }
}

impl From<moheng_tsdb::Error> for PieceError {
    fn from(error: moheng_tsdb::Error) -> Self {
        Self::Write(error)
    }
}

impl PieceError {
    /// With the place in the file: so many lines of it were before the piece, and so many lines of the piece are not of the file.
    fn told(self, path: &Path, before: usize, prefix_lines: usize) -> CommandError {
        let path = path.display();
        let place = |line: usize| before + line.saturating_sub(prefix_lines);
        match self {
            Self::Parse(error) => {
                let (line, column) = (place(error.line), error.column);
                CommandError::Failed(format!("{path}:{line}:{column}: {}", error.message))
            }
            Self::At(line, message) => CommandError::Failed(format!("{path}:{}:1: {message}", place(line))),
            Self::Write(error) => failed(path, error),
        }
    }
}
