//! [`BlockSet`]: several blocks as one source.

use moheng_metrics::{Select, SeriesCursor, SeriesOrder, SeriesSource, SourceError};

use super::Block;
use crate::query::MergeCursor;

/// Several blocks as one source. Series that are in more than one come once, with the samples of all.
///
/// Of samples of one series with the same timestamp that of the block listed first is handed out.
#[derive(Clone, Debug, Default)]
pub struct BlockSet {
    blocks: Vec<Block>,
}

impl BlockSet {
    /// A source over these blocks.
    pub fn new(blocks: Vec<Block>) -> Self {
        Self { blocks }
    }

    /// The blocks.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    fn merge_texts(
        &self,
        select: &Select,
        texts: impl Fn(&Block) -> Result<Vec<String>, SourceError>,
    ) -> Result<Vec<String>, SourceError> {
        let mut all = Vec::new();
        for block in &self.blocks {
            all.append(&mut texts(block)?);
        }
        // Each block's are in order, which a stable sort takes for runs to merge.
        all.sort();
        all.dedup();
        all.truncate(select.limit.unwrap_or(usize::MAX));
        Ok(all)
    }
}

impl SeriesSource for BlockSet {
    fn select<'a>(&'a self, select: &Select) -> Result<Box<dyn SeriesCursor<'a> + 'a>, SourceError> {
        if let [only] = self.blocks.as_slice() {
            return only.select(select);
        }
        let mut ordered = select.clone();
        ordered.order = SeriesOrder::ByLabels;
        let cursors = self
            .blocks
            .iter()
            .map(|block| block.select(&ordered))
            .collect::<Result<Vec<_>, SourceError>>()?;
        Ok(Box::new(MergeCursor::new(cursors, select.limit)))
    }

    fn label_names(&self, select: &Select) -> Result<Vec<String>, SourceError> {
        self.merge_texts(select, |block| block.label_names(select))
    }

    fn label_values(&self, name: &str, select: &Select) -> Result<Vec<String>, SourceError> {
        self.merge_texts(select, |block| block.label_values(name, select))
    }
}
