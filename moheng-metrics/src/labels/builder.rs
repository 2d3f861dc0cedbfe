//! [`LabelsBuilder`]: edits a label set and packs it.

use super::{Labels, METRIC_NAME, push_text};

/// Collects labels in any order and packs them into [`Labels`].
///
/// ```
/// use moheng_metrics::Labels;
///
/// let up = Labels::from_pairs([("__name__", "up"), ("job", "node")]);
/// let renamed = up.to_builder().with("__name__", "down").without("job").finish();
/// assert_eq!(renamed.to_string(), r#"{__name__="down"}"#);
/// ```
#[derive(Clone, Debug, Default)]
pub struct LabelsBuilder {
    /// Sorted by name, names unique, no value empty.
    pairs: Vec<(String, String)>,
}

impl LabelsBuilder {
    /// A builder without labels.
    pub fn new() -> Self {
        Self::default()
    }

    /// A builder that starts with the labels of `labels`.
    pub fn from_labels(labels: &Labels) -> Self {
        Self {
            pairs: labels
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        }
    }

    /// Sets a label, replacing an earlier value. An empty value removes the label.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        match self.position(name) {
            Ok(index) if value.is_empty() => {
                self.pairs.remove(index);
            }
            Ok(index) => value.clone_into(&mut self.pairs[index].1),
            Err(_) if value.is_empty() => {}
            Err(index) => self.pairs.insert(index, (name.to_owned(), value.to_owned())),
        }
        self
    }

    /// Removes a label; absent ones are ignored.
    pub fn remove(&mut self, name: &str) -> &mut Self {
        self.set(name, "")
    }

    /// Gives a label another name, replacing a label that had it. Nothing happens when the label is not set.
    pub fn rename(&mut self, name: &str, new_name: &str) -> &mut Self {
        if let Ok(index) = self.position(name) {
            let (_, value) = self.pairs.remove(index);
            self.set(new_name, &value);
        }
        self
    }

    /// The value of a label, or `None` when it is not set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.position(name).ok().map(|index| self.pairs[index].1.as_str())
    }

    /// The labels set so far as (name, value), ascending by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Keeps only the labels for which `keep(name, value)` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &str) -> bool) -> &mut Self {
        self.pairs.retain(|(name, value)| keep(name, value));
        self
    }

    /// [`LabelsBuilder::set`] for chains.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// [`LabelsBuilder::remove`] for chains.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.remove(name);
        self
    }

    /// Sets the metric name.
    #[must_use]
    pub fn with_metric_name(self, name: &str) -> Self {
        self.with(METRIC_NAME, name)
    }

    /// Packs what was collected. The builder keeps its labels and can go on.
    pub fn finish(&self) -> Labels {
        let mut packed = Vec::with_capacity(
            self.pairs
                .iter()
                .map(|(name, value)| name.len() + value.len() + 2)
                .sum(),
        );
        for (name, value) in &self.pairs {
            push_text(&mut packed, name);
            push_text(&mut packed, value);
        }
        Labels::from_packed(packed)
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.pairs
            .binary_search_by(|(candidate, _)| candidate.as_str().cmp(name))
    }
}
