//! Every expression of real dashboards parses, prints and runs, where the dashboards lie beside the workspace.

use std::path::Path;
use std::sync::Arc;

use moheng_metrics::testing::ManualClock;
use moheng_metrics::{AppendBatch, Labels, MatchOp, MemorySource, SampleSink};
use moheng_promql::{
    Engine, EngineSettings, Expr, ExprKind, InstantQuery, QueryOutput, QueryValue, RangeQuery, Selector,
    Visitor, parse,
};

const HOUR_MS: i64 = 3_600_000;

/// The values of all fields `"expr"` of a JSON document.
fn expressions(json: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = json;
    while let Some(position) = rest.find("\"expr\"") {
        rest = rest[position + 6..].trim_start_matches([':', ' ']);
        let mut text = String::new();
        let mut letters = rest.strip_prefix('"').expect("a string").chars();
        loop {
            match letters.next().expect("the end of a string") {
                '"' => break,
                '\\' => match letters.next().expect("an escape") {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    other => text.push(other),
                },
                other => text.push(other),
            }
        }
        rest = letters.as_str();
        found.push(text);
    }
    found
}

/// What a dashboard puts in place of its variables.
fn without_variables(expression: &str) -> String {
    let mut text = expression.to_owned();
    for (variable, value) in [
        ("$__rate_interval", "1m"),
        ("$__interval", "1m"),
        ("$__range", "1h"),
        ("[[", ""),
        ("]]", ""),
    ] {
        text = text.replace(variable, value);
    }
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(position) = rest.find('$') {
        out.push_str(&rest[..position]);
        rest = rest[position + 1..].trim_start_matches('{');
        let end = rest
            .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
            .unwrap_or(rest.len());
        let is_duration = out.ends_with('[');
        out.push_str(if is_duration { "5m" } else { "value" });
        rest = rest[end..].trim_start_matches('}');
    }
    out + rest
}

/// A series for each selector of an expression.
#[derive(Default)]
struct Wanted(Vec<Labels>);

impl Visitor for Wanted {
    fn visit(&mut self, expr: &Expr) {
        match expr.kind() {
            ExprKind::Selector(selector) => self.0.push(labels_for(selector)),
            ExprKind::Range(range) => self.0.push(labels_for(&range.selector)),
            _ => {}
        }
        self.visit_children(expr);
    }
}

/// Labels that a selector selects, and some that real series have.
fn labels_for(selector: &Selector) -> Labels {
    let mut labels = Labels::from_pairs([("instance", "value"), ("job", "value")]).to_builder();
    if let Some(name) = &selector.name {
        labels.set("__name__", name);
    }
    for matcher in &selector.matchers {
        let pattern = matcher.value();
        let first = pattern.split('|').next().unwrap_or_default();
        let plain = first.replace(['(', ')', '^', '$', '\\', '*', '+', '?', '.'], "");
        let candidates = [pattern, first, plain.as_str(), "value", "value:1", "x", "1"];
        let value = candidates.iter().find(|value| matcher.matches_value(value));
        let is_positive = matches!(matcher.op(), MatchOp::Equal | MatchOp::Regex);
        if is_positive || !matcher.matches_empty() {
            labels.set(
                matcher.name(),
                value.unwrap_or_else(|| panic!("no value for {matcher}")),
            );
        }
    }
    labels.finish()
}

/// Two hours of counters, a sample every 15 s.
fn store_for(expr: &Expr) -> MemorySource {
    let mut wanted = Wanted::default();
    wanted.visit(expr);
    wanted.0.sort();
    wanted.0.dedup();
    let store = MemorySource::new();
    let mut batch = AppendBatch::new();
    for (index, labels) in wanted.0.iter().enumerate() {
        for tick in 0..480_i64 {
            batch.push_labels(labels, tick * 15_000, (tick * (index as i64 + 3)) as f64);
        }
    }
    store.append(&batch).unwrap();
    store
}

fn is_empty(output: &QueryOutput) -> bool {
    match &output.value {
        QueryValue::Vector(elements) => elements.is_empty(),
        QueryValue::Matrix(series) => series.is_empty(),
        _ => false,
    }
}

/// The expressions of a dashboard, with its variables filled in.
fn queries(path: &Path) -> Vec<String> {
    let json = std::fs::read_to_string(path).unwrap();
    let expressions = expressions(&json);
    expressions
        .iter()
        .map(|expression| without_variables(expression))
        .collect()
}

#[test]
fn expressions_of_dashboards() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance/dashboards");
    if !folder.is_dir() {
        println!("skipped: the dashboards are not there");
        return;
    }
    let engine = Engine::new(EngineSettings::default(), Arc::new(ManualClock::new(0)));
    let (mut count, mut empty) = (0, Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        for query in queries(&path) {
            let expr =
                parse(&query).unwrap_or_else(|errors| panic!("{path:?}: {query}\n{}", errors.render()));
            assert_eq!(parse(&expr.to_string()).unwrap(), expr, "{query}");
            assert_eq!(parse(&expr.pretty()).unwrap(), expr, "{query}");
            let store = store_for(&expr);
            let instant = engine.instant(&store, &InstantQuery::new(query.clone(), HOUR_MS));
            let range = RangeQuery::new(query.clone(), HOUR_MS / 2, HOUR_MS, 60_000);
            let range = engine.range(&store, &range);
            for result in [instant, range] {
                let output = result.unwrap_or_else(|error| panic!("{query}: {error}"));
                if is_empty(&output) {
                    empty.push(query.clone());
                }
            }
            count += 1;
        }
    }
    assert!(count > 100, "only {count} expressions");
    assert_eq!(
        empty, [""; 0],
        "of {count} expressions nothing comes out of these"
    );
}
