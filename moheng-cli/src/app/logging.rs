//! Log lines on standard error: logfmt or JSON.

use std::fmt::{self, Write};

use moheng_metrics::{Clock, SystemClock};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::args::{LogArgs, LogFormat, LogLevel};
use crate::http::push_json_string;
use crate::time::format_time;

/// Starts logging for the rest of the process.
pub(crate) fn start_logging(args: &LogArgs) {
    let level = match args.level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    let lines = Lines {
        format: args.format,
        clock: SystemClock::new(),
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .event_format(lines)
        .init();
}

struct Lines {
    format: LogFormat,
    clock: SystemClock,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let time = format_time(self.clock.now_ms());
        let level = event.metadata().level().as_str();
        writer.write_str(&fields.line(self.format, &time, level))
    }
}

/// The message of an event and what goes with it, as text.
#[derive(Default)]
struct Fields {
    message: String,
    rest: Vec<(&'static str, String)>,
}

impl Fields {
    fn line(&self, format: LogFormat, time: &str, level: &str) -> String {
        let head = [("time", time), ("level", level), ("msg", self.message.as_str())];
        let rest = self.rest.iter().map(|(name, value)| (*name, value.as_str()));
        let mut line = String::with_capacity(128);
        match format {
            LogFormat::Logfmt => {
                for (name, value) in head.into_iter().chain(rest) {
                    let space = if line.is_empty() { "" } else { " " };
                    line.push_str(space);
                    line.push_str(name);
                    line.push('=');
                    push_logfmt_value(value, &mut line);
                }
            }
            LogFormat::Json => {
                for (name, value) in head.into_iter().chain(rest) {
                    line.push(if line.is_empty() { '{' } else { ',' });
                    push_json_string(name, &mut line);
                    line.push(':');
                    push_json_string(value, &mut line);
                }
                line.push('}');
            }
        }
        line.push('\n');
        line
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.rest.push((field.name(), value.to_owned()));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// Quotes a value unless it is one plain word, so that no value can forge a line or a field.
fn push_logfmt_value(value: &str, line: &mut String) {
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '=' | '\\');
    if !value.is_empty() && value.chars().all(is_plain) {
        line.push_str(value);
    } else {
        // Writing to a String does not fail.
        let _ = write!(line, "{value:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let fields = Fields {
            message: "a \"b\"\n".to_owned(),
            rest: vec![("n", "1".to_owned()), ("empty", String::new())],
        };
        assert_eq!(
            fields.line(LogFormat::Logfmt, "T", "INFO"),
            "time=T level=INFO msg=\"a \\\"b\\\"\\n\" n=1 empty=\"\"\n"
        );
        assert_eq!(
            fields.line(LogFormat::Json, "T", "INFO"),
            "{\"time\":\"T\",\"level\":\"INFO\",\"msg\":\"a \\\"b\\\"\\n\",\"n\":\"1\",\"empty\":\"\"}\n"
        );
    }
}
