//! What is a metric or label name: [`ValidationScheme`].

use std::str::FromStr;

use super::escaping::UnknownScheme;

/// Which names are accepted at all, as the setting `metric_name_validation_scheme` says.
///
/// ```
/// use moheng_metrics::ValidationScheme;
///
/// assert!(ValidationScheme::Utf8.is_valid_metric_name("http.requests"));
/// assert!(!ValidationScheme::Legacy.is_valid_metric_name("http.requests"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ValidationScheme {
    /// Any UTF-8 text that is not empty.
    #[default]
    Utf8,
    /// What [`is_valid_metric_name`] and [`is_valid_label_name`] accept.
    Legacy,
}

impl ValidationScheme {
    /// The word of the setting.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 => "utf8",
            Self::Legacy => "legacy",
        }
    }

    /// Whether a metric may be called so.
    pub fn is_valid_metric_name(self, name: &str) -> bool {
        match self {
            Self::Utf8 => !name.is_empty(),
            Self::Legacy => is_valid_metric_name(name),
        }
    }

    /// Whether a label may be called so.
    pub fn is_valid_label_name(self, name: &str) -> bool {
        match self {
            Self::Utf8 => !name.is_empty(),
            Self::Legacy => is_valid_label_name(name),
        }
    }
}

impl FromStr for ValidationScheme {
    type Err = UnknownScheme;

    fn from_str(word: &str) -> Result<Self, UnknownScheme> {
        match word {
            "utf8" => Ok(Self::Utf8),
            "legacy" => Ok(Self::Legacy),
            _ => Err(UnknownScheme {
                word: word.to_owned(),
                known: "utf8 or legacy",
            }),
        }
    }
}

/// Whether `name` can be written as a metric name without quotes: `[a-zA-Z_:][a-zA-Z0-9_:]*`.
///
/// Any other non-empty UTF-8 text is a valid name too, but has to be quoted in text formats and PromQL.
pub fn is_valid_metric_name(name: &str) -> bool {
    is_name(name, |byte| {
        byte.is_ascii_alphabetic() || byte == b'_' || byte == b':'
    })
}

/// Whether `name` can be written as a label name without quotes: `[a-zA-Z_][a-zA-Z0-9_]*`.
pub fn is_valid_label_name(name: &str) -> bool {
    is_name(name, |byte| byte.is_ascii_alphabetic() || byte == b'_')
}

fn is_name(name: &str, is_start: impl Fn(u8) -> bool) -> bool {
    match name.as_bytes() {
        [] => false,
        [first, rest @ ..] => {
            is_start(*first) && rest.iter().all(|&byte| is_start(byte) || byte.is_ascii_digit())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, metric, label) in [
            ("up", true, true),
            ("node:cpu:rate1m", true, false),
            ("_9", true, true),
            ("9a", false, false),
            ("", false, false),
            ("a.b", false, false),
            ("gr\u{f6}\u{df}e", false, false),
        ] {
            assert_eq!(is_valid_metric_name(name), metric, "{name}");
            assert_eq!(is_valid_label_name(name), label, "{name}");
            assert_eq!(
                ValidationScheme::Legacy.is_valid_metric_name(name),
                metric,
                "{name}"
            );
            assert_eq!(
                ValidationScheme::Legacy.is_valid_label_name(name),
                label,
                "{name}"
            );
            assert_eq!(
                ValidationScheme::Utf8.is_valid_metric_name(name),
                !name.is_empty()
            );
            assert_eq!(ValidationScheme::Utf8.is_valid_label_name(name), !name.is_empty());
        }
    }

    #[test]
    fn words() {
        for word in ["utf8", "legacy"] {
            assert_eq!(
                word.parse::<ValidationScheme>().map(ValidationScheme::as_str),
                Ok(word)
            );
        }
        assert!("UTF8".parse::<ValidationScheme>().is_err());
    }
}
