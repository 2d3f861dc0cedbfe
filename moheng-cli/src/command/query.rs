//! `query`: evaluates an expression on a server or on a data directory, and prints the result.

use std::io::{Write, stderr, stdout};
use std::path::Path;
use std::sync::Arc;

use moheng_metrics::{Clock, SystemClock};
use moheng_promql::{Engine, InstantQuery, QueryValue, RangeQuery};
use moheng_tsdb::Db;
use moheng_tsdb::storage::RealDirectory;

use super::CommandError;
use super::query_answer::parse_answer;
use crate::args::QueryArgs;
use crate::client::Client;
use crate::output;
use crate::time::{parse_command_time_ms, parse_seconds_or_duration_ms};

/// About how many evaluations a range without a step gets.
const DEFAULT_STEPS: i64 = 60;

/// When to evaluate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Times {
    /// Now, by the clock of whoever evaluates.
    Now,
    At {
        time_ms: i64,
    },
    Range {
        start_ms: i64,
        end_ms: i64,
        step_ms: i64,
    },
}

/// Runs `query`.
pub(super) fn query(args: &QueryArgs) -> Result<(), CommandError> {
    let clock = SystemClock::new();
    let times = times(args, clock.now_ms())?;
    let (value, notes) = match &args.data_dir {
        Some(directory) => evaluate(directory, args, times, clock)?,
        None => ask(&args.server, &args.expression, times)?,
    };
    for note in notes {
        // Whoever closed standard error does not want to read it.
        let _ = writeln!(stderr(), "warning: {note}");
    }
    let text = output::render(args.output, value);
    stdout()
        .write_all(text.as_bytes())
        .and_then(|()| stdout().flush())
        .map_err(CommandError::output)
}

fn times(args: &QueryArgs, now_ms: i64) -> Result<Times, CommandError> {
    let time = |flag: &str, text: &str| {
        parse_command_time_ms(text, now_ms).ok_or_else(|| {
            CommandError::Usage(format!(
                "--{flag}: expected Unix seconds, RFC 3339, now or -1h, found `{text}`"
            ))
        })
    };
    let Some(start) = &args.start else {
        return Ok(match &args.time {
            Some(text) => Times::At {
                time_ms: time("time", text)?,
            },
            None => Times::Now,
        });
    };
    let start_ms = time("start", start)?;
    let end_ms = args.end.as_deref().map_or(Ok(now_ms), |text| time("end", text))?;
    if end_ms < start_ms {
        return Err(CommandError::Usage("--end is before --start".to_owned()));
    }
    let step_ms = match &args.step {
        Some(text) => parse_seconds_or_duration_ms(text)
            .filter(|&step_ms| step_ms > 0)
            .ok_or_else(|| {
                CommandError::Usage(format!("--step: expected a duration such as 15s, found `{text}`"))
            })?,
        // Whole seconds, at least one.
        None => (end_ms.saturating_sub(start_ms) / DEFAULT_STEPS / 1000 * 1000).max(1000),
    };
    Ok(Times::Range {
        start_ms,
        end_ms,
        step_ms,
    })
}

fn ask(server: &str, expression: &str, times: Times) -> Result<(QueryValue, Vec<String>), CommandError> {
    let client = Client::new(server)?;
    let runtime = super::run::small_runtime()?;
    let seconds = |time_ms: i64| format!("{}", time_ms as f64 / 1000.0);
    let body = runtime.block_on(async {
        match times {
            Times::Now => client.post_form("/api/v1/query", &[("query", expression)]).await,
            Times::At { time_ms } => {
                let fields = [("query", expression), ("time", &seconds(time_ms))];
                client.post_form("/api/v1/query", &fields).await
            }
            Times::Range {
                start_ms,
                end_ms,
                step_ms,
            } => {
                let fields = [
                    ("query", expression),
                    ("start", &seconds(start_ms)),
                    ("end", &seconds(end_ms)),
                    ("step", &seconds(step_ms)),
                ];
                client.post_form("/api/v1/query_range", &fields).await
            }
        }
    })?;
    parse_answer(&body)
        .ok_or_else(|| CommandError::Failed(format!("{server} does not answer like a Prometheus server")))
}

fn evaluate(
    directory: &Path,
    args: &QueryArgs,
    times: Times,
    clock: SystemClock,
) -> Result<(QueryValue, Vec<String>), CommandError> {
    let failed = |error: &dyn std::fmt::Display| CommandError::Failed(error.to_string());
    if !directory.is_dir() {
        return Err(CommandError::Failed(format!(
            "{}: no such directory",
            directory.display()
        )));
    }
    let files = RealDirectory::open(directory).map_err(|error| failed(&error))?;
    let db = Db::builder(Arc::new(files))
        .read_only(true)
        .open()
        .map_err(|error| failed(&error))?;
    let engine = Engine::new(args.engine.settings(), Arc::new(clock));
    let expression = args.expression.as_str();
    let output = match times {
        Times::Now => engine.instant(&db, &InstantQuery::new(expression, clock.now_ms())),
        Times::At { time_ms } => engine.instant(&db, &InstantQuery::new(expression, time_ms)),
        Times::Range {
            start_ms,
            end_ms,
            step_ms,
        } => engine.range(&db, &RangeQuery::new(expression, start_ms, end_ms, step_ms)),
    };
    let output = output.map_err(|error| failed(&error))?;
    let notes = [output.annotations.warnings, output.annotations.infos].concat();
    Ok((output.value, notes))
}
