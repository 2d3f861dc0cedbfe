//! The messages of a metrics export request. Field numbers are those of opentelemetry-proto 1.x (`metrics/v1`,
//! `resource/v1`, `common/v1`).

use super::{Field, Message};
use crate::otlp::OtlpError;

/// A resource: what the metrics are about.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::otlp) struct Resource<'a>(Message<'a>);

/// Who measured.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::otlp) struct Scope<'a> {
    pub(in crate::otlp) name: &'a str,
    pub(in crate::otlp) version: &'a str,
    message: Message<'a>,
}

#[derive(Clone, Copy, Debug)]
pub(in crate::otlp) struct Metric<'a> {
    pub(in crate::otlp) name: &'a str,
    pub(in crate::otlp) description: &'a str,
    pub(in crate::otlp) unit: &'a str,
    pub(in crate::otlp) data: Option<Data<'a>>,
    /// The metadata `prometheus.type`: what the metric was before it was translated to OTLP.
    pub(in crate::otlp) prometheus_type: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::otlp) enum DataKind {
    Gauge,
    Sum,
    Histogram,
    ExponentialHistogram,
    Summary,
}

/// The points of a metric.
#[derive(Clone, Copy, Debug)]
pub(in crate::otlp) struct Data<'a> {
    pub(in crate::otlp) kind: DataKind,
    /// 1 is delta, 2 cumulative.
    pub(in crate::otlp) temporality: u64,
    pub(in crate::otlp) is_monotonic: bool,
    message: Message<'a>,
}

/// When a point was taken.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::otlp) struct PointTime {
    pub(in crate::otlp) start_ns: u64,
    pub(in crate::otlp) time_ns: u64,
    /// Whether the point says that there is no value anymore.
    pub(in crate::otlp) is_stale: bool,
}

#[derive(Clone, Copy, Debug)]
pub(in crate::otlp) enum NumberValue {
    Double(f64),
    Integer(i64),
}

#[derive(Clone, Copy, Debug, Default)]
pub(in crate::otlp) struct NumberPoint {
    pub(in crate::otlp) time: PointTime,
    pub(in crate::otlp) value: Option<NumberValue>,
}

#[derive(Clone, Debug, Default)]
pub(in crate::otlp) struct HistogramPointMessage {
    pub(in crate::otlp) time: PointTime,
    pub(in crate::otlp) count: u64,
    pub(in crate::otlp) sum: Option<f64>,
    pub(in crate::otlp) bucket_counts: Vec<u64>,
    /// Bits of floats.
    bounds: Vec<u64>,
}

#[derive(Clone, Debug, Default)]
pub(in crate::otlp) struct ExponentialPoint {
    pub(in crate::otlp) time: PointTime,
    pub(in crate::otlp) count: u64,
    pub(in crate::otlp) sum: Option<f64>,
    pub(in crate::otlp) scale: i32,
    pub(in crate::otlp) zero_count: u64,
    pub(in crate::otlp) zero_threshold: f64,
    pub(in crate::otlp) positive: Buckets,
    pub(in crate::otlp) negative: Buckets,
}

#[derive(Clone, Debug, Default)]
pub(in crate::otlp) struct Buckets {
    pub(in crate::otlp) offset: i32,
    pub(in crate::otlp) counts: Vec<u64>,
}

#[derive(Clone, Debug, Default)]
pub(in crate::otlp) struct SummaryPoint {
    pub(in crate::otlp) time: PointTime,
    pub(in crate::otlp) count: u64,
    pub(in crate::otlp) sum: f64,
    /// Quantile and value.
    pub(in crate::otlp) quantiles: Vec<(f64, f64)>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(in crate::otlp) struct ExemplarMessage<'a> {
    pub(in crate::otlp) time_ns: u64,
    pub(in crate::otlp) value: Option<NumberValue>,
    pub(in crate::otlp) span_id: &'a [u8],
    pub(in crate::otlp) trace_id: &'a [u8],
    message: Message<'a>,
}

#[derive(Clone, Copy, Debug)]
pub(in crate::otlp) struct KeyValue<'a> {
    pub(in crate::otlp) key: &'a str,
    pub(in crate::otlp) value: AnyValue<'a>,
}

/// The value of an attribute.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::otlp) enum AnyValue<'a> {
    #[default]
    Empty,
    Text(&'a str),
    Bool(bool),
    Integer(i64),
    Double(f64),
    /// The field `values` of the message.
    Array(Message<'a>),
    /// The field `values` of the message.
    Map(Message<'a>),
    Bytes(&'a [u8]),
}

impl<'a> Message<'a> {
    /// Of a request: for every resource its message.
    pub(in crate::otlp) fn resource_metrics(self) -> impl Iterator<Item = Result<Message<'a>, OtlpError>> {
        self.children(1)
    }

    /// Of a resource's message: the resource.
    pub(in crate::otlp) fn resource(self) -> Result<Resource<'a>, OtlpError> {
        self.children(1)
            .last()
            .unwrap_or(Ok(Message::default()))
            .map(Resource)
    }

    /// Of a resource's message: for every scope its message.
    pub(in crate::otlp) fn scope_metrics(self) -> impl Iterator<Item = Result<Message<'a>, OtlpError>> {
        self.children(2)
    }

    /// Of a scope's message: the scope and the URL of its schema.
    pub(in crate::otlp) fn scope(self) -> Result<(Scope<'a>, &'a str), OtlpError> {
        let mut scope = Scope::default();
        let mut schema_url = "";
        for field in self.fields() {
            let field = field?;
            match field.number {
                1 => scope = Scope::read(field.message()?)?,
                3 => schema_url = field.text()?,
                _ => {}
            }
        }
        Ok((scope, schema_url))
    }

    /// Of a scope's message: the metrics.
    pub(in crate::otlp) fn metrics(self) -> impl Iterator<Item = Result<Metric<'a>, OtlpError>> {
        self.children(2).map(|message| Metric::read(message?))
    }

    /// The attributes in the field with this number.
    fn attributes(self, number: u32) -> impl Iterator<Item = Result<KeyValue<'a>, OtlpError>> {
        self.children(number).map(|message| KeyValue::read(message?))
    }

    /// Of an array's message: the values.
    pub(in crate::otlp) fn values(self) -> impl Iterator<Item = Result<AnyValue<'a>, OtlpError>> {
        self.children(1).map(|message| AnyValue::read(message?))
    }

    /// Of a map's message: the pairs.
    pub(in crate::otlp) fn pairs(self) -> impl Iterator<Item = Result<KeyValue<'a>, OtlpError>> {
        self.attributes(1)
    }
}

impl<'a> Resource<'a> {
    pub(in crate::otlp) fn attributes(self) -> impl Iterator<Item = Result<KeyValue<'a>, OtlpError>> {
        self.0.attributes(1)
    }
}

impl<'a> Scope<'a> {
    fn read(message: Message<'a>) -> Result<Self, OtlpError> {
        let mut scope = Self {
            message,
            ..Self::default()
        };
        for field in message.fields() {
            let field = field?;
            match field.number {
                1 => scope.name = field.text()?,
                2 => scope.version = field.text()?,
                _ => {}
            }
        }
        Ok(scope)
    }

    pub(in crate::otlp) fn attributes(self) -> impl Iterator<Item = Result<KeyValue<'a>, OtlpError>> {
        self.message.attributes(3)
    }
}

impl<'a> Metric<'a> {
    fn read(message: Message<'a>) -> Result<Self, OtlpError> {
        let mut metric = Self {
            name: "",
            description: "",
            unit: "",
            data: None,
            prometheus_type: "",
        };
        for field in message.fields() {
            let field = field?;
            match field.number {
                1 => metric.name = field.text()?,
                2 => metric.description = field.text()?,
                3 => metric.unit = field.text()?,
                5 => metric.data = Some(Data::read(DataKind::Gauge, field.message()?)?),
                7 => metric.data = Some(Data::read(DataKind::Sum, field.message()?)?),
                9 => metric.data = Some(Data::read(DataKind::Histogram, field.message()?)?),
                10 => metric.data = Some(Data::read(DataKind::ExponentialHistogram, field.message()?)?),
                11 => metric.data = Some(Data::read(DataKind::Summary, field.message()?)?),
                12 => {
                    let pair = KeyValue::read(field.message()?)?;
                    if let ("prometheus.type", AnyValue::Text(text)) = (pair.key, pair.value) {
                        metric.prometheus_type = text;
                    }
                }
                _ => {}
            }
        }
        Ok(metric)
    }
}

impl<'a> Data<'a> {
    fn read(kind: DataKind, message: Message<'a>) -> Result<Self, OtlpError> {
        let mut data = Self {
            kind,
            temporality: 0,
            is_monotonic: false,
            message,
        };
        for field in message.fields() {
            let field = field?;
            match field.number {
                2 => data.temporality = field.varint()?,
                3 => data.is_monotonic = field.varint()? != 0,
                _ => {}
            }
        }
        Ok(data)
    }

    pub(in crate::otlp) fn points(self) -> impl Iterator<Item = Result<Message<'a>, OtlpError>> {
        self.message.children(1)
    }

    /// The attributes of a point of this kind.
    pub(in crate::otlp) fn attributes(
        self,
        point: Message<'a>,
    ) -> impl Iterator<Item = Result<KeyValue<'a>, OtlpError>> {
        point.attributes(match self.kind {
            DataKind::Gauge | DataKind::Sum | DataKind::Summary => 7,
            DataKind::Histogram => 9,
            DataKind::ExponentialHistogram => 1,
        })
    }

    /// The exemplars of a point of this kind.
    pub(in crate::otlp) fn exemplars(
        self,
        point: Message<'a>,
    ) -> impl Iterator<Item = Result<ExemplarMessage<'a>, OtlpError>> {
        let number = match self.kind {
            DataKind::Gauge | DataKind::Sum => 5,
            DataKind::Histogram => 8,
            DataKind::ExponentialHistogram => 11,
            // No field has this number.
            DataKind::Summary => 0,
        };
        point
            .children(number)
            .map(|message| ExemplarMessage::read(message?))
    }
}

impl PointTime {
    /// Takes one of the fields that all points have.
    fn read(&mut self, field: Field<'_>, flags_number: u32) -> Result<(), OtlpError> {
        match field.number {
            2 => self.start_ns = field.fixed64()?,
            3 => self.time_ns = field.fixed64()?,
            number if number == flags_number => self.is_stale = field.varint()? & 1 != 0,
            _ => {}
        }
        Ok(())
    }
}

impl NumberPoint {
    pub(in crate::otlp) fn read(message: Message<'_>) -> Result<Self, OtlpError> {
        let mut point = Self::default();
        for field in message.fields() {
            let field = field?;
            match field.number {
                4 => point.value = Some(NumberValue::Double(field.double()?)),
                6 => point.value = Some(NumberValue::Integer(field.fixed64()? as i64)),
                _ => point.time.read(field, 8)?,
            }
        }
        Ok(point)
    }
}

impl HistogramPointMessage {
    pub(in crate::otlp) fn read(message: Message<'_>) -> Result<Self, OtlpError> {
        let mut point = Self::default();
        for field in message.fields() {
            let field = field?;
            match field.number {
                4 => point.count = field.fixed64()?,
                5 => point.sum = Some(field.double()?),
                6 => field.push_fixed64(&mut point.bucket_counts)?,
                7 => field.push_fixed64(&mut point.bounds)?,
                _ => point.time.read(field, 10)?,
            }
        }
        Ok(point)
    }

    pub(in crate::otlp) fn bounds(&self) -> impl ExactSizeIterator<Item = f64> + Clone {
        self.bounds.iter().copied().map(f64::from_bits)
    }
}

impl ExponentialPoint {
    pub(in crate::otlp) fn read(message: Message<'_>) -> Result<Self, OtlpError> {
        let mut point = Self::default();
        for field in message.fields() {
            let field = field?;
            match field.number {
                4 => point.count = field.fixed64()?,
                5 => point.sum = Some(field.double()?),
                6 => point.scale = field.zigzag32()?,
                7 => point.zero_count = field.fixed64()?,
                8 => point.positive = Buckets::read(field.message()?)?,
                9 => point.negative = Buckets::read(field.message()?)?,
                14 => point.zero_threshold = field.double()?,
                _ => point.time.read(field, 10)?,
            }
        }
        Ok(point)
    }
}

impl Buckets {
    fn read(message: Message<'_>) -> Result<Self, OtlpError> {
        let mut buckets = Self::default();
        for field in message.fields() {
            let field = field?;
            match field.number {
                1 => buckets.offset = field.zigzag32()?,
                2 => field.push_varints(&mut buckets.counts)?,
                _ => {}
            }
        }
        Ok(buckets)
    }
}

impl SummaryPoint {
    pub(in crate::otlp) fn read(message: Message<'_>) -> Result<Self, OtlpError> {
        let mut point = Self::default();
        for field in message.fields() {
            let field = field?;
            match field.number {
                4 => point.count = field.fixed64()?,
                5 => point.sum = field.double()?,
                6 => {
                    let mut quantile = (0.0, 0.0);
                    for field in field.message()?.fields() {
                        let field = field?;
                        match field.number {
                            1 => quantile.0 = field.double()?,
                            2 => quantile.1 = field.double()?,
                            _ => {}
                        }
                    }
                    point.quantiles.push(quantile);
                }
                _ => point.time.read(field, 8)?,
            }
        }
        Ok(point)
    }
}

impl<'a> ExemplarMessage<'a> {
    fn read(message: Message<'a>) -> Result<Self, OtlpError> {
        let mut exemplar = Self {
            message,
            ..Self::default()
        };
        for field in message.fields() {
            let field = field?;
            match field.number {
                2 => exemplar.time_ns = field.fixed64()?,
                3 => exemplar.value = Some(NumberValue::Double(field.double()?)),
                4 => exemplar.span_id = field.message()?.bytes(),
                5 => exemplar.trace_id = field.message()?.bytes(),
                6 => exemplar.value = Some(NumberValue::Integer(field.fixed64()? as i64)),
                _ => {}
            }
        }
        Ok(exemplar)
    }

    pub(in crate::otlp) fn attributes(self) -> impl Iterator<Item = Result<KeyValue<'a>, OtlpError>> {
        self.message.attributes(7)
    }
}

impl<'a> KeyValue<'a> {
    fn read(message: Message<'a>) -> Result<Self, OtlpError> {
        let mut pair = Self {
            key: "",
            value: AnyValue::Empty,
        };
        for field in message.fields() {
            let field = field?;
            match field.number {
                1 => pair.key = field.text()?,
                2 => pair.value = AnyValue::read(field.message()?)?,
                _ => {}
            }
        }
        Ok(pair)
    }
}

impl<'a> AnyValue<'a> {
    fn read(message: Message<'a>) -> Result<Self, OtlpError> {
        let mut value = Self::Empty;
        for field in message.fields() {
            let field = field?;
            value = match field.number {
                1 => Self::Text(field.text()?),
                2 => Self::Bool(field.varint()? != 0),
                3 => Self::Integer(field.varint()? as i64),
                4 => Self::Double(field.double()?),
                5 => Self::Array(field.message()?),
                6 => Self::Map(field.message()?),
                7 => Self::Bytes(field.message()?.bytes()),
                _ => continue,
            };
        }
        Ok(value)
    }
}

impl NumberValue {
    pub(in crate::otlp) fn as_f64(self) -> f64 {
        match self {
            Self::Double(value) => value,
            Self::Integer(value) => value as f64,
        }
    }
}
