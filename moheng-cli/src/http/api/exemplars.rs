//! `query_exemplars`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use moheng_metrics::{Exemplar, Labels, Select, format_json_float};
use moheng_promql::{Annotations, Expr, ExprKind, QueryError};

use super::selectors::read;
use super::wire::{list, push_labels, push_timestamp};
use super::{answer, selectors::time_range};
use crate::http::error::ApiError;
use crate::http::params::Params;
use crate::http::server::Server;

/// `/api/v1/query_exemplars`: the exemplars of all series that the selectors of an expression match.
pub(crate) async fn query_exemplars(
    State(server): State<Arc<Server>>,
    params: Params,
) -> Result<Response, ApiError> {
    let (start_ms, end_ms) = time_range(&params)?;
    let text = params.get("query").unwrap_or_default();
    let parser = server.engine.settings().parser;
    let expression = moheng_promql::parse_with(text, parser).map_err(QueryError::from)?;
    let selects = selections(&expression, start_ms, end_ms);
    let found = read(&server, move |db| Ok(db.exemplars(&selects))).await?;
    Ok(answer(
        params.gzip,
        list(found, push_series),
        Annotations::default(),
    ))
}

/// One for each selector of an expression. Offsets and the like do not matter.
fn selections(expression: &Expr, start_ms: i64, end_ms: i64) -> Vec<Select> {
    let mut selects = Vec::new();
    let mut rest = vec![expression];
    while let Some(expression) = rest.pop() {
        let selector = match expression.kind() {
            ExprKind::Selector(selector) => Some(selector),
            ExprKind::Range(range) => Some(&range.selector),
            _ => None,
        };
        if let Some(selector) = selector {
            selects.push(Select::new(selector.all_matchers(), start_ms, end_ms));
        }
        rest.extend(expression.children());
    }
    selects
}

fn push_series((labels, exemplars): &(Labels, Vec<Exemplar>), out: &mut String) {
    out.push_str(r#"{"seriesLabels":"#);
    push_labels(labels, out);
    out.push_str(r#","exemplars":["#);
    for (index, exemplar) in exemplars.iter().enumerate() {
        out.push_str(if index > 0 {
            r#",{"labels":"#
        } else {
            r#"{"labels":"#
        });
        push_labels(&exemplar.labels, out);
        out.push_str(r#","value":""#);
        format_json_float(exemplar.value, out);
        out.push_str(r#"","timestamp":"#);
        push_timestamp(exemplar.timestamp_ms.unwrap_or_default(), out);
        out.push('}');
    }
    out.push_str("]}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_found_everywhere() {
        let check = |query: &str, expected: &[&str]| {
            let expression = moheng_promql::parse(query).unwrap();
            let found = selections(&expression, 1, 2);
            let mut found: Vec<String> = found
                .iter()
                .map(|select| {
                    let matchers = select.matchers.iter().map(|matcher| matcher.value().to_owned());
                    matchers.collect::<Vec<_>>().join(",")
                })
                .collect();
            found.sort_unstable();
            assert_eq!(found, expected, "{query}");
        };
        check("1 + time()", &[]);
        check(r#"a{b="c"}"#, &["a,c"]);
        check(
            "sum by (x) (rate(a[5m] offset 1h)) / -(b > bool c)",
            &["a", "b", "c"],
        );
        check(
            "quantile_over_time(scalar(q), max_over_time(a[1h:1m])[1d:])",
            &["a", "q"],
        );
    }

    #[test]
    fn wire_shape() {
        let exemplar = |trace: &str, value, timestamp_ms| Exemplar {
            labels: Labels::from_pairs([("trace_id", trace)]),
            value,
            timestamp_ms: Some(timestamp_ms),
        };
        let exemplars = vec![exemplar("a\"", 6.0, 1_500), exemplar("b", f64::NAN, 2_000)];
        let mut out = String::new();
        push_series(&(Labels::from_pairs([("__name__", "m")]), exemplars), &mut out);
        assert_eq!(
            out,
            r#"{"seriesLabels":{"__name__":"m"},"exemplars":[{"labels":{"trace_id":"a\""},"value":"6","timestamp":1.5},{"labels":{"trace_id":"b"},"value":"NaN","timestamp":2}]}"#
        );
    }
}
