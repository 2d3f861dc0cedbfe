//! [`OtlpOptions`]: how a request becomes series.

use std::str::FromStr;

use thiserror::Error;

/// What [`super::translate`] does where there is a choice: the section `otlp` of a Prometheus configuration.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct OtlpOptions {
    /// How names of metrics and labels are made.
    pub translation_strategy: TranslationStrategy,
    /// Which resource attributes become labels of every series.
    pub promote_resource_attributes: PromotedAttributes,
    /// Whether name, version, schema URL and attributes of the instrumentation scope become labels (`otel_scope_...`).
    pub promote_scope_metadata: bool,
    /// Whether `target_info` keeps `service.name`, `service.namespace` and `service.instance.id` beside `job` and `instance`.
    pub keep_identifying_resource_attributes: bool,
    /// Whether histograms with explicit bounds become native histograms with custom buckets instead of classic series.
    pub convert_histograms_to_nhcb: bool,
    /// Where names are escaped: whether a label name with one leading underscore gets `key` before it.
    pub label_name_underscore_sanitization: bool,
    /// Where names are escaped: whether several underscores in a row in a label name stay several.
    pub label_name_preserve_multiple_underscores: bool,
    /// Whether delta points are taken as they are (feature `otlp-native-delta-ingestion`); otherwise they are dropped.
    pub accept_delta: bool,
    /// How long before its samples `target_info` must have one, in milliseconds: half the query's lookback.
    pub target_info_interval_ms: i64,
    /// A request that becomes more bytes than this is refused, where every sample counts with its labels. Series repeat what
    /// is said once about their resource, so a small request can become a large one.
    pub max_output_bytes: usize,
}

impl Default for OtlpOptions {
    fn default() -> Self {
        Self {
            translation_strategy: TranslationStrategy::default(),
            promote_resource_attributes: PromotedAttributes::default(),
            promote_scope_metadata: false,
            keep_identifying_resource_attributes: false,
            convert_histograms_to_nhcb: false,
            label_name_underscore_sanitization: true,
            label_name_preserve_multiple_underscores: true,
            accept_delta: false,
            target_info_interval_ms: 150_000,
            max_output_bytes: 256 << 20,
        }
    }
}

/// How names of metrics and labels are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TranslationStrategy {
    /// Names become legacy names, and metrics get suffixes for unit and type.
    #[default]
    UnderscoreEscapingWithSuffixes,
    /// Names stay as they are, and metrics get suffixes for unit and type.
    NoUtf8EscapingWithSuffixes,
    /// Names become legacy names.
    UnderscoreEscapingWithoutSuffixes,
    /// Names stay as they are.
    NoTranslation,
}

impl TranslationStrategy {
    const ALL: [Self; 4] = [
        Self::UnderscoreEscapingWithSuffixes,
        Self::NoUtf8EscapingWithSuffixes,
        Self::UnderscoreEscapingWithoutSuffixes,
        Self::NoTranslation,
    ];

    /// The word of the setting `translation_strategy`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnderscoreEscapingWithSuffixes => "UnderscoreEscapingWithSuffixes",
            Self::NoUtf8EscapingWithSuffixes => "NoUTF8EscapingWithSuffixes",
            Self::UnderscoreEscapingWithoutSuffixes => "UnderscoreEscapingWithoutSuffixes",
            Self::NoTranslation => "NoTranslation",
        }
    }

    /// Whether names become legacy names.
    pub const fn escapes(self) -> bool {
        matches!(
            self,
            Self::UnderscoreEscapingWithSuffixes | Self::UnderscoreEscapingWithoutSuffixes
        )
    }

    /// Whether metrics get suffixes for unit and type.
    pub const fn adds_suffixes(self) -> bool {
        matches!(
            self,
            Self::UnderscoreEscapingWithSuffixes | Self::NoUtf8EscapingWithSuffixes
        )
    }
}

impl FromStr for TranslationStrategy {
    type Err = UnknownStrategy;

    fn from_str(word: &str) -> Result<Self, UnknownStrategy> {
        Self::ALL
            .into_iter()
            .find(|strategy| strategy.as_str() == word)
            .ok_or_else(|| UnknownStrategy(word.to_owned()))
    }
}

/// A word that names no [`TranslationStrategy`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "unknown translation strategy {0:?}, expected UnderscoreEscapingWithSuffixes, NoUTF8EscapingWithSuffixes, \
     UnderscoreEscapingWithoutSuffixes or NoTranslation"
)]
pub struct UnknownStrategy(
    /// The word.
    pub String,
);

/// Which resource attributes become labels of every series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PromotedAttributes {
    /// Those with these keys.
    Only(Vec<String>),
    /// All but those with these keys.
    AllBut(Vec<String>),
}

impl PromotedAttributes {
    pub(super) fn contains(&self, key: &str) -> bool {
        match self {
            Self::Only(keys) => keys.iter().any(|promoted| promoted == key),
            Self::AllBut(keys) => !keys.iter().any(|ignored| ignored == key),
        }
    }
}

impl Default for PromotedAttributes {
    fn default() -> Self {
        Self::Only(Vec::new())
    }
}
