//! [`Visitor`]: looks at every node of a tree.

use super::Expr;

/// Looks at the nodes of a tree, parents first.
///
/// ```
/// use moheng_promql::{Expr, ExprKind, Visitor};
///
/// struct Names(Vec<String>);
/// impl Visitor for Names {
///     fn visit(&mut self, expr: &Expr) {
///         if let ExprKind::Selector(selector) = expr.kind() {
///             self.0.extend(selector.name.clone());
///         }
///         self.visit_children(expr);
///     }
/// }
///
/// let mut names = Names(Vec::new());
/// names.visit(&moheng_promql::parse("errors / requests")?);
/// assert_eq!(names.0, ["errors", "requests"]);
/// # Ok::<(), moheng_promql::ParseErrors>(())
/// ```
pub trait Visitor {
    /// Looks at one node. Call [`Visitor::visit_children`] to go on below it.
    fn visit(&mut self, expr: &Expr);

    /// Visits the direct sub-expressions.
    fn visit_children(&mut self, expr: &Expr) {
        for child in expr.children() {
            self.visit(child);
        }
    }
}
