//! The fields of a request in JSON: names, numbers and types of opentelemetry-proto 1.x.

use std::borrow::Cow;

/// The fields of a message that are read.
#[derive(Debug)]
pub(super) struct MessageSchema {
    fields: &'static [Field],
}

#[derive(Debug)]
pub(super) struct Field {
    name: &'static str,
    pub(super) number: u32,
    pub(super) kind: Kind,
    pub(super) is_repeated: bool,
}

/// How a value is written in JSON and in protobuf.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Text,
    /// Ids, which OTLP writes in hexadecimal.
    Hex,
    Base64,
    Bool,
    Int64,
    Uint64,
    Sint32,
    Fixed64,
    Sfixed64,
    Double,
    /// Names of values in their order from 0.
    Enumeration(&'static [&'static str]),
    Message(&'static MessageSchema),
}

impl MessageSchema {
    /// The field with this name, in camel case or as the protobuf definition has it.
    pub(super) fn field(&self, name: &str) -> Option<&'static Field> {
        let name = camel_case(name);
        self.fields.iter().find(|field| field.name == name)
    }
}

fn camel_case(name: &str) -> Cow<'_, str> {
    if !name.contains('_') {
        return Cow::Borrowed(name);
    }
    let mut out = String::with_capacity(name.len());
    for (index, word) in name.split('_').enumerate() {
        match word.as_bytes() {
            [first, ..] if index > 0 && first.is_ascii_lowercase() => {
                out.push(char::from(first.to_ascii_uppercase()));
                out.push_str(word.get(1..).unwrap_or_default());
            }
            _ => out.push_str(word),
        }
    }
    Cow::Owned(out)
}

const fn one(name: &'static str, number: u32, kind: Kind) -> Field {
    Field {
        name,
        number,
        kind,
        is_repeated: false,
    }
}

const fn many(name: &'static str, number: u32, kind: Kind) -> Field {
    Field {
        name,
        number,
        kind,
        is_repeated: true,
    }
}

const TEMPORALITY: Kind = Kind::Enumeration(&[
    "AGGREGATION_TEMPORALITY_UNSPECIFIED",
    "AGGREGATION_TEMPORALITY_DELTA",
    "AGGREGATION_TEMPORALITY_CUMULATIVE",
]);

pub(super) static REQUEST: MessageSchema = MessageSchema {
    fields: &[many("resourceMetrics", 1, Kind::Message(&RESOURCE_METRICS))],
};

static RESOURCE_METRICS: MessageSchema = MessageSchema {
    fields: &[
        one("resource", 1, Kind::Message(&RESOURCE)),
        many("scopeMetrics", 2, Kind::Message(&SCOPE_METRICS)),
    ],
};

static RESOURCE: MessageSchema = MessageSchema {
    fields: &[many("attributes", 1, Kind::Message(&KEY_VALUE))],
};

static SCOPE_METRICS: MessageSchema = MessageSchema {
    fields: &[
        one("scope", 1, Kind::Message(&SCOPE)),
        many("metrics", 2, Kind::Message(&METRIC)),
        one("schemaUrl", 3, Kind::Text),
    ],
};

static SCOPE: MessageSchema = MessageSchema {
    fields: &[
        one("name", 1, Kind::Text),
        one("version", 2, Kind::Text),
        many("attributes", 3, Kind::Message(&KEY_VALUE)),
    ],
};

static METRIC: MessageSchema = MessageSchema {
    fields: &[
        one("name", 1, Kind::Text),
        one("description", 2, Kind::Text),
        one("unit", 3, Kind::Text),
        one("gauge", 5, Kind::Message(&GAUGE)),
        one("sum", 7, Kind::Message(&SUM)),
        one("histogram", 9, Kind::Message(&HISTOGRAM)),
        one("exponentialHistogram", 10, Kind::Message(&EXPONENTIAL_HISTOGRAM)),
        one("summary", 11, Kind::Message(&SUMMARY)),
        many("metadata", 12, Kind::Message(&KEY_VALUE)),
    ],
};

static GAUGE: MessageSchema = MessageSchema {
    fields: &[many("dataPoints", 1, Kind::Message(&NUMBER_POINT))],
};

static SUM: MessageSchema = MessageSchema {
    fields: &[
        many("dataPoints", 1, Kind::Message(&NUMBER_POINT)),
        one("aggregationTemporality", 2, TEMPORALITY),
        one("isMonotonic", 3, Kind::Bool),
    ],
};

static HISTOGRAM: MessageSchema = MessageSchema {
    fields: &[
        many("dataPoints", 1, Kind::Message(&HISTOGRAM_POINT)),
        one("aggregationTemporality", 2, TEMPORALITY),
    ],
};

static EXPONENTIAL_HISTOGRAM: MessageSchema = MessageSchema {
    fields: &[
        many("dataPoints", 1, Kind::Message(&EXPONENTIAL_POINT)),
        one("aggregationTemporality", 2, TEMPORALITY),
    ],
};

static SUMMARY: MessageSchema = MessageSchema {
    fields: &[many("dataPoints", 1, Kind::Message(&SUMMARY_POINT))],
};

static NUMBER_POINT: MessageSchema = MessageSchema {
    fields: &[
        one("startTimeUnixNano", 2, Kind::Fixed64),
        one("timeUnixNano", 3, Kind::Fixed64),
        one("asDouble", 4, Kind::Double),
        many("exemplars", 5, Kind::Message(&EXEMPLAR)),
        one("asInt", 6, Kind::Sfixed64),
        many("attributes", 7, Kind::Message(&KEY_VALUE)),
        one("flags", 8, Kind::Uint64),
    ],
};

static HISTOGRAM_POINT: MessageSchema = MessageSchema {
    fields: &[
        one("startTimeUnixNano", 2, Kind::Fixed64),
        one("timeUnixNano", 3, Kind::Fixed64),
        one("count", 4, Kind::Fixed64),
        one("sum", 5, Kind::Double),
        many("bucketCounts", 6, Kind::Fixed64),
        many("explicitBounds", 7, Kind::Double),
        many("exemplars", 8, Kind::Message(&EXEMPLAR)),
        many("attributes", 9, Kind::Message(&KEY_VALUE)),
        one("flags", 10, Kind::Uint64),
    ],
};

static EXPONENTIAL_POINT: MessageSchema = MessageSchema {
    fields: &[
        many("attributes", 1, Kind::Message(&KEY_VALUE)),
        one("startTimeUnixNano", 2, Kind::Fixed64),
        one("timeUnixNano", 3, Kind::Fixed64),
        one("count", 4, Kind::Fixed64),
        one("sum", 5, Kind::Double),
        one("scale", 6, Kind::Sint32),
        one("zeroCount", 7, Kind::Fixed64),
        one("positive", 8, Kind::Message(&BUCKETS)),
        one("negative", 9, Kind::Message(&BUCKETS)),
        one("flags", 10, Kind::Uint64),
        many("exemplars", 11, Kind::Message(&EXEMPLAR)),
        one("zeroThreshold", 14, Kind::Double),
    ],
};

static BUCKETS: MessageSchema = MessageSchema {
    fields: &[
        one("offset", 1, Kind::Sint32),
        many("bucketCounts", 2, Kind::Uint64),
    ],
};

static SUMMARY_POINT: MessageSchema = MessageSchema {
    fields: &[
        one("startTimeUnixNano", 2, Kind::Fixed64),
        one("timeUnixNano", 3, Kind::Fixed64),
        one("count", 4, Kind::Fixed64),
        one("sum", 5, Kind::Double),
        many("quantileValues", 6, Kind::Message(&QUANTILE)),
        many("attributes", 7, Kind::Message(&KEY_VALUE)),
        one("flags", 8, Kind::Uint64),
    ],
};

static QUANTILE: MessageSchema = MessageSchema {
    fields: &[one("quantile", 1, Kind::Double), one("value", 2, Kind::Double)],
};

static EXEMPLAR: MessageSchema = MessageSchema {
    fields: &[
        one("timeUnixNano", 2, Kind::Fixed64),
        one("asDouble", 3, Kind::Double),
        one("spanId", 4, Kind::Hex),
        one("traceId", 5, Kind::Hex),
        one("asInt", 6, Kind::Sfixed64),
        many("filteredAttributes", 7, Kind::Message(&KEY_VALUE)),
    ],
};

static KEY_VALUE: MessageSchema = MessageSchema {
    fields: &[
        one("key", 1, Kind::Text),
        one("value", 2, Kind::Message(&ANY_VALUE)),
    ],
};

static ANY_VALUE: MessageSchema = MessageSchema {
    fields: &[
        one("stringValue", 1, Kind::Text),
        one("boolValue", 2, Kind::Bool),
        one("intValue", 3, Kind::Int64),
        one("doubleValue", 4, Kind::Double),
        one("arrayValue", 5, Kind::Message(&ARRAY)),
        one("kvlistValue", 6, Kind::Message(&MAP)),
        one("bytesValue", 7, Kind::Base64),
    ],
};

static ARRAY: MessageSchema = MessageSchema {
    fields: &[many("values", 1, Kind::Message(&ANY_VALUE))],
};

static MAP: MessageSchema = MessageSchema {
    fields: &[many("values", 1, Kind::Message(&KEY_VALUE))],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_both_styles() {
        for name in ["resourceMetrics", "resource_metrics"] {
            assert_eq!(REQUEST.field(name).map(|field| field.number), Some(1), "{name}");
        }
        assert!(REQUEST.field("ResourceMetrics").is_none());
        assert_eq!(EXEMPLAR.field("span_id").map(|field| field.number), Some(4));
    }
}
