//! [`MediaType`]: what the headers `Accept` and `Content-Type` are made of.

/// The most parts of a header that are looked at.
const MAX_PARTS: usize = 64;

/// A media type with its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MediaType {
    /// `type/subtype`, in small letters.
    pub(super) essence: String,
    /// Names in small letters; values without quotes.
    parameters: Vec<(String, String)>,
}

impl MediaType {
    /// Reads `type/subtype; name=value; name="value"`. Parameters without a value are left out.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = split_unquoted(text, ';').into_iter();
        let essence = parts.next()?.trim().to_ascii_lowercase();
        let (kind, subtype) = essence.split_once('/')?;
        if kind.is_empty() || subtype.is_empty() {
            return None;
        }
        let parameters = parts
            .filter_map(|part| {
                let (name, value) = part.split_once('=')?;
                let value = value.trim();
                let value = value
                    .strip_prefix('"')
                    .and_then(|value| value.strip_suffix('"'))
                    .unwrap_or(value);
                Some((name.trim().to_ascii_lowercase(), value.to_owned()))
            })
            .collect();
        Some(Self { essence, parameters })
    }

    /// Reads the media types of an `Accept` header; those that are none are left out.
    pub(super) fn parse_list(text: &str) -> Vec<Self> {
        let parts = split_unquoted(text, ',');
        parts.into_iter().filter_map(Self::parse).collect()
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(candidate, _)| candidate == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether the parameters describe Prometheus's messages, each after its length; those missing are taken as such.
    pub(super) fn is_delimited_protobuf(&self) -> bool {
        let is = |name, expected| self.parameter(name).is_none_or(|value| value == expected);
        is("proto", "io.prometheus.client.MetricFamily") && is("encoding", "delimited")
    }

    /// The parameter `q` in thousandths, 1000 when it is missing or wrong.
    pub(super) fn weight(&self) -> u16 {
        let weight = self.parameter("q").and_then(|value| value.parse::<f64>().ok());
        let weight = weight
            .filter(|weight| (0.0..=1.0).contains(weight))
            .unwrap_or(1.0);
        (weight * 1000.0).round() as u16
    }
}

/// Splits at `separator` wherever it does not stand between double quotes.
fn split_unquoted(text: &str, separator: char) -> Vec<&str> {
    let mut is_quoted = false;
    let is_end = |character: char| {
        is_quoted ^= character == '"';
        character == separator && !is_quoted
    };
    text.splitn(MAX_PARTS, is_end).collect()
}
