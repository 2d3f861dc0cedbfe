//! Trees as plain values.

use std::fmt::Write;

use moheng_promql::{Description, ParserOptions, parse_with};

fn push_json(value: &Description, out: &mut String) {
    match value {
        Description::Null => out.push_str("null"),
        Description::Bool(value) => write!(out, "{value}").unwrap(),
        Description::Number(value) => write!(out, "{value}").unwrap(),
        Description::Text(text) => write!(out, "{text:?}").unwrap(),
        Description::List(values) => {
            out.push('[');
            for (index, value) in values.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                push_json(value, out);
            }
            out.push(']');
        }
        Description::Object(fields) => {
            out.push('{');
            for (index, (name, value)) in fields.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                write!(out, "{name:?}:").unwrap();
                push_json(value, out);
            }
            out.push('}');
        }
    }
}

fn check(query: &str, expected: &str) {
    let expr = parse_with(query, ParserOptions::everything()).expect(query);
    let mut json = String::new();
    push_json(&expr.describe(), &mut json);
    assert_eq!(json, expected, "{query}");
}

#[test]
fn descriptions() {
    check("1.5e3", r#"{"type":"numberLiteral","val":"1500"}"#);
    check("'a'", r#"{"type":"stringLiteral","val":"a"}"#);
    check(
        "-(Inf)",
        r#"{"type":"unaryExpr","op":"-","expr":{"type":"parenExpr","expr":{"type":"numberLiteral","val":"+Inf"}}}"#,
    );
    check(
        "a{b!='c'} offset 1m @ end()",
        r#"{"type":"vectorSelector","name":"a","matchers":[{"name":"__name__","value":"a","type":"="},{"name":"b","value":"c","type":"!="}],"offset":60000,"timestamp":null,"startOrEnd":"end","anchored":false,"smoothed":false}"#,
    );
    check(
        "a[step()+1m] anchored @ 5",
        r#"{"type":"matrixSelector","range":0,"rangeExpr":"step() + 1m","name":"a","matchers":[{"name":"__name__","value":"a","type":"="}],"offset":0,"timestamp":5000,"startOrEnd":null,"anchored":true,"smoothed":false}"#,
    );
    check(
        "a[1h:5m] @ start()",
        r#"{"type":"subquery","expr":{"type":"vectorSelector","name":"a","matchers":[{"name":"__name__","value":"a","type":"="}],"offset":0,"timestamp":null,"startOrEnd":null,"anchored":false,"smoothed":false},"range":3600000,"step":300000,"offset":0,"timestamp":null,"startOrEnd":"start"}"#,
    );
}

#[test]
fn operations() {
    let a = r#"{"type":"vectorSelector","name":"a","matchers":[{"name":"__name__","value":"a","type":"="}],"offset":0,"timestamp":null,"startOrEnd":null,"anchored":false,"smoothed":false}"#;
    let one = r#"{"type":"numberLiteral","val":"1"}"#;
    check(
        "a > bool 1",
        &format!(r#"{{"type":"binaryExpr","op":">","lhs":{a},"rhs":{one},"matching":null,"bool":true}}"#),
    );
    check(
        "a * on (x) group_left (y) fill_left (1) a",
        &format!(
            r#"{{"type":"binaryExpr","op":"*","lhs":{a},"rhs":{a},"matching":{{"card":"many-to-one","labels":["x"],"on":true,"include":["y"],"fillValues":{{"lhs":"1","rhs":null}}}},"bool":false}}"#
        ),
    );
    check(
        "a or a",
        &format!(
            r#"{{"type":"binaryExpr","op":"or","lhs":{a},"rhs":{a},"matching":{{"card":"many-to-many","labels":[],"on":false,"include":[]}},"bool":false}}"#
        ),
    );
    check(
        "topk without (x) (1, a)",
        &format!(
            r#"{{"type":"aggregation","op":"topk","expr":{a},"param":{one},"grouping":["x"],"without":true}}"#
        ),
    );
    check(
        "round(a)",
        &format!(
            r#"{{"type":"call","func":{{"name":"round","argTypes":["vector","scalar"],"variadic":1,"returnType":"vector"}},"args":[{a}]}}"#
        ),
    );
    check(
        "time()",
        r#"{"type":"call","func":{"name":"time","argTypes":[],"variadic":0,"returnType":"scalar"},"args":[]}"#,
    );
}
