//! [`Annotations`]: remarks on a result that do not fail the query.

use hashbrown::HashSet;

use crate::ast::Span;

/// Remarks on a result, each once, in the order they came up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Annotations {
    /// The result is probably not what was wanted.
    pub warnings: Vec<String>,
    /// The result is right but something about it may surprise.
    pub infos: Vec<String>,
}

/// Gathers annotations while a query runs.
#[derive(Debug)]
pub(crate) struct Annotator<'q> {
    query: &'q str,
    seen: HashSet<String>,
    collected: Annotations,
}

impl<'q> Annotator<'q> {
    pub(crate) fn new(query: &'q str) -> Self {
        Self {
            query,
            seen: HashSet::new(),
            collected: Annotations::default(),
        }
    }

    pub(crate) fn warn(&mut self, span: Span, message: &str) {
        let text = self.text("PromQL warning", span, message);
        if self.seen.insert(text.clone()) {
            self.collected.warnings.push(text);
        }
    }

    pub(crate) fn inform(&mut self, span: Span, message: &str) {
        let text = self.text("PromQL info", span, message);
        if self.seen.insert(text.clone()) {
            self.collected.infos.push(text);
        }
    }

    pub(crate) fn finish(self) -> Annotations {
        self.collected
    }

    fn text(&self, prefix: &str, span: Span, message: &str) -> String {
        let (line, column) = span.line_column(self.query);
        format!("{prefix}: {message} ({line}:{column})")
    }
}
