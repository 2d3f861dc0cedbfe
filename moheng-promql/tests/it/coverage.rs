//! Every function, aggregation and operator of the language has an example in the scripts of this crate.

use std::collections::BTreeSet;

use moheng_promql::testing::{Command, Expectation, Script};
use moheng_promql::{
    AggregateOp, BinaryOp, Expr, ExprKind, FUNCTIONS, Function, ParserOptions, UnaryOp, Visitor, parse_with,
};

use crate::scripts;

/// What the evaluations of the scripts use, as it is written.
#[derive(Default)]
struct Used(BTreeSet<&'static str>);

impl Visitor for Used {
    fn visit(&mut self, expr: &Expr) {
        match expr.kind() {
            ExprKind::Call(call) => _ = self.0.insert(call.function.name()),
            ExprKind::Aggregate(aggregate) => _ = self.0.insert(aggregate.op.as_str()),
            ExprKind::Binary(binary) => _ = self.0.insert(binary.op.as_str()),
            ExprKind::Unary(unary) => _ = self.0.insert(unary.op.as_str()),
            _ => {}
        }
        self.visit_children(expr);
    }
}

#[test]
fn scripts_use_the_whole_language() {
    let mut used = Used::default();
    for (name, text) in scripts::texts() {
        for command in Script::parse(&text).unwrap().commands {
            let Command::Eval(eval) = command else { continue };
            let is_answered = !matches!(eval.expectations.first(), Some(Expectation::Fail(_)));
            let has_result = !eval.series.is_empty() || eval.scalar.is_some();
            if is_answered && has_result {
                let expr = parse_with(&eval.query, ParserOptions::everything());
                used.visit(&expr.unwrap_or_else(|errors| panic!("{name}: {}", errors.render())));
            }
        }
    }
    let functions = FUNCTIONS.iter().map(Function::name);
    let operators = BinaryOp::ALL.into_iter().map(BinaryOp::as_str);
    let aggregations = AggregateOp::ALL.into_iter().map(AggregateOp::as_str);
    let signs = [UnaryOp::Plus, UnaryOp::Minus].into_iter().map(UnaryOp::as_str);
    let missing: Vec<&str> = functions
        .chain(operators)
        .chain(aggregations)
        .chain(signs)
        .filter(|name| !used.0.contains(name))
        .collect();
    assert_eq!(missing, [""; 0], "without an example that has a result");
}
