//! [`ProtobufParser`]: an exposition, read in place family by family.

use super::fields::{metric, metric_family};
use super::value::{read_counter, read_number, read_summary};
use super::{histogram, value};
use crate::exposition::ParseError;
use crate::protobuf::{ProtobufError, ProtobufErrorKind, Reader, delimited, known, varint};
use crate::{Labels, Metric, MetricFamily, MetricKind, MetricValue};

/// Reads an exposition family by family, and of a family metric by metric, so that no page is ever in memory as a whole but as bytes.
///
/// As an iterator it gives families; after an error there are no more.
///
/// ```
/// use moheng_metrics::exposition::{Format, ProtobufParser, write};
/// use moheng_metrics::{EscapingScheme, MetricFamily, MetricKind};
///
/// let mut family = MetricFamily::new("hits_total", MetricKind::Counter, "Requests.");
/// family.push([("code", "200")], 7.0);
/// let mut page = Vec::new();
/// write(Format::Protobuf, EscapingScheme::AllowUtf8, &[family.clone()], &mut page);
///
/// for view in ProtobufParser::new(&page) {
///     let view = view?;
///     assert_eq!(view.name, "hits_total");
///     for metric in view.metrics() {
///         assert_eq!(metric?.number()?, Some(7.0));
///     }
///     assert_eq!(view.to_family()?, family);
/// }
/// # Ok::<(), moheng_metrics::protobuf::ProtobufError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ProtobufParser<'a> {
    reader: Reader<'a>,
}

impl<'a> ProtobufParser<'a> {
    /// A parser at the beginning of a page.
    pub fn new(page: &'a [u8]) -> Self {
        let reader = Reader::new(page);
        Self { reader }
    }

    fn read(&mut self) -> Result<FamilyView<'a>, ProtobufError> {
        FamilyView::read(self.reader.message("family")?)
    }
}

impl<'a> Iterator for ProtobufParser<'a> {
    type Item = Result<FamilyView<'a>, ProtobufError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let family = self.read();
        if family.is_err() {
            self.reader = Reader::new(&[]);
        }
        Some(family)
    }
}

/// A family whose metrics are not read yet.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FamilyView<'a> {
    /// The name, without the suffixes of histograms and summaries.
    pub name: &'a str,
    /// For people; may be empty.
    pub help: &'a str,
    /// The unit; may be empty.
    pub unit: &'a str,
    /// The type: one of those that the format knows.
    pub kind: MetricKind,
    message: Reader<'a>,
}

const METRIC_KEY: u32 = delimited(metric_family::METRIC);

impl<'a> FamilyView<'a> {
    fn read(message: Reader<'a>) -> Result<Self, ProtobufError> {
        const NAME_KEY: u32 = delimited(metric_family::NAME);
        const HELP_KEY: u32 = delimited(metric_family::HELP);
        const TYPE_KEY: u32 = varint(metric_family::TYPE);
        const UNIT_KEY: u32 = delimited(metric_family::UNIT);
        const FIELDS: u64 = known(&[1, 2, 3, 4, 5]);
        let mut family = Self {
            name: "",
            help: "",
            unit: "",
            kind: MetricKind::Counter,
            message,
        };
        let mut reader = message;
        while let Some(key) = reader.key("family")? {
            match key {
                METRIC_KEY => drop(reader.bytes("family.metric")?),
                NAME_KEY => family.name = reader.text("family.name")?,
                HELP_KEY => family.help = reader.text("family.help")?,
                UNIT_KEY => family.unit = reader.text("family.unit")?,
                TYPE_KEY => family.kind = read_kind(&mut reader)?,
                key => reader.skip(key, FIELDS, "family")?,
            }
        }
        if family.name.is_empty() {
            return Err(message.error("family.name", ProtobufErrorKind::Missing));
        }
        Ok(family)
    }

    /// The metrics, in the order they were written; after an error there are no more.
    pub fn metrics(&self) -> MetricViews<'a> {
        MetricViews {
            reader: self.message,
            kind: self.kind,
        }
    }

    /// The family with texts and metrics of its own.
    ///
    /// # Errors
    ///
    /// [`ProtobufError`] when one of the metrics cannot be read.
    pub fn to_family(&self) -> Result<MetricFamily, ProtobufError> {
        let metrics = self.metrics().map(|metric| metric?.to_metric());
        Ok(MetricFamily {
            padded_labels: Vec::new(),
            name: self.name.to_owned(),
            kind: self.kind,
            help: self.help.to_owned(),
            unit: self.unit.to_owned(),
            metrics: metrics.collect::<Result<_, _>>()?,
        })
    }
}

/// The metrics of a family.
#[derive(Clone, Debug)]
pub struct MetricViews<'a> {
    reader: Reader<'a>,
    kind: MetricKind,
}

impl<'a> MetricViews<'a> {
    fn read(&mut self) -> Result<Option<MetricView<'a>>, ProtobufError> {
        while let Some(key) = self.reader.key("family")? {
            if key == METRIC_KEY {
                let message = self.reader.message("family.metric")?;
                return MetricView::read(message, self.kind).map(Some);
            }
            self.reader.skip(key, 0, "family")?;
        }
        Ok(None)
    }
}

impl<'a> Iterator for MetricViews<'a> {
    type Item = Result<MetricView<'a>, ProtobufError>;

    fn next(&mut self) -> Option<Self::Item> {
        let metric = self.read();
        if metric.is_err() {
            self.reader = Reader::new(&[]);
        }
        metric.transpose()
    }
}

/// A metric whose labels and value are not read yet.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MetricView<'a> {
    /// The labels as they were written. Metrics of one family with the same bytes have the same labels, so a scraper need
    /// not read the labels of what it has seen before.
    pub raw_labels: &'a [u8],
    /// Milliseconds since the Unix epoch, where the value was not taken now.
    pub timestamp_ms: Option<i64>,
    kind: MetricKind,
    message: Reader<'a>,
    value: Reader<'a>,
}

const LABEL_KEY: u32 = delimited(metric::LABEL);

impl<'a> MetricView<'a> {
    fn read(message: Reader<'a>, kind: MetricKind) -> Result<Self, ProtobufError> {
        const TIMESTAMP_KEY: u32 = varint(metric::TIMESTAMP_MS);
        const FIELDS: u64 = known(&[1, 2, 3, 4, 5, 6, 7]);
        let value_key = delimited(match kind {
            MetricKind::Counter => metric::COUNTER,
            MetricKind::Summary => metric::SUMMARY,
            MetricKind::Untyped => metric::UNTYPED,
            MetricKind::Histogram | MetricKind::GaugeHistogram => metric::HISTOGRAM,
            MetricKind::Gauge | MetricKind::Info | MetricKind::StateSet => metric::GAUGE,
        });
        let (mut value, mut timestamp_ms) = (None, None);
        // Where the labels begin and end, as what is left there.
        let mut labels: Option<(&[u8], usize)> = None;
        let mut reader = message;
        loop {
            let before = reader.rest();
            let Some(key) = reader.key("metric")? else { break };
            match key {
                LABEL_KEY => {
                    reader.bytes("metric.label")?;
                    labels = Some((labels.map_or(before, |(start, _)| start), reader.rest().len()));
                }
                TIMESTAMP_KEY => timestamp_ms = Some(reader.varint("metric.timestamp_ms")? as i64),
                key if key == value_key => value = Some(reader.message("metric.value")?),
                // Values of other types say nothing in this family.
                key if is_value(key) => drop(reader.bytes("metric.value")?),
                key => reader.skip(key, FIELDS, "metric")?,
            }
        }
        let raw_labels = labels.and_then(|(start, left)| start.get(..start.len() - left));
        let value = value.ok_or_else(|| message.error("metric.value", ProtobufErrorKind::Missing))?;
        Ok(Self {
            raw_labels: raw_labels.unwrap_or_default(),
            timestamp_ms,
            kind,
            message,
            value,
        })
    }

    /// The labels, without the name of the metric.
    ///
    /// # Errors
    ///
    /// [`ProtobufError`] when a label cannot be read, a name is empty or not unique.
    pub fn labels(&self) -> Result<Labels, ProtobufError> {
        value::read_labels(self.message, metric::LABEL, "metric.label")
    }

    /// The value, if the family is not one of histograms or summaries.
    ///
    /// # Errors
    ///
    /// [`ProtobufError`] when it cannot be read.
    pub fn number(&self) -> Result<Option<f64>, ProtobufError> {
        match self.kind {
            MetricKind::Histogram | MetricKind::GaugeHistogram | MetricKind::Summary => Ok(None),
            _ => read_number(self.value).map(Some),
        }
    }

    /// The metric with labels and value of its own. A native histogram is not validated, and may be of a schema up to
    /// [`crate::histogram::MAX_RECEIVED_SCHEMA`].
    ///
    /// # Errors
    ///
    /// [`ProtobufError`] when a part of it cannot be read.
    pub fn to_metric(&self) -> Result<Metric, ProtobufError> {
        let mut metric = Metric::new(self.labels()?, MetricValue::Number(0.0));
        metric.timestamp_ms = self.timestamp_ms;
        match self.kind {
            MetricKind::Counter => read_counter(self.value, &mut metric)?,
            MetricKind::Summary => read_summary(self.value, &mut metric)?,
            MetricKind::Histogram | MetricKind::GaugeHistogram => {
                let is_gauge = self.kind == MetricKind::GaugeHistogram;
                let (histogram, start_ms) = histogram::read(self.value, is_gauge)?;
                metric.value = MetricValue::Histogram(Box::new(histogram));
                metric.start_timestamp_ms = start_ms;
            }
            _ => metric.value = MetricValue::Number(read_number(self.value)?),
        }
        Ok(metric)
    }
}

/// Reads a page as families.
pub(in crate::exposition) fn read_families(page: &[u8]) -> Result<Vec<MetricFamily>, ParseError> {
    let families = ProtobufParser::new(page).map(|family| family?.to_family());
    families.collect::<Result<_, _>>().map_err(|error| ParseError {
        line: 1,
        column: error.offset + 1,
        message: format!("{}: {}", error.field, error.kind),
    })
}

fn is_value(key: u32) -> bool {
    const VALUES: u64 = known(&[
        metric::GAUGE,
        metric::COUNTER,
        metric::SUMMARY,
        metric::UNTYPED,
        metric::HISTOGRAM,
    ]);
    let number = key >> 3;
    number < u64::BITS && VALUES >> number & 1 == 1 && key == delimited(number)
}

fn read_kind(reader: &mut Reader<'_>) -> Result<MetricKind, ProtobufError> {
    let start = *reader;
    let number = reader.choice("family.type")?;
    Ok(match number {
        0 => MetricKind::Counter,
        1 => MetricKind::Gauge,
        2 => MetricKind::Summary,
        3 => MetricKind::Untyped,
        4 => MetricKind::Histogram,
        5 => MetricKind::GaugeHistogram,
        _ => {
            let kind = ProtobufErrorKind::UnknownValue(i64::from(number));
            return Err(start.error("family.type", kind));
        }
    })
}
