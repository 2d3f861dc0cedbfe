//! Asking the database for what is said about series besides their samples.

use std::sync::Arc;

use moheng_metrics::{Exemplar, Labels, Metadata, Select};

use super::Db;

impl Db {
    /// The exemplars of the series that some of the selections match, in the time range of one that does: ascending by labels, and
    /// those of a series by time. Of all series together the newest [`Settings::max_exemplars`](crate::Settings) are kept.
    pub fn exemplars(&self, selects: &[Select]) -> Vec<(Labels, Vec<Exemplar>)> {
        self.shared.head.exemplars(selects)
    }

    /// Keeps so many exemplars from now on, in place of [`Settings::max_exemplars`](crate::Settings); the newest of those there are
    /// stay.
    pub fn set_max_exemplars(&self, max_exemplars: usize) {
        self.shared.head.set_max_exemplars(max_exemplars);
    }

    /// The newest metadata of the series in memory that `select` matches and that have some, ascending by labels. The time
    /// range does not matter.
    pub fn metadata(&self, select: &Select) -> Vec<(Labels, Arc<Metadata>)> {
        self.shared.head.metadata(select)
    }
}
