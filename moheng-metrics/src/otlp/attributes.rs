//! Attributes as labels.

use std::borrow::Cow;

use super::name::label_name;
use super::value::text_of;
use super::wire::{KeyValue, Resource, Scope};
use super::{OtlpError, OtlpOptions, WarningKind, Warnings};
use crate::labels::MAX_TEXT_BYTES;
use crate::{Labels, METRIC_NAME};

/// The attributes of a resource that identify it; `job` and `instance` are made of them.
const SERVICE_NAME: &str = "service.name";
const SERVICE_NAMESPACE: &str = "service.namespace";
const SERVICE_INSTANCE: &str = "service.instance.id";

/// Where a label comes from. Of labels with the same name the one from the highest place counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    PromotedResource,
    Attribute,
    ScopeAttribute,
    Scope,
    Identity,
}

#[derive(Clone, Debug)]
struct Candidate<'a> {
    name: Cow<'a, str>,
    origin: Origin,
    /// The key it was made of: labels of the same name and origin are joined in this order.
    key: Cow<'a, str>,
    value: Cow<'a, str>,
}

/// What identifies a resource.
#[derive(Clone, Debug, Default)]
pub(super) struct Identity {
    pub(super) job: String,
    pub(super) instance: String,
    /// How many attributes there are beside those that identify it.
    other_attributes: usize,
}

impl Identity {
    pub(super) fn of(resource: Resource<'_>) -> Result<Self, OtlpError> {
        let (mut name, mut namespace, mut instance) = Default::default();
        let mut other_attributes = 0;
        for pair in resource.attributes() {
            let pair = pair?;
            match pair.key {
                SERVICE_NAME => name = text_of(pair.value)?,
                SERVICE_NAMESPACE => namespace = text_of(pair.value)?,
                SERVICE_INSTANCE => instance = text_of(pair.value)?,
                _ => other_attributes += 1,
            }
        }
        let (name, namespace): (Cow<'_, str>, Cow<'_, str>) = (name, namespace);
        let job = if name.is_empty() || namespace.is_empty() {
            name.into_owned()
        } else {
            format!("{namespace}/{name}")
        };
        let instance: Cow<'_, str> = instance;
        Ok(Self {
            job,
            instance: instance.into_owned(),
            other_attributes,
        })
    }

    /// Whether the resource needs `target_info`: it can be found by a label, and has more to say.
    pub(super) fn needs_target_info(&self) -> bool {
        self.other_attributes > 0 && !(self.job.is_empty() && self.instance.is_empty())
    }
}

/// Labels that are being collected.
#[derive(Clone, Debug, Default)]
pub(super) struct Candidates<'a> {
    list: Vec<Candidate<'a>>,
    /// The bytes of all names and values.
    bytes: usize,
}

impl<'a> Candidates<'a> {
    /// What all series of a resource have in common.
    pub(super) fn of_resource(
        resource: Resource<'a>,
        identity: &'a Identity,
        options: &OtlpOptions,
        warnings: &mut Warnings,
    ) -> Result<Self, OtlpError> {
        let mut all = Self::default();
        for pair in resource.attributes() {
            let pair = pair?;
            if options.promote_resource_attributes.contains(pair.key) {
                all.push(Origin::PromotedResource, pair, options, "resource", warnings)?;
            }
        }
        all.push_identity(identity);
        all.keep_last();
        Ok(all)
    }

    /// What all series of a scope have in common beside that.
    pub(super) fn of_scope(
        scope: Scope<'a>,
        schema_url: &'a str,
        options: &OtlpOptions,
    ) -> Result<Self, OtlpError> {
        let mut all = Self::default();
        if options.promote_scope_metadata {
            all.push_scope(scope, schema_url, options)?;
            all.keep_last();
        }
        Ok(all)
    }

    fn push_scope(
        &mut self,
        scope: Scope<'a>,
        schema_url: &'a str,
        options: &OtlpOptions,
    ) -> Result<(), OtlpError> {
        for pair in scope.attributes() {
            let KeyValue { key, value } = pair?;
            let prefixed = format!("otel_scope_{key}");
            let name = label_name(&prefixed, options).map(|name| Cow::Owned(name.into_owned()));
            if let Some(name) = name {
                let (key, value) = (Cow::Borrowed(key), text_of(value)?);
                self.add(name, Origin::ScopeAttribute, key, value)?;
            }
        }
        for (name, value) in [
            ("otel_scope_name", scope.name),
            ("otel_scope_version", scope.version),
            ("otel_scope_schema_url", schema_url),
        ] {
            self.add(
                Cow::Borrowed(name),
                Origin::Scope,
                Cow::Borrowed(name),
                Cow::Borrowed(value),
            )?;
        }
        Ok(())
    }

    /// Of candidates with the same name and origin only the last one counts, and empty ones do not: every point would
    /// look at them in vain.
    fn keep_last(&mut self) {
        self.list.retain(|candidate| !candidate.value.is_empty());
        self.list
            .sort_by(|a, b| (&b.name, b.origin, &b.key).cmp(&(&a.name, a.origin, &a.key)));
        self.list
            .dedup_by(|a, b| a.name == b.name && a.origin == b.origin);
    }

    /// The labels of `target_info`.
    pub(super) fn of_target_info(
        resource: Resource<'a>,
        identity: &'a Identity,
        options: &OtlpOptions,
        warnings: &mut Warnings,
    ) -> Result<Self, OtlpError> {
        let mut all = Self::default();
        for pair in resource.attributes() {
            let pair = pair?;
            let identifies = matches!(pair.key, SERVICE_NAME | SERVICE_NAMESPACE | SERVICE_INSTANCE);
            if !identifies || options.keep_identifying_resource_attributes {
                all.push(Origin::Attribute, pair, options, "resource", warnings)?;
            }
        }
        all.push_identity(identity);
        Ok(all)
    }

    /// These and others, with room for what is typically added.
    pub(super) fn with(&self, others: &Self) -> Result<Self, OtlpError> {
        let mut all = Self {
            list: Vec::with_capacity(self.list.len() + others.list.len() + 8),
            bytes: self.bytes,
        };
        all.list.extend_from_slice(&self.list);
        all.list.extend_from_slice(&others.list);
        all.count(others.bytes)?;
        Ok(all)
    }

    /// Adds the attributes of a point.
    pub(super) fn push_attributes(
        &mut self,
        attributes: impl Iterator<Item = Result<KeyValue<'a>, OtlpError>>,
        options: &OtlpOptions,
        metric: &str,
        warnings: &mut Warnings,
    ) -> Result<(), OtlpError> {
        for pair in attributes {
            self.push(Origin::Attribute, pair?, options, metric, warnings)?;
        }
        Ok(())
    }

    /// One value per name.
    pub(super) fn resolve(mut self) -> LabelPairs<'a> {
        self.list
            .sort_by(|a, b| (&a.name, b.origin, &a.key).cmp(&(&b.name, a.origin, &b.key)));
        let mut pairs = Vec::with_capacity(self.list.len());
        for group in self.list.chunk_by(|a, b| a.name == b.name) {
            let values = group.chunk_by(|a, b| a.origin == b.origin).map(join);
            let value = values.into_iter().find(|value| !value.is_empty());
            if let (Some(first), Some(value)) = (group.first(), value) {
                pairs.push((first.name.clone(), value));
            }
        }
        LabelPairs { pairs }
    }

    fn push_identity(&mut self, identity: &'a Identity) {
        for (name, value) in [("job", &identity.job), ("instance", &identity.instance)] {
            if !value.is_empty() {
                self.list.push(Candidate {
                    name: Cow::Borrowed(name),
                    origin: Origin::Identity,
                    key: Cow::Borrowed(name),
                    value: Cow::Borrowed(value),
                });
            }
        }
    }

    fn push(
        &mut self,
        origin: Origin,
        pair: KeyValue<'a>,
        options: &OtlpOptions,
        metric: &str,
        warnings: &mut Warnings,
    ) -> Result<(), OtlpError> {
        let Some(name) = label_name(pair.key, options) else {
            warnings.add(WarningKind::InvalidAttribute, metric, 1);
            return Ok(());
        };
        self.add(name, origin, Cow::Borrowed(pair.key), text_of(pair.value)?)
    }

    fn add(
        &mut self,
        name: Cow<'a, str>,
        origin: Origin,
        key: Cow<'a, str>,
        value: Cow<'a, str>,
    ) -> Result<(), OtlpError> {
        self.count(name.len() + value.len() + 1)?;
        self.list.push(Candidate {
            name,
            origin,
            key,
            value,
        });
        Ok(())
    }

    /// Refuses what may not fit into one label, were it all joined.
    fn count(&mut self, bytes: usize) -> Result<(), OtlpError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MAX_TEXT_BYTES {
            return Err(OtlpError::TooLarge {
                max_bytes: MAX_TEXT_BYTES,
            });
        }
        Ok(())
    }
}

/// The values of attributes whose keys became the same name, separated by semicolons.
fn join<'a>(group: &[Candidate<'a>]) -> Cow<'a, str> {
    match group {
        [] => Cow::Borrowed(""),
        [only] => only.value.clone(),
        [first, rest @ ..] if first.origin == Origin::Attribute => {
            let mut joined = first.value.clone().into_owned();
            for candidate in rest {
                joined.push(';');
                joined.push_str(&candidate.value);
            }
            Cow::Owned(joined)
        }
        [.., last] => last.value.clone(),
    }
}

/// Labels ascending by name, without the metric's name.
#[derive(Clone, Debug)]
pub(super) struct LabelPairs<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl LabelPairs<'_> {
    /// The labels of the series with this metric name and perhaps one label more, which replaces one of the same name.
    pub(super) fn series(&self, metric_name: &str, extra: Option<(&str, &str)>) -> Labels {
        let mut own = self
            .pairs
            .iter()
            .map(|(name, value)| (name.as_ref(), value.as_ref()))
            .filter(|(name, _)| *name != METRIC_NAME && Some(*name) != extra.map(|(name, _)| name))
            .peekable();
        let mut more = [Some((METRIC_NAME, metric_name)), extra]
            .into_iter()
            .flatten()
            .peekable();
        let merged = std::iter::from_fn(|| match (own.peek(), more.peek()) {
            (Some(left), Some(right)) if left.0 < right.0 => own.next(),
            (_, Some(_)) => more.next(),
            (_, None) => own.next(),
        });
        Labels::from_sorted_pairs(merged)
    }

    /// The labels alone.
    pub(super) fn labels(&self) -> Labels {
        Labels::from_sorted_pairs(
            self.pairs
                .iter()
                .map(|(name, value)| (name.as_ref(), value.as_ref())),
        )
    }
}
