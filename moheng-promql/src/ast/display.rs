//! The canonical text of an expression on one line.

use std::fmt::{self, Display, Write};

use moheng_metrics::{
    METRIC_NAME, MatchOp, format_duration, format_json_float, is_valid_label_name, is_valid_metric_name,
};

use super::{
    AggregateExpr, AtModifier, BinaryExpr, BinaryOp, DurationExpr, Expr, ExprKind, Fill, GroupModifier,
    Grouping, NumberLiteral, Selector, Side, TimeModifiers, UnaryOp, VectorMatching, push_quoted,
};

impl Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            ExprKind::Number(number) => number.fmt(f),
            ExprKind::String(text) => f.write_str(&quoted(text)),
            ExprKind::Selector(selector) => selector.fmt(f),
            ExprKind::Range(range) => {
                range.selector.fmt_matchers(f)?;
                write!(f, "[{}]", range.range)?;
                range.selector.fmt_edges(f)?;
                range.selector.modifiers.fmt(f)
            }
            ExprKind::Subquery(subquery) => {
                write!(f, "{}[{}:", subquery.expr, subquery.range)?;
                if let Some(step) = &subquery.step {
                    step.fmt(f)?;
                }
                f.write_char(']')?;
                subquery.modifiers.fmt(f)
            }
            ExprKind::Paren(inner) => write!(f, "({inner})"),
            ExprKind::Unary(unary) => write!(f, "{}{}", unary.op.as_str(), unary.expr),
            ExprKind::Binary(binary) => {
                if binary.is_power_of_infinity() {
                    f.write_str(BARE_INFINITY)?;
                } else {
                    binary.left.fmt(f)?;
                }
                write!(f, " {} {}", binary.operator_text(), binary.right)
            }
            ExprKind::Aggregate(aggregate) => {
                f.write_str(&aggregate.head_text())?;
                f.write_char('(')?;
                if let Some(parameter) = &aggregate.parameter {
                    write!(f, "{parameter}, ")?;
                }
                write!(f, "{})", aggregate.expr)
            }
            ExprKind::Call(call) => {
                write!(f, "{}(", call.function.name())?;
                for (index, argument) in call.arguments.iter().enumerate() {
                    let separator = if index == 0 { "" } else { ", " };
                    write!(f, "{separator}{argument}")?;
                }
                f.write_char(')')
            }
        }
    }
}

impl Display for NumberLiteral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_duration {
            let duration_ms = (self.value * 1000.0).round() as i64;
            let is_negative_zero = duration_ms == 0 && self.value.is_sign_negative();
            return write!(
                f,
                "{}{}",
                if is_negative_zero { "-" } else { "" },
                format_duration(duration_ms)
            );
        }
        let mut text = String::new();
        format_json_float(self.value, &mut text);
        f.write_str(&text)
    }
}

impl Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_matchers(f)?;
        self.fmt_edges(f)?;
        self.modifiers.fmt(f)
    }
}

impl Selector {
    fn fmt_edges(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.edges {
            Some(edges) => write!(f, " {}", edges.as_str()),
            None => Ok(()),
        }
    }

    fn fmt_matchers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = Vec::new();
        match &self.name {
            Some(name) if is_plain_metric_name(name) => f.write_str(name)?,
            Some(name) => parts.push(quoted(name)),
            None => {}
        }
        parts.extend(self.matchers.iter().map(matcher_text));
        if parts.is_empty() && self.name.is_some() {
            return Ok(());
        }
        write!(f, "{{{}}}", parts.join(","))
    }
}

impl Display for TimeModifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(AtModifier::Time(time_ms)) => {
                let sign = if time_ms < 0 { "-" } else { "" };
                let (seconds, rest_ms) = (time_ms.unsigned_abs() / 1000, time_ms.unsigned_abs() % 1000);
                write!(f, " @ {sign}{seconds}.{rest_ms:03}")?;
            }
            Some(AtModifier::Start) => f.write_str(" @ start()")?,
            Some(AtModifier::End) => f.write_str(" @ end()")?,
            None => {}
        }
        match &self.offset {
            Some(DurationExpr::Fixed(offset_ms)) => write!(f, " offset {}", format_duration(*offset_ms)),
            // What is computed was written as one operand: a call, a sign or parentheses.
            Some(DurationExpr::Computed(expr)) => write!(f, " offset {expr}"),
            None => Ok(()),
        }
    }
}

impl Display for DurationExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(duration_ms) => f.write_str(&format_duration(*duration_ms)),
            Self::Computed(expr) => expr.fmt(f),
        }
    }
}

/// Infinity without the sign that it is printed with elsewhere.
pub(super) const BARE_INFINITY: &str = "Inf";

impl BinaryExpr {
    /// Whether it is a power of infinity, whose sign would read as one of the whole power.
    pub(super) fn is_power_of_infinity(&self) -> bool {
        let is_infinity = |number: &NumberLiteral| number.value == f64::INFINITY;
        self.op == BinaryOp::Power
            && matches!(self.left.kind(), ExprKind::Number(number) if is_infinity(number))
    }

    /// The operator with all its modifiers.
    pub(crate) fn operator_text(&self) -> String {
        let mut text = self.op.as_str().to_owned();
        if self.returns_bool {
            text.push_str(" bool");
        }
        if let Some(matching) = &self.matching {
            matching.push_text(&mut text);
        }
        self.fill.push_text(&mut text);
        text
    }
}

impl Fill {
    fn push_text(self, text: &mut String) {
        let parts = if self.left == self.right {
            [("fill", self.left), ("", None)]
        } else {
            [("fill_left", self.left), ("fill_right", self.right)]
        };
        for (keyword, value) in parts {
            if let Some(value) = value {
                // Writing to a string does not fail.
                let _ = write!(text, " {keyword} ({value})");
            }
        }
    }
}

impl VectorMatching {
    fn push_text(&self, text: &mut String) {
        text.push_str(if self.is_on { " on (" } else { " ignoring (" });
        push_label_list(&self.labels, text);
        text.push(')');
        if let Some(GroupModifier { many_side, labels }) = &self.group {
            text.push_str(match many_side {
                Side::Left => " group_left (",
                Side::Right => " group_right (",
            });
            push_label_list(labels, text);
            text.push(')');
        }
    }
}

impl AggregateExpr {
    /// The operator with its grouping and the blank after it.
    pub(crate) fn head_text(&self) -> String {
        let mut text = self.op.as_str().to_owned();
        if let Some(Grouping { is_without, labels }) = &self.grouping {
            text.push_str(if *is_without { " without (" } else { " by (" });
            push_label_list(labels, &mut text);
            text.push_str(") ");
        }
        text
    }
}

/// Whether an expression of this kind would read otherwise directly behind the sign.
pub(super) const fn sign_text(op: UnaryOp) -> &'static str {
    op.as_str()
}

fn matcher_text(matcher: &moheng_metrics::Matcher) -> String {
    let mut text = String::new();
    if is_valid_label_name(matcher.name()) || matcher.name() == METRIC_NAME {
        text.push_str(matcher.name());
    } else {
        push_quoted(matcher.name(), &mut text);
    }
    text.push_str(match matcher.op() {
        MatchOp::Equal => "=",
        MatchOp::NotEqual => "!=",
        MatchOp::Regex => "=~",
        MatchOp::NotRegex => "!~",
    });
    push_quoted(matcher.value(), &mut text);
    text
}

fn push_label_list(labels: &[String], text: &mut String) {
    for (index, label) in labels.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        if is_valid_label_name(label) {
            text.push_str(label);
        } else {
            push_quoted(label, text);
        }
    }
}

/// Whether the lexer reads the name as a metric name where an expression starts.
fn is_plain_metric_name(name: &str) -> bool {
    is_valid_metric_name(name) && !crate::syntax::is_reserved(name)
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    push_quoted(text, &mut out);
    out
}
