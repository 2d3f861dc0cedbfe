//! The formats in which metrics are exposed over HTTP: reading, writing and negotiating them.
//!
//! [`write()`] and [`parse`] turn whole [`crate::MetricFamily`] values into any [`Format`] and back. A scraper, which wants series rather
//! than families, reads lines with [`LineParser`] and recognises each series by the bytes it had before. [`negotiate`],
//! [`accept_header`] and [`scrape_format`] agree on the format.
//!
//! ```
//! use moheng_metrics::exposition::{Format, negotiate, parse, write};
//! use moheng_metrics::{MetricFamily, MetricKind};
//!
//! let answer = negotiate("application/openmetrics-text;version=1.0.0", &Format::ALL);
//! let families = [MetricFamily::single("hits_total", MetricKind::Counter, "Requests.", 7.0)];
//! let mut body = Vec::new();
//! write(answer.format, answer.escaping, &families, &mut body);
//! assert_eq!(body, b"# HELP hits Requests.\n# TYPE hits counter\nhits_total 7\n# EOF\n");
//! assert_eq!(parse(answer.format, &body)?, families);
//! # Ok::<(), moheng_metrics::exposition::ParseError>(())
//! ```

mod entry;
mod error;
mod families;
mod format;
mod grammar;
mod lines;
mod media_type;
mod negotiation;
mod openmetrics;
mod output;
mod protobuf;
mod text;

pub use entry::{TextEntry, TextSample};
pub use error::ParseError;
pub use format::Format;
pub use lines::LineParser;
pub use negotiation::{ContentTypeError, Negotiated, ScrapeFormat, accept_header, negotiate, scrape_format};
pub use openmetrics::{MAX_EXEMPLAR_CHARACTERS, OpenMetricsParser};
pub use protobuf::{FamilyView, MetricView, MetricViews, ProtobufParser};
pub use text::{TEXT_CONTENT_TYPE, TextParser, write_text};

use crate::{EscapingScheme, MetricFamily};

/// Appends `families` in a format, with names that are not legacy names written by a scheme; the formats that know no
/// quotes take underscores for [`EscapingScheme::AllowUtf8`].
///
/// What a format has no word for is left out: the text formats have no exemplars, units, starts and native histograms, OpenMetrics has no
/// native histograms. Families without a name are left out.
pub fn write(format: Format, escaping: EscapingScheme, families: &[MetricFamily], out: &mut Vec<u8>) {
    let escaping = format.escaping(escaping);
    match format {
        Format::Text0_0_4 | Format::Text1_0_0 => text::write_families(families, escaping, out),
        Format::OpenMetrics0_0_1 | Format::OpenMetrics1_0_0 => {
            openmetrics::write_families(families, escaping, out);
        }
        Format::Protobuf => protobuf::write_families(families, escaping, out),
    }
}

/// Reads an exposition as families, in the order in which they are first named.
///
/// The lines of a histogram or summary become one metric, wherever they stand. A sample without a family becomes one of its own, untyped.
///
/// # Errors
///
/// When the bytes do not follow the format, or do not make up whole metrics: a histogram without a count, a part of it twice.
pub fn parse(format: Format, bytes: &[u8]) -> Result<Vec<MetricFamily>, ParseError> {
    match format {
        Format::Text0_0_4 | Format::Text1_0_0 => families::read_text(bytes),
        Format::OpenMetrics0_0_1 | Format::OpenMetrics1_0_0 => families::read_openmetrics(bytes),
        Format::Protobuf => protobuf::read_families(bytes),
    }
}
