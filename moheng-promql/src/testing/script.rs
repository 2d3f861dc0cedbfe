//! The reader: a script as commands.

use moheng_metrics::{Labels, METRIC_NAME, MatchOp, parse_duration_ms};
use thiserror::Error;

use super::classic::histograms_of_classic;
use super::points::{Point, parse_points, parse_start_offsets, parse_value};
use crate::syntax::parse_series;

/// Further from 1970, either way, no time of a script lies; evaluations look ten times as far.
const MAX_TIME_MS: u64 = 1 << 53;

/// A script.
#[derive(Clone, Debug)]
pub struct Script {
    /// Its commands, in order.
    pub commands: Vec<Command>,
}

/// A command of a script.
#[derive(Clone, Debug)]
pub enum Command {
    /// Forgets all series.
    Clear,
    /// Appends samples.
    Load(Vec<LoadSeries>),
    /// Runs a query and compares.
    Eval(Box<Eval>),
}

/// A series of a `load`.
#[derive(Clone, Debug)]
pub struct LoadSeries {
    /// Who it is.
    pub labels: Labels,
    /// What is there of it, ascending by time.
    pub samples: Vec<LoadSample>,
}

/// A sample of a `load`.
#[derive(Clone, Debug)]
pub struct LoadSample {
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// When it started to count, in milliseconds since the Unix epoch; 0 when not known.
    pub start_timestamp_ms: i64,
    /// The value; never [`Point::Missing`].
    pub value: Point,
}

/// An `eval`.
#[derive(Clone, Debug)]
pub struct Eval {
    /// The line it stands at, from 1.
    pub line: usize,
    /// The query.
    pub query: String,
    /// When to run it.
    pub time: EvalTime,
    /// What must be true besides the result.
    pub expectations: Vec<Expectation>,
    /// The series of the result.
    pub series: Vec<ExpectedSeries>,
    /// The result where it is a number.
    pub scalar: Option<f64>,
}

/// The times of an `eval` in milliseconds.
#[derive(Clone, Copy, Debug)]
pub enum EvalTime {
    /// One time.
    Instant(i64),
    /// Start, end and step.
    Range(i64, i64, i64),
}

/// What must be true besides the result.
#[derive(Clone, Debug)]
pub enum Expectation {
    /// The query fails, with this in its message or matching this regular expression.
    Fail(MessagePattern),
    /// There is such a warning.
    Warn(MessagePattern),
    /// There is such an info.
    Info(MessagePattern),
    /// There is no warning.
    NoWarn,
    /// There is no info.
    NoInfo,
    /// The order of the result counts.
    Ordered,
    /// The result is a matrix of these times: start, end, step in milliseconds.
    RangeVector(i64, i64, i64),
    /// The result is this text.
    Text(String),
}

/// What a message must be.
#[derive(Clone, Debug)]
pub enum MessagePattern {
    /// Anything.
    Any,
    /// Exactly this.
    Text(String),
    /// Something a regular expression finds itself in.
    Regex(String),
}

/// A series of an expected result.
#[derive(Clone, Debug)]
pub struct ExpectedSeries {
    /// Who it is.
    pub labels: Labels,
    /// Its points, one per step.
    pub points: Vec<Point>,
}

/// A script could not be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line}: {message}")]
pub struct ScriptError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    ///
    /// When a line is neither a command nor part of one.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let lines: Vec<&str> = text
            .lines()
            .map(|line| {
                let line = line.trim();
                if line.starts_with('#') { "" } else { line }
            })
            .collect();
        let mut commands = Vec::new();
        let mut index = 0;
        while index < lines.len() {
            let head = lines[index];
            if head.is_empty() {
                index += 1;
                continue;
            }
            let start = index;
            index += 1;
            let takes_block = head != "clear";
            while takes_block && index < lines.len() && !lines[index].is_empty() {
                index += 1;
            }
            let block = &lines[start + 1..index];
            commands.push(parse_command(head, block, start + 1)?);
        }
        Ok(Self { commands })
    }
}

fn parse_command(head: &str, block: &[&str], line: usize) -> Result<Command, ScriptError> {
    let fail = |message: String| ScriptError { line, message };
    let (word, rest) = head.split_once(char::is_whitespace).unwrap_or((head, ""));
    match word {
        "clear" => Ok(Command::Clear),
        "load" | "load_with_nhcb" => {
            let step_ms = parse_time_ms(rest.trim()).map_err(fail)?;
            let mut series: Vec<LoadSeries> = Vec::new();
            let mut starts: Option<StartLine> = None;
            for (offset, text) in block.iter().enumerate() {
                let fail = |message: String| ScriptError {
                    line: line + offset + 1,
                    message,
                };
                let (labels, rest) = parse_labels(text).map_err(fail)?;
                if let Some(offsets) = rest.strip_prefix("@st") {
                    starts = Some((labels, parse_start_offsets(offsets).map_err(fail)?));
                    continue;
                }
                let points = parse_points(rest).map_err(fail)?;
                let loaded = load_series(labels, points, starts.take(), step_ms).map_err(fail)?;
                // The last line of a series counts.
                series.retain(|other| other.labels != loaded.labels);
                series.push(loaded);
            }
            if word == "load_with_nhcb" {
                series.extend(histograms_of_classic(&series));
            }
            Ok(Command::Load(series))
        }
        _ if word.starts_with("eval") => {
            let eval = parse_eval(word, rest.trim(), block, line).map_err(fail)?;
            Ok(Command::Eval(Box::new(eval)))
        }
        _ => Err(fail(format!("unknown command {word:?}"))),
    }
}

/// The labels and the offsets of an `@st` line.
type StartLine = (Labels, Vec<Option<i64>>);

fn load_series(
    labels: Labels,
    points: Vec<Point>,
    starts: Option<StartLine>,
    step_ms: i64,
) -> Result<LoadSeries, String> {
    let offsets = match starts {
        Some((other, offsets)) if other == labels => offsets,
        Some((other, _)) => return Err(format!("the line above is about {other}, not about {labels}")),
        None => Vec::new(),
    };
    let samples = points
        .into_iter()
        .enumerate()
        .filter(|(_, point)| *point != Point::Missing);
    let samples = samples.map(|(index, value)| {
        let timestamp_ms = step_ms.saturating_mul(index as i64);
        let offset_ms = offsets.get(index).copied().flatten();
        LoadSample {
            timestamp_ms,
            start_timestamp_ms: offset_ms.map_or(0, |offset_ms| timestamp_ms.saturating_add(offset_ms)),
            value,
        }
    });
    Ok(LoadSeries {
        labels,
        samples: samples.collect(),
    })
}

/// The labels at the start of a line, and what follows them.
fn parse_labels(text: &str) -> Result<(Labels, &str), String> {
    let (selector, rest) = parse_series(text).map_err(|errors| errors.to_string())?;
    let mut builder = Labels::empty().to_builder();
    if let Some(name) = &selector.name {
        builder.set(METRIC_NAME, name);
    }
    for matcher in &selector.matchers {
        if matcher.op() != MatchOp::Equal {
            return Err(format!("a series has no matcher such as {matcher}"));
        }
        builder.set(matcher.name(), matcher.value());
    }
    Ok((builder.finish(), rest.trim_start()))
}

fn parse_series_line(text: &str) -> Result<(Labels, Vec<Point>), String> {
    let (labels, rest) = parse_labels(text)?;
    Ok((labels, parse_points(rest)?))
}

fn parse_eval(word: &str, rest: &str, block: &[&str], line: usize) -> Result<Eval, String> {
    let mut expectations = Vec::new();
    match word {
        "eval" => {}
        "eval_fail" => expectations.push(Expectation::Fail(MessagePattern::Any)),
        "eval_warn" => expectations.push(Expectation::Warn(MessagePattern::Any)),
        "eval_info" => expectations.push(Expectation::Info(MessagePattern::Any)),
        "eval_ordered" => expectations.push(Expectation::Ordered),
        _ => return Err(format!("unknown command {word:?}")),
    }
    let (time, query) = parse_eval_time(rest)?;
    let mut eval = Eval {
        line,
        query: query.to_owned(),
        time,
        expectations,
        series: Vec::new(),
        scalar: None,
    };
    for text in block {
        if let Some(expectation) = text.strip_prefix("expect ") {
            eval.expectations.push(parse_expectation(expectation.trim())?);
        } else if let Some(message) = text.strip_prefix("expected_fail_message") {
            eval.expectations
                .push(Expectation::Fail(MessagePattern::Text(message.trim().to_owned())));
        } else if let Some(regex) = text.strip_prefix("expected_fail_regexp") {
            eval.expectations
                .push(Expectation::Fail(MessagePattern::Regex(regex.trim().to_owned())));
        } else if let Ok(value) = parse_value(text) {
            eval.scalar = Some(value);
        } else {
            let (labels, points) = parse_series_line(text)?;
            eval.series.push(ExpectedSeries { labels, points });
        }
    }
    Ok(eval)
}

fn parse_eval_time(text: &str) -> Result<(EvalTime, &str), String> {
    let malformed = || format!("cannot read the times of {text:?}");
    let mut rest = text;
    let mut word = || {
        let (word, after) = rest.trim_start().split_once(char::is_whitespace)?;
        rest = after.trim_start();
        Some(word)
    };
    match word().ok_or_else(malformed)? {
        "instant" => {
            if rest.starts_with("at ") {
                let mut word = || {
                    let (word, after) = rest.trim_start().split_once(char::is_whitespace)?;
                    rest = after.trim_start();
                    Some(word)
                };
                word();
                let time_ms = parse_time_ms(word().ok_or_else(malformed)?)?;
                return Ok((EvalTime::Instant(time_ms), rest));
            }
            Ok((EvalTime::Instant(0), rest))
        }
        "range" => {
            let mut times_ms = [0; 3];
            for (time_ms, keyword) in times_ms.iter_mut().zip(["from", "to", "step"]) {
                if word() != Some(keyword) {
                    return Err(malformed());
                }
                *time_ms = parse_time_ms(word().ok_or_else(malformed)?)?;
            }
            let [start_ms, end_ms, step_ms] = times_ms;
            Ok((EvalTime::Range(start_ms, end_ms, step_ms), rest))
        }
        _ => Err(malformed()),
    }
}

/// A duration or seconds, in milliseconds.
fn parse_time_ms(text: &str) -> Result<i64, String> {
    let time_ms = if let Ok(seconds) = text.parse::<f64>() {
        (seconds * 1000.0).round() as i64
    } else {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let time_ms = parse_duration_ms(unsigned).map_err(|error| error.to_string())?;
        if text.starts_with('-') { -time_ms } else { time_ms }
    };
    if time_ms.unsigned_abs() > MAX_TIME_MS {
        return Err(format!("{text:?} is out of range"));
    }
    Ok(time_ms)
}

fn parse_expectation(text: &str) -> Result<Expectation, String> {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    Ok(match word {
        "fail" => Expectation::Fail(parse_pattern(rest)?),
        "warn" => Expectation::Warn(parse_pattern(rest)?),
        "info" => Expectation::Info(parse_pattern(rest)?),
        "no_warn" => Expectation::NoWarn,
        "no_info" => Expectation::NoInfo,
        "ordered" => Expectation::Ordered,
        "range" => {
            let words: Vec<&str> = rest.split_whitespace().collect();
            match words.as_slice() {
                ["vector", "from", start, "to", end, "step", step] => {
                    Expectation::RangeVector(parse_time_ms(start)?, parse_time_ms(end)?, parse_time_ms(step)?)
                }
                _ => return Err(format!("cannot read {text:?}")),
            }
        }
        "string" => {
            let literal = crate::parse(rest).map_err(|errors| errors.to_string())?;
            match literal.kind() {
                crate::ExprKind::String(text) => Expectation::Text(text.clone()),
                _ => return Err(format!("{rest:?} is not a string")),
            }
        }
        _ => return Err(format!("unknown expectation {word:?}")),
    })
}

fn parse_pattern(text: &str) -> Result<MessagePattern, String> {
    if text.is_empty() {
        return Ok(MessagePattern::Any);
    }
    if let Some(message) = text.strip_prefix("msg:") {
        return Ok(MessagePattern::Text(message.trim().to_owned()));
    }
    if let Some(regex) = text.strip_prefix("regex:") {
        return Ok(MessagePattern::Regex(regex.trim().to_owned()));
    }
    Err(format!("cannot read {text:?}"))
}
