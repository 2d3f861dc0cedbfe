//! The syntax tree: every node knows its [`Span`] and whether its value depends on the evaluation time.

mod describe;
mod display;
mod operator;
mod pretty;
mod quote;
mod selector;
mod span;
mod visit;

pub use describe::Description;
pub use operator::{AggregateOp, BinaryOp, UnaryOp};
pub(crate) use quote::push_quoted;
pub use selector::{AtModifier, DurationExpr, EdgeModifier, Selector, TimeModifiers};
pub use span::Span;
pub use visit::Visitor;

use crate::functions::Function;

/// A node of the syntax tree.
///
/// Two expressions are equal when they say the same, wherever they were written.
///
/// ```
/// let expr = moheng_promql::parse("sum(rate(http_requests_total[5m])) by (job)")?;
/// assert_eq!(expr.to_string(), "sum by (job) (rate(http_requests_total[5m]))");
/// # Ok::<(), moheng_promql::ParseErrors>(())
/// ```
#[derive(Clone, Debug)]
pub struct Expr {
    kind: ExprKind,
    span: Span,
    is_step_invariant: bool,
    depth: u16,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ExprKind {
    /// A number, or a duration in its place.
    Number(NumberLiteral),
    /// A string.
    String(String),
    /// An instant vector selector.
    Selector(Selector),
    /// A range vector selector.
    Range(RangeSelector),
    /// A subquery.
    Subquery(Subquery),
    /// An expression in parentheses.
    Paren(Box<Expr>),
    /// A sign.
    Unary(UnaryExpr),
    /// A binary operation.
    Binary(BinaryExpr),
    /// An aggregation.
    Aggregate(AggregateExpr),
    /// A function call.
    Call(CallExpr),
}

/// A number; durations count seconds.
#[derive(Clone, Copy, Debug)]
pub struct NumberLiteral {
    /// The value.
    pub value: f64,
    /// Whether it was written as a duration.
    pub is_duration: bool,
}

impl PartialEq for NumberLiteral {
    fn eq(&self, other: &Self) -> bool {
        self.is_duration == other.is_duration
            && (self.value.to_bits() == other.value.to_bits() || self.value.is_nan() && other.value.is_nan())
    }
}

/// `selector[range]`
#[derive(Clone, Debug, PartialEq)]
pub struct RangeSelector {
    /// What is selected; carries the offset and the `@` too.
    pub selector: Selector,
    /// How far the windows reach back.
    pub range: DurationExpr,
}

/// `expr[range:step]`
#[derive(Clone, Debug, PartialEq)]
pub struct Subquery {
    /// What is evaluated.
    pub expr: Box<Expr>,
    /// How far the windows reach back.
    pub range: DurationExpr,
    /// The time between evaluations; the engine's default when missing.
    pub step: Option<DurationExpr>,
    /// Offset and `@`.
    pub modifiers: TimeModifiers,
}

/// `-expr`
#[derive(Clone, Debug, PartialEq)]
pub struct UnaryExpr {
    /// The sign.
    pub op: UnaryOp,
    /// The operand.
    pub expr: Box<Expr>,
}

/// `left op right`
#[derive(Clone, Debug, PartialEq)]
pub struct BinaryExpr {
    /// The operator.
    pub op: BinaryOp,
    /// The left operand.
    pub left: Box<Expr>,
    /// The right operand.
    pub right: Box<Expr>,
    /// Whether a comparison answers 0 or 1 rather than filtering.
    pub returns_bool: bool,
    /// How elements of two vectors find each other; by all labels when missing.
    pub matching: Option<VectorMatching>,
    /// What stands in for missing elements.
    pub fill: Fill,
}

/// `fill_left (…) fill_right (…)`, both at once when written `fill (…)`
///
/// With `group_right` the sides are the other way round, as in Prometheus 3.14: `fill_left` fills the side that may have
/// many elements.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fill {
    /// The value of elements that the left side does not have.
    pub left: Option<NumberLiteral>,
    /// The value of elements that the right side does not have.
    pub right: Option<NumberLiteral>,
}

impl Fill {
    /// Whether no side is filled.
    pub fn is_empty(self) -> bool {
        self.left.is_none() && self.right.is_none()
    }
}

/// `on (…) group_left (…)`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VectorMatching {
    /// `on` rather than `ignoring`.
    pub is_on: bool,
    /// The labels after `on` or `ignoring`.
    pub labels: Vec<String>,
    /// `group_left` or `group_right`.
    pub group: Option<GroupModifier>,
}

/// `group_left (…)` or `group_right (…)`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupModifier {
    /// Which side may have many elements per match.
    pub many_side: Side,
    /// Labels taken over from the other side.
    pub labels: Vec<String>,
}

/// A side of a binary operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The left one.
    Left,
    /// The right one.
    Right,
}

/// `op by (…) (parameter, expr)`
#[derive(Clone, Debug, PartialEq)]
pub struct AggregateExpr {
    /// The operator.
    pub op: AggregateOp,
    /// What is aggregated.
    pub expr: Box<Expr>,
    /// The first argument of operators that take one.
    pub parameter: Option<Box<Expr>>,
    /// How elements are grouped; all together when missing.
    pub grouping: Option<Grouping>,
}

/// `by (…)` or `without (…)`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouping {
    /// `without` rather than `by`.
    pub is_without: bool,
    /// The labels.
    pub labels: Vec<String>,
}

/// `function(arguments)`
#[derive(Clone, Debug, PartialEq)]
pub struct CallExpr {
    /// The row of the function table.
    pub function: &'static Function,
    /// The arguments as written.
    pub arguments: Vec<Expr>,
}

/// The type of an expression's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// One number per step.
    Scalar,
    /// A text.
    String,
    /// Elements with one sample each per step.
    InstantVector,
    /// Elements with a window of samples each per step.
    RangeVector,
}

impl ValueType {
    /// The name error messages use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::String => "string",
            Self::InstantVector => "instant vector",
            Self::RangeVector => "range vector",
        }
    }
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Expr {
    pub(crate) fn new(kind: ExprKind, span: Span) -> Self {
        let is_step_invariant = is_step_invariant(&kind);
        let deepest = children(&kind).iter().map(|child| child.depth).max();
        Self {
            is_step_invariant,
            depth: deepest.unwrap_or(0).saturating_add(1),
            kind,
            span,
        }
    }

    /// What the node is.
    pub fn kind(&self) -> &ExprKind {
        &self.kind
    }

    /// What the node is. Neither its depth nor whether it is the same at every step may change.
    pub(crate) fn kind_mut(&mut self) -> &mut ExprKind {
        &mut self.kind
    }

    /// As [`Expr::children`].
    pub(crate) fn children_mut(&mut self) -> Vec<&mut Self> {
        match &mut self.kind {
            ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Selector(_) | ExprKind::Range(_) => {
                Vec::new()
            }
            ExprKind::Subquery(subquery) => vec![&mut subquery.expr],
            ExprKind::Paren(inner) => vec![inner],
            ExprKind::Unary(unary) => vec![&mut unary.expr],
            ExprKind::Binary(binary) => vec![&mut binary.left, &mut binary.right],
            ExprKind::Aggregate(aggregate) => {
                let mut all: Vec<&mut Self> = aggregate.parameter.as_deref_mut().into_iter().collect();
                all.push(&mut aggregate.expr);
                all
            }
            ExprKind::Call(call) => call.arguments.iter_mut().collect(),
        }
    }

    pub(crate) fn into_kind(self) -> ExprKind {
        self.kind
    }

    /// Where it was written.
    pub fn span(&self) -> Span {
        self.span
    }

    /// The number of nodes on the longest path to a leaf.
    pub(crate) fn depth(&self) -> usize {
        usize::from(self.depth)
    }

    /// Whether the value is the same at every step: literals, selectors with `@`, and what is made of them.
    pub fn is_step_invariant(&self) -> bool {
        self.is_step_invariant
    }

    /// The type of the value.
    pub fn value_type(&self) -> ValueType {
        match &self.kind {
            ExprKind::Number(_) => ValueType::Scalar,
            ExprKind::String(_) => ValueType::String,
            ExprKind::Selector(_) | ExprKind::Aggregate(_) => ValueType::InstantVector,
            ExprKind::Range(_) | ExprKind::Subquery(_) => ValueType::RangeVector,
            ExprKind::Paren(inner) => inner.value_type(),
            ExprKind::Unary(unary) => unary.expr.value_type(),
            ExprKind::Binary(binary) => {
                let is_scalar = |expr: &Expr| expr.value_type() == ValueType::Scalar;
                if is_scalar(&binary.left) && is_scalar(&binary.right) {
                    ValueType::Scalar
                } else {
                    ValueType::InstantVector
                }
            }
            ExprKind::Call(call) => call.function.returns(),
        }
    }

    /// The expression inside any parentheses.
    pub fn without_parens(&self) -> &Self {
        let mut expr = self;
        while let ExprKind::Paren(inner) = &expr.kind {
            expr = inner;
        }
        expr
    }

    /// The direct sub-expressions, in the order they are written.
    pub fn children(&self) -> Vec<&Self> {
        children(&self.kind)
    }

    /// The tree as a plain value that turns into the JSON of Prometheus's `/api/v1/parse_query`.
    pub fn describe(&self) -> Description {
        describe::describe(self)
    }

    /// The text on several lines, indented, as a person would write a long query.
    pub fn pretty(&self) -> String {
        pretty::pretty(self)
    }
}

fn children(kind: &ExprKind) -> Vec<&Expr> {
    match kind {
        ExprKind::Number(_) | ExprKind::String(_) | ExprKind::Selector(_) | ExprKind::Range(_) => Vec::new(),
        ExprKind::Subquery(subquery) => vec![&subquery.expr],
        ExprKind::Paren(inner) => vec![inner],
        ExprKind::Unary(unary) => vec![&unary.expr],
        ExprKind::Binary(binary) => vec![&binary.left, &binary.right],
        ExprKind::Aggregate(aggregate) => {
            let mut all: Vec<&Expr> = aggregate.parameter.as_deref().into_iter().collect();
            all.push(&aggregate.expr);
            all
        }
        ExprKind::Call(call) => call.arguments.iter().collect(),
    }
}

fn is_step_invariant(kind: &ExprKind) -> bool {
    match kind {
        ExprKind::Number(_) | ExprKind::String(_) => true,
        ExprKind::Selector(selector) => selector.modifiers.at.is_some(),
        ExprKind::Range(range) => range.selector.modifiers.at.is_some(),
        ExprKind::Subquery(subquery) => subquery.modifiers.at.is_some(),
        ExprKind::Call(call) if call.function.reads_evaluation_time() => false,
        _ => children(kind).iter().all(|child| child.is_step_invariant),
    }
}
