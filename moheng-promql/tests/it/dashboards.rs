//! Every expression of real dashboards parses, prints and runs, where the dashboards lie beside the workspace.

use std::path::Path;
use std::sync::Arc;

use moheng_metrics::MemorySource;
use moheng_metrics::testing::ManualClock;
use moheng_promql::{Engine, EngineSettings, InstantQuery, RangeQuery, parse};

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

#[test]
fn expressions_of_dashboards() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance/dashboards");
    if !folder.is_dir() {
        println!("skipped: the dashboards are not there");
        return;
    }
    let engine = Engine::new(EngineSettings::default(), Arc::new(ManualClock::new(0)));
    let store = MemorySource::new();
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        for expression in expressions(&std::fs::read_to_string(&path).unwrap()) {
            let query = without_variables(&expression);
            let expr =
                parse(&query).unwrap_or_else(|errors| panic!("{path:?}: {query}\n{}", errors.render()));
            assert_eq!(parse(&expr.to_string()).unwrap(), expr, "{query}");
            assert_eq!(parse(&expr.pretty()).unwrap(), expr, "{query}");
            engine
                .instant(&store, &InstantQuery::new(query.clone(), 3_600_000))
                .unwrap();
            engine
                .range(&store, &RangeQuery::new(query, 0, 3_600_000, 60_000))
                .unwrap();
            count += 1;
        }
    }
    assert!(count > 100, "only {count} expressions");
}
