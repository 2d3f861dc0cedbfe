//! How names that are not legacy names are written for readers that know no others: [`EscapingScheme`].

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::str::FromStr;

use thiserror::Error;

/// What a name begins with that was escaped by [`EscapingScheme::Values`].
const VALUES_PREFIX: &str = "U__";

/// The most hexadecimal digits that a code point has.
const MAX_CODE_POINT_DIGITS: usize = 6;

/// How names outside the legacy character set are written, as `escaping=` of the headers `Accept` and `Content-Type` states it.
///
/// Source: the page *UTF-8 metric and label name escaping schemes* of Prometheus's documentation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EscapingScheme {
    /// Names are written as they are, in quotes where needed.
    AllowUtf8,
    /// Every other character becomes an underscore. What a header means that states nothing.
    #[default]
    Underscores,
    /// A dot becomes `_dot_`, an underscore two, and every other character two as well.
    Dots,
    /// The name begins with `U__`, an underscore becomes two, and every other character its code point in hexadecimal
    /// between underscores. Legacy names stay as they are.
    Values,
}

impl EscapingScheme {
    /// The word of the headers and of the setting `metric_name_escaping_scheme`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AllowUtf8 => "allow-utf-8",
            Self::Underscores => "underscores",
            Self::Dots => "dots",
            Self::Values => "values",
        }
    }
}

impl fmt::Display for EscapingScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EscapingScheme {
    type Err = UnknownScheme;

    fn from_str(word: &str) -> Result<Self, UnknownScheme> {
        [Self::AllowUtf8, Self::Underscores, Self::Dots, Self::Values]
            .into_iter()
            .find(|scheme| scheme.as_str() == word)
            .ok_or_else(|| UnknownScheme {
                word: word.to_owned(),
                known: "allow-utf-8, underscores, dots or values",
            })
    }
}

/// A word that names no scheme.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown scheme {word:?}, expected {known}")]
pub struct UnknownScheme {
    /// The word.
    pub word: String,
    /// What could have been there.
    pub(super) known: &'static str,
}

/// What a name names: colons are legacy characters of metric names only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameKind {
    /// A metric: `[a-zA-Z_:][a-zA-Z0-9_:]*` are legacy names.
    Metric,
    /// A label: `[a-zA-Z_][a-zA-Z0-9_]*` are legacy names.
    Label,
}

impl NameKind {
    /// Whether `name` is a legacy name: one that needs no quotes.
    pub fn is_legacy(self, name: &str) -> bool {
        match self {
            Self::Metric => super::is_valid_metric_name(name),
            Self::Label => super::is_valid_label_name(name),
        }
    }

    fn is_legacy_character(self, character: char, is_first: bool) -> bool {
        character.is_ascii_alphabetic()
            || character == '_'
            || (character == ':' && self == Self::Metric)
            || (character.is_ascii_digit() && !is_first)
    }
}

/// Writes a name by a scheme; but for [`EscapingScheme::AllowUtf8`] the result is a legacy name, unless `name` is empty.
///
/// As Prometheus does, with one difference: it lets colons through in names of labels too, where its own parser then
/// trips over them.
///
/// ```
/// use moheng_metrics::{EscapingScheme, NameKind, escape_name};
///
/// let escape = |scheme| escape_name("http.status_code", scheme, NameKind::Label);
/// assert_eq!(escape(EscapingScheme::AllowUtf8), "http.status_code");
/// assert_eq!(escape(EscapingScheme::Underscores), "http_status_code");
/// assert_eq!(escape(EscapingScheme::Dots), "http_dot_status__code");
/// assert_eq!(escape(EscapingScheme::Values), "U__http_2e_status__code");
/// ```
pub fn escape_name(name: &str, scheme: EscapingScheme, kind: NameKind) -> Cow<'_, str> {
    let is_done = match scheme {
        EscapingScheme::AllowUtf8 => true,
        EscapingScheme::Underscores | EscapingScheme::Values => kind.is_legacy(name),
        // Even a legacy name has underscores to double.
        EscapingScheme::Dots => kind.is_legacy(name) && !name.contains('_'),
    };
    if is_done || name.is_empty() {
        return Cow::Borrowed(name);
    }
    let mut out = String::with_capacity(name.len() + 16);
    if scheme == EscapingScheme::Values {
        out.push_str(VALUES_PREFIX);
    }
    for (offset, character) in name.char_indices() {
        match (scheme, character) {
            (EscapingScheme::Dots | EscapingScheme::Values, '_') => out.push_str("__"),
            (EscapingScheme::Dots, '.') => out.push_str("_dot_"),
            _ if kind.is_legacy_character(character, offset == 0) => out.push(character),
            (EscapingScheme::Dots, _) => out.push_str("__"),
            (EscapingScheme::Values, _) => {
                // Writing to a string does not fail.
                let _ = write!(out, "_{:x}_", u32::from(character));
            }
            _ => out.push('_'),
        }
    }
    Cow::Owned(out)
}

/// Reads back what [`escape_name`] wrote.
///
/// [`EscapingScheme::Values`] loses nothing; of a name that it can not have written, the name itself is returned. With
/// [`EscapingScheme::Dots`] characters other than dots stay underscores; the other two schemes undo nothing.
///
/// ```
/// use moheng_metrics::{EscapingScheme, unescape_name};
///
/// assert_eq!(unescape_name("U__http_2e_status__code", EscapingScheme::Values), "http.status_code");
/// assert_eq!(unescape_name("http_dot_status__code", EscapingScheme::Dots), "http.status_code");
/// assert_eq!(unescape_name("U__half_2e", EscapingScheme::Values), "U__half_2e");
/// ```
pub fn unescape_name(name: &str, scheme: EscapingScheme) -> Cow<'_, str> {
    match scheme {
        EscapingScheme::AllowUtf8 | EscapingScheme::Underscores => Cow::Borrowed(name),
        EscapingScheme::Dots => unescape_dots(name),
        EscapingScheme::Values => match name.strip_prefix(VALUES_PREFIX).and_then(unescape_values) {
            Some(text) => Cow::Owned(text),
            None => Cow::Borrowed(name),
        },
    }
}

fn unescape_dots(name: &str) -> Cow<'_, str> {
    if !name.contains("__") && !name.contains("_dot_") {
        return Cow::Borrowed(name);
    }
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('_') {
        out.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix("dot_") {
            out.push('.');
            rest = after;
        } else {
            out.push('_');
            rest = rest.strip_prefix('_').unwrap_or(rest);
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// What follows the prefix, or `None` when it was not written by the scheme.
fn unescape_values(escaped: &str) -> Option<String> {
    let mut out = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some((before, after)) = rest.split_once('_') {
        out.push_str(before);
        let (digits, after) = after.split_once('_')?;
        rest = after;
        if digits.is_empty() {
            out.push('_');
            continue;
        }
        // `from_str_radix` takes a plus sign.
        if digits.len() > MAX_CODE_POINT_DIGITS || digits.starts_with('+') {
            return None;
        }
        let code_point = u32::from_str_radix(digits, 16).ok()?;
        out.push(char::from_u32(code_point)?);
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, kind: NameKind, underscores: &str, dots: &str, values: &str) {
        for (scheme, expected) in [
            (EscapingScheme::AllowUtf8, name),
            (EscapingScheme::Underscores, underscores),
            (EscapingScheme::Dots, dots),
            (EscapingScheme::Values, values),
        ] {
            assert_eq!(escape_name(name, scheme, kind), expected, "{name:?} by {scheme}");
        }
        assert_eq!(unescape_name(values, EscapingScheme::Values), name);
    }

    #[test]
    fn names_of_metrics() {
        use NameKind::Metric;
        check("", Metric, "", "", "");
        check("up", Metric, "up", "up", "up");
        check("go_gc:rate", Metric, "go_gc:rate", "go__gc:rate", "go_gc:rate");
        check("a.b_c", Metric, "a_b_c", "a_dot_b__c", "U__a_2e_b__c");
        check("9up", Metric, "_up", "__up", "U___39_up");
        check("a9.", Metric, "a9_", "a9_dot_", "U__a9_2e_");
        check("\u{e9}", Metric, "_", "__", "U___e9_");
        check("a\u{1f60a}b", Metric, "a_b", "a__b", "U__a_1f60a_b");
        check("x y", Metric, "x_y", "x__y", "U__x_20_y");
        check("\u{10ffff}", Metric, "_", "__", "U___10ffff_");
    }

    #[test]
    fn names_of_labels_have_no_colons() {
        check("a:b", NameKind::Label, "a_b", "a__b", "U__a_3a_b");
        check("a_b", NameKind::Label, "a_b", "a__b", "a_b");
    }

    #[test]
    fn what_no_scheme_wrote_stays() {
        for name in [
            "U__a_",
            "U__a_2",
            "U__a_2e",
            "U__a_xyz_",
            "U__a_d800_",
            "U__a_110000_",
            "U__a_0000041_",
            "U__a_+41_",
            "u__a_41_",
            "a_41_",
        ] {
            assert_eq!(unescape_name(name, EscapingScheme::Values), name);
        }
        assert_eq!(unescape_name("U__", EscapingScheme::Values), "");
        assert_eq!(unescape_name("U__a_2E_b", EscapingScheme::Values), "a.b");
        assert_eq!(unescape_name("a_b_c", EscapingScheme::Dots), "a_b_c");
        assert_eq!(unescape_name("a_", EscapingScheme::Dots), "a_");
        assert_eq!(unescape_name("a__dot__b", EscapingScheme::Dots), "a_dot_b");
        assert_eq!(unescape_name("a_dot__dot_b", EscapingScheme::Dots), "a..b");
        assert_eq!(unescape_name("U__a_41_", EscapingScheme::Underscores), "U__a_41_");
    }

    #[test]
    fn words() {
        for word in ["allow-utf-8", "underscores", "dots", "values"] {
            assert_eq!(
                word.parse::<EscapingScheme>().map(EscapingScheme::as_str),
                Ok(word)
            );
        }
        let error = "utf8".parse::<EscapingScheme>().unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"unknown scheme "utf8", expected allow-utf-8, underscores, dots or values"#
        );
    }
}
