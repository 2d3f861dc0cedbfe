//! [`RelabelConfig`]: one rule as it is written, and [`RelabelRule`]: the same, checked and compiled.

use std::fmt;
use std::str::FromStr;

use moheng_metrics::{CapturePattern, Pattern, PatternError};
use thiserror::Error;

/// What a [`RelabelRule`] does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RelabelAction {
    /// Sets the target label to the replacement when the regular expression matches the source.
    #[default]
    Replace,
    /// Keeps only label sets whose source the regular expression matches.
    Keep,
    /// Drops label sets whose source the regular expression matches.
    Drop,
    /// Keeps only label sets whose source equals the target label.
    KeepEqual,
    /// Drops label sets whose source equals the target label.
    DropEqual,
    /// Sets the target label to the MD5 hash of the source modulo `modulus`.
    HashMod,
    /// Copies every label whose name the regular expression matches to the name the replacement gives.
    LabelMap,
    /// Removes every label whose name the regular expression matches.
    LabelDrop,
    /// Removes every label whose name the regular expression does not match.
    LabelKeep,
    /// Sets the target label to the source in lower case.
    Lowercase,
    /// Sets the target label to the source in upper case.
    Uppercase,
}

impl RelabelAction {
    const ALL: [Self; 11] = [
        Self::Replace,
        Self::Keep,
        Self::Drop,
        Self::KeepEqual,
        Self::DropEqual,
        Self::HashMod,
        Self::LabelMap,
        Self::LabelDrop,
        Self::LabelKeep,
        Self::Lowercase,
        Self::Uppercase,
    ];

    /// The word configuration files use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Keep => "keep",
            Self::Drop => "drop",
            Self::KeepEqual => "keepequal",
            Self::DropEqual => "dropequal",
            Self::HashMod => "hashmod",
            Self::LabelMap => "labelmap",
            Self::LabelDrop => "labeldrop",
            Self::LabelKeep => "labelkeep",
            Self::Lowercase => "lowercase",
            Self::Uppercase => "uppercase",
        }
    }
}

impl fmt::Display for RelabelAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RelabelAction {
    type Err = RelabelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|action| action.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| RelabelError::UnknownAction(text.to_owned()))
    }
}

/// One relabelling rule as a configuration file states it; the default is the default of every key.
///
/// ```
/// use moheng_collect::{RelabelConfig, RelabelRule, relabel};
/// use moheng_metrics::Labels;
///
/// let rule = RelabelRule::new(RelabelConfig {
///     source_labels: vec!["__address__".to_owned()],
///     regex: "([^:]+):.*".to_owned(),
///     target_label: "host".to_owned(),
///     ..RelabelConfig::default()
/// })?;
/// let mut labels = Labels::from_pairs([("__address__", "db1:9100")]).to_builder();
/// assert!(relabel(&[rule], &mut labels));
/// assert_eq!(labels.get("host"), Some("db1"));
///
/// let broken = RelabelConfig { regex: "(".to_owned(), target_label: "x".to_owned(), ..RelabelConfig::default() };
/// assert!(RelabelRule::new(broken).is_err());
/// # Ok::<(), moheng_collect::RelabelError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelabelConfig {
    /// The labels whose values, joined by `separator`, are the source.
    pub source_labels: Vec<String>,
    /// What joins the values; `;` by default.
    pub separator: String,
    /// The regular expression, which must match all of the source or label name; `(.*)` by default.
    pub regex: String,
    /// The divisor of [`RelabelAction::HashMod`].
    pub modulus: u64,
    /// The label that is set or compared; may contain `${1}` with [`RelabelAction::Replace`].
    pub target_label: String,
    /// What the label is set to, with `$1`, `${1}`, `$name` for capture groups; `$1` by default.
    pub replacement: String,
    /// What is done.
    pub action: RelabelAction,
}

impl Default for RelabelConfig {
    fn default() -> Self {
        Self {
            source_labels: Vec::new(),
            separator: DEFAULT_SEPARATOR.to_owned(),
            regex: DEFAULT_REGEX.to_owned(),
            modulus: 0,
            target_label: String::new(),
            replacement: DEFAULT_REPLACEMENT.to_owned(),
            action: RelabelAction::Replace,
        }
    }
}

const DEFAULT_SEPARATOR: &str = ";";
const DEFAULT_REGEX: &str = "(.*)";
const DEFAULT_REPLACEMENT: &str = "$1";

/// A relabelling rule that was checked and compiled. Equal when made from equal configurations.
#[derive(Clone, Debug)]
pub struct RelabelRule {
    pub(super) config: RelabelConfig,
    pub(super) regex: Compiled,
}

/// The regular expression, as its action needs it.
#[derive(Clone, Debug)]
pub(super) enum Compiled {
    /// To know whether it matches, which is cheaper.
    Match(Pattern),
    /// To know what its groups matched.
    Capture(CapturePattern),
}

impl PartialEq for RelabelRule {
    fn eq(&self, other: &Self) -> bool {
        self.config == other.config
    }
}

impl Eq for RelabelRule {}

impl RelabelRule {
    /// Checks and compiles a rule.
    ///
    /// # Errors
    ///
    /// When the regular expression is not valid, a key that the action needs is missing, or one that it would ignore
    /// is set.
    pub fn new(config: RelabelConfig) -> Result<Self, RelabelError> {
        check(&config)?;
        let regex = match config.action {
            RelabelAction::Replace | RelabelAction::LabelMap => {
                Compiled::Capture(CapturePattern::new(&config.regex)?)
            }
            _ => Compiled::Match(Pattern::new(&config.regex)?),
        };
        Ok(Self { config, regex })
    }

    /// The rule as it was written.
    pub fn config(&self) -> &RelabelConfig {
        &self.config
    }
}

/// Why a relabelling rule is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RelabelError {
    /// The action is not a word this version knows.
    #[error(
        "unknown relabel action {0:?}, expected one of replace, keep, drop, keepequal, dropequal, hashmod, labelmap, \
         labeldrop, labelkeep, lowercase, uppercase"
    )]
    UnknownAction(String),
    /// The regular expression cannot be compiled.
    #[error(transparent)]
    Regex(#[from] PatternError),
    /// The action needs a key that is missing.
    #[error("relabel action {action} needs {key:?}")]
    Missing {
        /// The action.
        action: RelabelAction,
        /// The key.
        key: &'static str,
    },
    /// A key is set that the action would ignore.
    #[error("relabel action {action} does not use {key:?}")]
    Unused {
        /// The action.
        action: RelabelAction,
        /// The key.
        key: &'static str,
    },
}

fn check(config: &RelabelConfig) -> Result<(), RelabelError> {
    use RelabelAction as Action;

    let action = config.action;
    let needs_target = matches!(
        action,
        Action::Replace
            | Action::HashMod
            | Action::Lowercase
            | Action::Uppercase
            | Action::KeepEqual
            | Action::DropEqual
    );
    if needs_target && config.target_label.is_empty() {
        return Err(RelabelError::Missing {
            action,
            key: "target_label",
        });
    }
    if action == Action::HashMod && config.modulus == 0 {
        return Err(RelabelError::Missing {
            action,
            key: "modulus",
        });
    }
    if action == Action::LabelMap && config.replacement.is_empty() {
        return Err(RelabelError::Missing {
            action,
            key: "replacement",
        });
    }
    match unused_keys(action)
        .iter()
        .copied()
        .find(|key| is_set(config, key))
    {
        Some(key) => Err(RelabelError::Unused { action, key }),
        None => Ok(()),
    }
}

/// Keys whose presence shows that the writer expects something the action does not do.
fn unused_keys(action: RelabelAction) -> &'static [&'static str] {
    match action {
        RelabelAction::Lowercase | RelabelAction::Uppercase => &["replacement"],
        RelabelAction::KeepEqual | RelabelAction::DropEqual => {
            &["regex", "modulus", "separator", "replacement"]
        }
        RelabelAction::LabelDrop | RelabelAction::LabelKeep => &[
            "source_labels",
            "target_label",
            "modulus",
            "separator",
            "replacement",
        ],
        _ => &[],
    }
}

fn is_set(config: &RelabelConfig, key: &str) -> bool {
    match key {
        "source_labels" => !config.source_labels.is_empty(),
        "separator" => config.separator != DEFAULT_SEPARATOR,
        "regex" => config.regex != DEFAULT_REGEX,
        "modulus" => config.modulus != 0,
        "target_label" => !config.target_label.is_empty(),
        "replacement" => config.replacement != DEFAULT_REPLACEMENT,
        _ => false,
    }
}
