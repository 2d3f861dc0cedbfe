//! The series that flags of `tsdb` select, one after the other.

use moheng_metrics::{
    Clock, Matcher, Select, SelectedSeries, SeriesCursor, SeriesSource, SourceError, SystemClock,
};
use moheng_promql::ExprKind;

use crate::args::SelectionArgs;
use crate::command::CommandError;
use crate::time::parse_command_time_ms;

/// What the flags select: one per selector, at least one.
pub(super) fn selects(args: &SelectionArgs) -> Result<Vec<Select>, CommandError> {
    let now_ms = SystemClock::new().now_ms();
    let time = |flag: &str, text: Option<&String>, default_ms| {
        let Some(text) = text else {
            return Ok(default_ms);
        };
        parse_time(text, now_ms).ok_or_else(|| {
            CommandError::Usage(format!(
                "--{flag}: expected Unix milliseconds, RFC 3339, now or -1h, found `{text}`"
            ))
        })
    };
    let start_ms = time("min-time", args.min_time.as_ref(), i64::MIN)?;
    let end_ms = time("max-time", args.max_time.as_ref(), i64::MAX)?;
    if end_ms < start_ms {
        return Err(CommandError::Usage("--max-time is before --min-time".to_owned()));
    }
    if args.matches.is_empty() {
        return Ok(vec![Select::new(Vec::new(), start_ms, end_ms)]);
    }
    args.matches
        .iter()
        .map(|text| Ok(Select::new(matchers(text)?, start_ms, end_ms)))
        .collect()
}

/// Milliseconds as promtool takes them; other times as all commands take them.
fn parse_time(text: &str, now_ms: i64) -> Option<i64> {
    text.parse().ok().or_else(|| parse_command_time_ms(text, now_ms))
}

/// The matchers of a selector.
pub(super) fn matchers(text: &str) -> Result<Vec<Matcher>, CommandError> {
    let refuse = |reason: &dyn std::fmt::Display| CommandError::Usage(format!("--match: {reason}"));
    let expression = moheng_promql::parse(text).map_err(|errors| refuse(&errors))?;
    match expression.kind() {
        ExprKind::Selector(selector) => Ok(selector.all_matchers()),
        _ => Err(refuse(&"expected a selector such as up{job=\"node\"}")),
    }
}

/// The series that any of several selections has, each once, in label order.
pub(super) struct UnionCursor<'a> {
    cursors: Vec<Peeked<'a>>,
}

struct Peeked<'a> {
    cursor: Box<dyn SeriesCursor<'a> + 'a>,
    next: Option<SelectedSeries<'a>>,
}

impl<'a> UnionCursor<'a> {
    pub(super) fn new(source: &'a dyn SeriesSource, selects: &[Select]) -> Result<Self, SourceError> {
        let peek = |select: &Select| {
            let mut cursor = source.select(select)?;
            let next = cursor.next_series()?;
            Ok(Peeked { cursor, next })
        };
        let cursors = selects.iter().map(peek).collect::<Result<_, SourceError>>()?;
        Ok(Self { cursors })
    }

    pub(super) fn next_series(&mut self) -> Result<Option<SelectedSeries<'a>>, SourceError> {
        let peeked = self.cursors.iter().filter_map(|peeked| peeked.next.as_ref());
        let Some(labels) = peeked.map(|series| &series.labels).min().cloned() else {
            return Ok(None);
        };
        let mut found = None;
        for Peeked { cursor, next } in &mut self.cursors {
            if next.as_ref().is_some_and(|series| series.labels == labels) {
                // The others would hand out the same samples.
                found = std::mem::replace(next, cursor.next_series()?);
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use moheng_metrics::{AppendBatch, Labels, MemorySource, SampleSink};

    use super::*;

    #[track_caller]
    fn check(selectors: &[&str], expected: &str) {
        let source = MemorySource::new();
        let mut batch = AppendBatch::new();
        let all: Vec<Labels> = ["a", "b", "c", "d"]
            .map(|name| Labels::from_pairs([("__name__", name), ("x", "1")]))
            .into();
        for labels in &all {
            batch.push_labels(labels, 1000, 1.0);
        }
        source.append(&batch).unwrap();
        let selects: Vec<Select> = selectors
            .iter()
            .map(|text| Select::new(matchers(text).unwrap(), 0, 5000))
            .collect();
        let mut cursor = UnionCursor::new(&source, &selects).unwrap();
        let mut found = String::new();
        while let Some(series) = cursor.next_series().unwrap() {
            found += series.labels.get("__name__").unwrap();
        }
        assert_eq!(found, expected, "{selectors:?}");
    }

    #[test]
    fn series_come_once_and_in_order() {
        check(&["a"], "a");
        check(&["d", "a"], "ad");
        check(&["{__name__=~'b|c'}", "{__name__=~'c|d'}", "c"], "bcd");
        check(&["{x='1'}", "{x='1'}"], "abcd");
        check(&["{x='2'}", "nothing"], "");
    }

    #[test]
    fn times() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("1700000000000", Some(1_700_000_000_000)),
            ("1970-01-01T00:00:01Z", Some(1000)),
            ("now", Some(60_000)),
            ("-1m", Some(0)),
            ("yesterday", None),
        ] {
            assert_eq!(parse_time(text, 60_000), expected, "{text}");
        }
    }
}
