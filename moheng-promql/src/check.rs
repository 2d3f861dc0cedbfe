//! The checker: types, arity and matchers of a whole tree, all errors at once.

use moheng_metrics::METRIC_NAME;

use crate::ast::{
    AggregateExpr, AggregateOp, BinaryExpr, CallExpr, DurationExpr, Expr, ExprKind, Selector, TimeModifiers,
    ValueType, Visitor,
};
use crate::error::ParseError;
use crate::functions::Support;
use crate::syntax::ParserOptions;

/// Everything that is wrong with the tree beyond its syntax.
pub(crate) fn check(expr: &Expr, options: ParserOptions) -> Vec<ParseError> {
    let mut checker = Checker {
        options,
        errors: Vec::new(),
    };
    checker.visit(expr);
    checker.errors
}

struct Checker {
    options: ParserOptions,
    errors: Vec<ParseError>,
}

impl Visitor for Checker {
    fn visit(&mut self, expr: &Expr) {
        match expr.kind() {
            ExprKind::Selector(selector) => self.check_selector(selector, expr),
            ExprKind::Range(range) => {
                self.check_selector(&range.selector, expr);
                self.check_duration(&range.range);
            }
            ExprKind::Subquery(subquery) => {
                self.expect_type(&subquery.expr, ValueType::InstantVector, "subquery");
                self.check_duration(&subquery.range);
                if let Some(step) = &subquery.step {
                    self.check_duration(step);
                }
                self.check_modifiers(&subquery.modifiers);
            }
            ExprKind::Unary(unary) => {
                let found = unary.expr.value_type();
                if !matches!(found, ValueType::Scalar | ValueType::InstantVector) {
                    let message = format!(
                        "unary expression only allowed on expressions of type scalar or instant vector, got {:?}",
                        found.as_str()
                    );
                    self.error(expr, message);
                }
            }
            ExprKind::Binary(binary) => self.check_binary(binary, expr),
            ExprKind::Aggregate(aggregate) => self.check_aggregate(aggregate, expr),
            ExprKind::Call(call) => {
                self.check_call(call, expr);
                if call.function.is_info() {
                    // The second argument is no selector of its own.
                    if let Some(vector) = call.arguments.first() {
                        self.visit(vector);
                    }
                    return;
                }
            }
            ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Paren(_) => {}
        }
        self.visit_children(expr);
    }
}

impl Checker {
    fn error(&mut self, expr: &Expr, message: String) {
        self.errors.push(ParseError::new(expr.span(), message));
    }

    fn expect_type(&mut self, expr: &Expr, expected: ValueType, context: &str) {
        let found = expr.value_type();
        if found != expected {
            let message = format!(
                "expected type {} in {context}, got {}",
                expected.as_str(),
                found.as_str()
            );
            let help = type_help(expr, expected);
            self.errors
                .push(ParseError::new(expr.span(), message).with_help(help));
        }
    }

    /// The second argument of `info()`: matchers in braces and nothing else.
    fn check_info_matchers(&mut self, call: &CallExpr) {
        let Some(argument) = call.arguments.get(1) else {
            return;
        };
        let is_plain = match argument.kind() {
            ExprKind::Selector(selector) => {
                selector.name.is_none()
                    && selector.edges.is_none()
                    && selector.modifiers == TimeModifiers::default()
            }
            _ => false,
        };
        if !is_plain {
            let message = "expected label matchers in braces as the second argument of info()";
            self.error(argument, message.to_owned());
        }
    }

    fn check_selector(&mut self, selector: &Selector, expr: &Expr) {
        self.check_modifiers(&selector.modifiers);
        if let Some(edges) = selector.edges
            && !self.options.edge_modifiers
        {
            let message = format!("{} modifier is experimental and must be enabled", edges.as_str());
            self.error(expr, message);
        }
        self.check_matchers(selector, expr);
    }

    fn check_matchers(&mut self, selector: &Selector, expr: &Expr) {
        if let Some(name) = &selector.name {
            if let Some(matcher) = selector
                .matchers
                .iter()
                .find(|matcher| matcher.name() == METRIC_NAME)
            {
                let value = matcher.value();
                self.error(
                    expr,
                    format!("metric name must not be set twice: {name:?} or {value:?}"),
                );
            }
            if !name.is_empty() {
                return;
            }
        }
        if selector
            .matchers
            .iter()
            .all(moheng_metrics::Matcher::matches_empty)
        {
            let message = "vector selector must contain at least one non-empty matcher";
            self.error(expr, message.to_owned());
        }
    }

    fn check_modifiers(&mut self, modifiers: &TimeModifiers) {
        if let Some(offset) = &modifiers.offset {
            self.check_duration(offset);
        }
    }

    /// Duration expressions may use the few functions that are experimental elsewhere.
    fn check_duration(&mut self, duration: &DurationExpr) {
        if let DurationExpr::Computed(expr) = duration {
            self.errors.extend(check(expr, ParserOptions::everything()));
        }
    }

    fn check_binary(&mut self, binary: &BinaryExpr, expr: &Expr) {
        let operands = [&binary.left, &binary.right];
        for operand in operands {
            if !matches!(operand.value_type(), ValueType::Scalar | ValueType::InstantVector) {
                let message = "binary expression must contain only scalar and instant vector types";
                self.error(operand, message.to_owned());
                return;
            }
        }
        let scalars = operands
            .iter()
            .filter(|operand| operand.value_type() == ValueType::Scalar)
            .count();
        if scalars == 2 && binary.op.is_comparison() && !binary.returns_bool {
            self.error(
                expr,
                "comparisons between scalars must use BOOL modifier".to_owned(),
            );
        }
        if scalars > 0 && binary.op.is_set_operator() {
            let op = binary.op.as_str();
            let message = format!("set operator {op:?} not allowed in binary scalar expression");
            self.error(expr, message);
        }
        self.check_operator(binary, scalars, expr);
        if scalars > 0 && binary.matching.is_some() {
            let message = "vector matching only allowed between instant vectors";
            self.error(expr, message.to_owned());
        }
    }

    fn check_operator(&mut self, binary: &BinaryExpr, scalars: usize, expr: &Expr) {
        let op = binary.op.as_str();
        if binary.op.is_trim() && scalars == 2 {
            self.error(expr, format!("operator {op:?} not defined between scalars"));
        }
        if binary.fill.is_empty() {
            return;
        }
        if !self.options.fill_modifiers {
            self.error(
                expr,
                "fill modifiers are experimental and must be enabled".to_owned(),
            );
        }
        if scalars > 0 {
            let message = "filling in missing series only allowed between instant vectors";
            self.error(expr, message.to_owned());
        }
    }

    fn check_aggregate(&mut self, aggregate: &AggregateExpr, expr: &Expr) {
        let op = aggregate.op;
        if op.is_experimental() && !self.options.experimental_functions {
            let message = format!("{}() is experimental and must be enabled", op.as_str());
            self.error(expr, message);
        }
        self.expect_type(
            &aggregate.expr,
            ValueType::InstantVector,
            "aggregation expression",
        );
        if let Some(parameter) = &aggregate.parameter {
            let expected = if op == AggregateOp::CountValues {
                ValueType::String
            } else {
                ValueType::Scalar
            };
            self.expect_type(parameter, expected, "aggregation parameter");
        }
    }

    fn check_call(&mut self, call: &CallExpr, expr: &Expr) {
        let function = call.function;
        let name = function.name();
        match function.support() {
            Support::Stable => {}
            Support::Experimental if self.options.experimental_functions => {}
            Support::Experimental => {
                self.error(
                    expr,
                    format!("function {name:?} is experimental and must be enabled"),
                );
            }
        }
        let count = call.arguments.len();
        let (least, most) = function.arity();
        let wanted = match most {
            Some(most) if least == most && count != least => format!("{least}"),
            _ if count < least => format!("at least {least}"),
            Some(most) if count > most => format!("at most {most}"),
            _ => String::new(),
        };
        if !wanted.is_empty() {
            let message = format!("expected {wanted} argument(s) in call to {name:?}, got {count}");
            self.error(expr, message);
        }
        if function.is_info() {
            self.check_info_matchers(call);
        }
        for (index, argument) in call.arguments.iter().enumerate() {
            if let Some(expected) = function.argument_type(index) {
                self.expect_type(argument, expected, &format!("call to function {name:?}"));
            }
        }
    }
}

/// How an expression becomes one of the type that is expected.
fn type_help(expr: &Expr, expected: ValueType) -> Option<String> {
    let is_plain_selector = matches!(expr.kind(), ExprKind::Selector(_));
    match (expected, expr.value_type()) {
        (ValueType::RangeVector, ValueType::InstantVector) if is_plain_selector => {
            Some("select a range of samples by a duration in brackets, as in [5m]".to_owned())
        }
        (ValueType::RangeVector, ValueType::InstantVector) => {
            Some("evaluate the expression over a range with a subquery, as in [5m:]".to_owned())
        }
        (ValueType::InstantVector, ValueType::RangeVector) => Some(
            "leave the range out, or put a function such as rate() or avg_over_time() around it".to_owned(),
        ),
        (ValueType::InstantVector, ValueType::Scalar) => {
            Some("vector() makes a vector of a scalar".to_owned())
        }
        (ValueType::Scalar, ValueType::InstantVector) => {
            Some("scalar() makes a scalar of a vector with one element".to_owned())
        }
        _ => None,
    }
}
