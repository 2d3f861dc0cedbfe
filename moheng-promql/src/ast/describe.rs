//! [`Description`]: a tree as plain values, in the shape of Prometheus's `/api/v1/parse_query`.

use moheng_metrics::{METRIC_NAME, Matcher};

use super::{
    AggregateExpr, AtModifier, BinaryExpr, CallExpr, DurationExpr, EdgeModifier, Expr, ExprKind, Selector,
    Side, Subquery, TimeModifiers, ValueType,
};

/// A plain value: what JSON can say, fields in the order in which they are to be written.
///
/// ```
/// use moheng_promql::Description;
///
/// let Description::Object(fields) = moheng_promql::parse("-up")?.describe() else { panic!("an object") };
/// assert_eq!(fields[0], ("type", Description::Text("unaryExpr".to_owned())));
/// # Ok::<(), moheng_promql::ParseErrors>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Description {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A whole number.
    Number(i64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Self>),
    /// An object.
    Object(Vec<(&'static str, Self)>),
}

impl From<&str> for Description {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

pub(super) fn describe(expr: &Expr) -> Description {
    let mut fields = Vec::new();
    let mut field = |name, value| fields.push((name, value));
    match expr.kind() {
        ExprKind::Number(number) => {
            field("type", "numberLiteral".into());
            field("val", Description::Text(number_text(number.value)));
        }
        ExprKind::String(text) => {
            field("type", "stringLiteral".into());
            field("val", text.as_str().into());
        }
        ExprKind::Selector(selector) => {
            field("type", "vectorSelector".into());
            push_selector(selector, &mut fields);
        }
        ExprKind::Range(range) => {
            field("type", "matrixSelector".into());
            push_duration("range", "rangeExpr", Some(&range.range), &mut fields);
            push_selector(&range.selector, &mut fields);
        }
        ExprKind::Subquery(subquery) => push_subquery(subquery, &mut fields),
        ExprKind::Paren(inner) => {
            field("type", "parenExpr".into());
            field("expr", describe(inner));
        }
        ExprKind::Unary(unary) => {
            field("type", "unaryExpr".into());
            field("op", unary.op.as_str().into());
            field("expr", describe(&unary.expr));
        }
        ExprKind::Binary(binary) => push_binary(binary, &mut fields),
        ExprKind::Aggregate(aggregate) => push_aggregate(aggregate, &mut fields),
        ExprKind::Call(call) => push_call(call, &mut fields),
    }
    Description::Object(fields)
}

type Fields = Vec<(&'static str, Description)>;

fn push_selector(selector: &Selector, fields: &mut Fields) {
    let matchers = selector.all_matchers();
    let name = selector.name.as_deref().or_else(|| {
        let is_name = |matcher: &&Matcher| matcher.name() == METRIC_NAME && matcher.op().as_str() == "=";
        matchers.iter().find(is_name).map(Matcher::value)
    });
    let describe_matcher = |matcher: &Matcher| {
        Description::Object(vec![
            ("name", matcher.name().into()),
            ("value", matcher.value().into()),
            ("type", matcher.op().as_str().into()),
        ])
    };
    fields.push(("name", name.unwrap_or_default().into()));
    fields.push((
        "matchers",
        Description::List(matchers.iter().map(describe_matcher).collect()),
    ));
    push_modifiers(&selector.modifiers, fields);
    let has = |edges| Description::Bool(selector.edges == Some(edges));
    fields.push(("anchored", has(EdgeModifier::Anchored)));
    fields.push(("smoothed", has(EdgeModifier::Smoothed)));
}

fn push_modifiers(modifiers: &TimeModifiers, fields: &mut Fields) {
    push_duration("offset", "offsetExpr", modifiers.offset.as_ref(), fields);
    let (timestamp, start_or_end) = match modifiers.at {
        Some(AtModifier::Time(time_ms)) => (Description::Number(time_ms), Description::Null),
        Some(AtModifier::Start) => (Description::Null, "start".into()),
        Some(AtModifier::End) => (Description::Null, "end".into()),
        None => (Description::Null, Description::Null),
    };
    fields.push(("timestamp", timestamp));
    fields.push(("startOrEnd", start_or_end));
}

/// Milliseconds where they are known, and the text of what is to be computed.
fn push_duration(
    name: &'static str,
    expression_name: &'static str,
    duration: Option<&DurationExpr>,
    fields: &mut Fields,
) {
    match duration {
        None => fields.push((name, Description::Number(0))),
        Some(DurationExpr::Fixed(duration_ms)) => fields.push((name, Description::Number(*duration_ms))),
        Some(DurationExpr::Computed(expr)) => {
            fields.push((name, Description::Number(0)));
            fields.push((expression_name, Description::Text(expr.to_string())));
        }
    }
}

fn push_subquery(subquery: &Subquery, fields: &mut Fields) {
    fields.push(("type", "subquery".into()));
    fields.push(("expr", describe(&subquery.expr)));
    push_duration("range", "rangeExpr", Some(&subquery.range), fields);
    push_duration("step", "stepExpr", subquery.step.as_ref(), fields);
    push_modifiers(&subquery.modifiers, fields);
}

fn push_binary(binary: &BinaryExpr, fields: &mut Fields) {
    fields.push(("type", "binaryExpr".into()));
    fields.push(("op", binary.op.as_str().into()));
    fields.push(("lhs", describe(&binary.left)));
    fields.push(("rhs", describe(&binary.right)));
    fields.push(("matching", describe_matching(binary)));
    fields.push(("bool", Description::Bool(binary.returns_bool)));
}

fn describe_matching(binary: &BinaryExpr) -> Description {
    let is_vector = |expr: &Expr| expr.value_type() == ValueType::InstantVector;
    if !is_vector(&binary.left) || !is_vector(&binary.right) {
        return Description::Null;
    }
    let matching = binary.matching.as_ref();
    let group = matching.and_then(|matching| matching.group.as_ref());
    let cardinality = match group.map(|group| group.many_side) {
        _ if binary.op.is_set_operator() => "many-to-many",
        None => "one-to-one",
        Some(Side::Left) => "many-to-one",
        Some(Side::Right) => "one-to-many",
    };
    let mut fields = vec![
        ("card", cardinality.into()),
        (
            "labels",
            texts(matching.map(|matching| matching.labels.as_slice())),
        ),
        (
            "on",
            Description::Bool(matching.is_some_and(|matching| matching.is_on)),
        ),
        ("include", texts(group.map(|group| group.labels.as_slice()))),
    ];
    if !binary.fill.is_empty() {
        let value = |side: Option<super::NumberLiteral>| {
            side.map_or(Description::Null, |number| {
                Description::Text(number_text(number.value))
            })
        };
        let values = vec![
            ("lhs", value(binary.fill.left)),
            ("rhs", value(binary.fill.right)),
        ];
        fields.push(("fillValues", Description::Object(values)));
    }
    Description::Object(fields)
}

fn push_aggregate(aggregate: &AggregateExpr, fields: &mut Fields) {
    let grouping = aggregate.grouping.as_ref();
    fields.push(("type", "aggregation".into()));
    fields.push(("op", aggregate.op.as_str().into()));
    fields.push(("expr", describe(&aggregate.expr)));
    fields.push((
        "param",
        aggregate.parameter.as_deref().map_or(Description::Null, describe),
    ));
    fields.push((
        "grouping",
        texts(grouping.map(|grouping| grouping.labels.as_slice())),
    ));
    fields.push((
        "without",
        Description::Bool(grouping.is_some_and(|grouping| grouping.is_without)),
    ));
}

fn push_call(call: &CallExpr, fields: &mut Fields) {
    let function = call.function;
    let (least, most) = function.arity();
    let types = function.argument_types().iter();
    let variadic = match most {
        Some(most) => i64::try_from(most - least).unwrap_or(-1),
        None => -1,
    };
    let row = vec![
        ("name", function.name().into()),
        (
            "argTypes",
            Description::List(types.map(|kind| type_name(*kind).into()).collect()),
        ),
        ("variadic", Description::Number(variadic)),
        ("returnType", type_name(function.returns()).into()),
    ];
    fields.push(("type", "call".into()));
    fields.push(("func", Description::Object(row)));
    fields.push((
        "args",
        Description::List(call.arguments.iter().map(describe).collect()),
    ));
}

fn texts(all: Option<&[String]>) -> Description {
    let all = all.unwrap_or_default();
    Description::List(all.iter().map(|text| text.as_str().into()).collect())
}

const fn type_name(kind: ValueType) -> &'static str {
    match kind {
        ValueType::Scalar => "scalar",
        ValueType::String => "string",
        ValueType::InstantVector => "vector",
        ValueType::RangeVector => "matrix",
    }
}

/// Decimal, never with an exponent.
fn number_text(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    value.to_string()
}
